"""The simulators of a benchmark, in a process of their own: verbs in as JSON lines, what they found out as JSON lines.

``python -m bench.stand`` serves; ``bench.remote`` is the other end. The bot's process never imports the sandbox, so that
its memory and its processor time are its own. No measuring here beyond counting and looking at the clock.
"""

import asyncio
import itertools
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec

from sandbox.discord.limits import GIVE_ROLE
from sandbox.stage import Stage, free_port
from sandbox.world.examples import crowd, small_world
from sandbox.world.patreon_model import Membership, Tier

LINE = 64 * 1024 * 1024
"""The longest line either side reads: a list of 100,000 ids is about a megabyte."""


class Stand:
    """A campaign and a guild of any size, served on the loopback. Verbs take and give plain JSON values."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._world = stage.world
        self._campaign = stage.world.patreon.campaign()
        self._world.patreon.keep_pages = True
        self._web_port = free_port()
        self._hook = stage.hook_up(self._web_port)
        self._users: list[int] = []
        self._untouched: Iterator[Membership] = iter(())
        stage.discord.limits.lift()

    def fill(self, members: int, joined: int, guild: int, furnished: int = 0) -> dict[str, Any]:
        """Bring the campaign to so many members, of whom ``joined`` are in the guild, and the guild to so many people.

        Who they are, :meth:`people` says. ``furnished`` 1: whoever is in the guild has every role already.
        """
        home, discord = self._stage.guild, self._world.discord
        crowd(self._world, members - len(self._campaign.memberships))
        roles = self._roles()
        there = discord.add_members(home.id, guild - len(home.members), roles=roles.values() if furnished else ())
        self._untouched = iter(list(self._campaign.memberships))
        self._users = [*there[:joined], *range(there.stop + 1, there.stop + 1 + members - joined)]
        paid = [tier for tier in self._campaign.tiers.values() if tier.amount_cents]
        return {
            "campaign": self._campaign.id,
            "guild": home.id,
            "rules": [[tier.id, roles[tier.title], tier.amount_cents] for tier in paid],
        }

    def people(self, start: int, stop: int) -> list[tuple[int, str]]:
        """Give some of the members: the Discord user each of them is, and the patron."""
        patrons = [membership.account.id for membership in self._campaign.memberships[start:stop]]
        return list(zip(self._users[start:stop], patrons, strict=True))

    def environment(self, database_url: str) -> dict[str, str]:
        """Give what points the bot here."""
        return self._stage.environment(self._web_port, database_url)

    def counts(self) -> dict[str, int]:
        """Give the requests so far by host and route, and the 429s among Discord's."""
        patreon = {f"patreon {route}": count for route, count in self._world.patreon.requests.items()}
        discord = {f"discord {route}": count for route, count in self._stage.discord.calls.items()}
        return patreon | discord | {"refused": self._stage.discord.limits.refused.total()}

    def forget(self) -> None:
        """Begin to count anew."""
        self._world.patreon.requests.clear()
        self._stage.discord.calls.clear()
        self._stage.discord.limits.refused.clear()

    def move(self, seconds: float) -> None:
        """Let time pass in the world."""
        self._world.clock.move(timedelta(seconds=seconds))

    def change_tiers(self, how_many: int, heard: int = 0) -> None:
        """Let so many patrons, others each time, go one tier on; ``heard`` 1: webhooks tell of it, else none does."""
        hooks = self._world.patreon.hooks
        hooks.enabled = bool(heard)
        for membership in itertools.islice(self._untouched, how_many):
            self._change(membership)
        hooks.enabled = True

    async def delivered(self) -> None:
        """Wait until every webhook that is due was sent."""
        await self._stage.patreon.sender.settled()

    async def flood(self, patrons: int, changed: int, seconds: float) -> dict[str, float]:
        """Let so many patrons pay, and ``changed`` others change their tier, evenly over ``seconds``; webhooks tell of all.

        Returns how many webhooks were taken by the bot, how many were not, and how long it took until the last was.
        """
        loop, sender = asyncio.get_running_loop(), self._stage.patreon.sender
        happened, began = self._world.timeline.subscribe(), loop.time()
        chosen = list(itertools.islice(self._untouched, patrons))
        every = max(1, patrons // max(changed, 1))
        for number, membership in enumerate(chosen):
            await asyncio.sleep(max(0.0, began + seconds * number / patrons - loop.time()))
            if changed and number % every == 0:
                self._change(membership)
            else:
                self._world.patreon.pay(membership.account, self._campaign)
        await sender.settled()
        self._world.timeline.unsubscribe(happened)
        entries = [happened.get_nowait() for _ in range(happened.qsize())]
        answers = [entry.data["status"] for entry in entries if entry.kind == "patreon.webhook"]
        taken = sum(answer == 200 for answer in answers)  # noqa: PLR2004 # HTTP's OK
        return {"taken": taken, "refused": len(answers) - taken, "seconds": loop.time() - began}

    def limit(self, requests: int, seconds: float) -> None:
        """Let Discord take so many new roles in each window, and be strict about it."""
        limits = self._stage.discord.limits
        limits.restore()
        limits.set(GIVE_ROLE, requests, seconds)

    def writes(self) -> dict[str, float]:
        """Give how many roles were given so far, and the seconds from the first to the last of them."""
        at = [entry.at for entry in self._stage.guild.audit_log if entry.reason]
        return {"writes": len(at), "seconds": (max(at) - min(at)).total_seconds() if at else 0.0}

    def _change(self, membership: Membership) -> None:
        self._world.patreon.change_pledge(membership.account, self._campaign, tier=self._next_tier(membership))

    def _next_tier(self, membership: Membership) -> Tier:
        paid = [tier for tier in self._campaign.tiers.values() if tier.amount_cents]
        now = next(index for index, tier in enumerate(paid) if tier is membership.tier)
        return paid[(now + 1) % len(paid)]

    def _roles(self) -> dict[str, int]:
        titles = {tier.title for tier in self._campaign.tiers.values()}
        return {role.name: role.id for role in self._stage.guild.roles.values() if role.name in titles}


async def call(stand: Stand, verb: str, *args: Any) -> Any:
    """Do what a verb's name says."""
    found = getattr(stand, verb)(*args)
    return await found if asyncio.iscoroutine(found) else found


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with Stage(small_world(client_version=2)).serve() as stage:
        stand = Stand(stage)
        while line := await reader.readline():
            answer = await call(stand, *msgspec.json.decode(line))
            sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n")
            sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(_serve())
