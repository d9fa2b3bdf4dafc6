"""What may happen, each a verb of :class:`Acts` named as its step is: to the machine, at Patreon, at Discord, by anybody."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import aiohttp

from bot.core.model import DiscordUserId, GuildId
from bot.errors import StoreError
from bot.store import Tables
from bot.texts import pages
from sandbox.discord.interaction import Interaction, NoAnswer, NotPossible
from sandbox.world.guild_records import Unknown
from tests.e2e.theatre import buttons, link_of
from tests.failures.model import Favour
from tests.failures.steps import Step
from tests.failures.town import ROLES
from tests.failures.troubles import TROUBLES, UNTOLD

if TYPE_CHECKING:
    from tests.failures.player import Player

ANSWERS_WITHIN = 12.0
"""Seconds somebody waits for the bot's answer before they do something else."""

SENSELESS = (NotPossible, Unknown, LookupError, ValueError)
"""What comes of a step that makes no sense where it stands."""

UNANSWERED = (NoAnswer, TimeoutError, aiohttp.ClientError, OSError, StoreError, AssertionError)
"""What comes of one that nobody answers."""


class Acts:
    """Everything that may happen around one player. ``asked_at`` is when the bot was last asked to change something."""

    def __init__(self, player: "Player") -> None:
        self._player = player
        self.asked_at = 0.0

    async def do(self, step: Step) -> None:
        """Let a step happen; one that makes no sense, or that nobody answers, is over with that."""
        verb: Callable[..., Awaitable[None]] = getattr(self, step.verb)
        try:
            await verb(*step.words)
        except (*SENSELESS, *UNANSWERED):
            return

    # --- time and machine --------------------------------------------------------------------------------------------------

    async def wait(self, seconds: str) -> None:
        await self._player.pass_time(float(seconds))

    async def start(self) -> None:
        await self._player.start()

    async def stop(self) -> None:
        await self._player.machine.stop()

    async def trouble(self, name: str, seconds: str) -> None:
        self._player.begin(TROUBLES[name](self._player.stage), float(seconds))
        if name in UNTOLD:
            self._player.watch.untold(timedelta(seconds=float(seconds)))

    async def database(self, how: str, seconds: str) -> None:
        """Break the line to the database, for a while or only once."""
        if self._player.line is None:
            raise LookupError("this database is a file")
        line, self._player.hurt_at = self._player.line, self._player.loop.time()
        line.cut()
        if how == "down":
            line.up = False
            self._player.begin(line.mend, float(seconds))

    async def clock(self, seconds: str) -> None:
        self._player.skew = timedelta(seconds=float(seconds))

    async def gateway(self, how: str) -> None:
        gateway, self._player.hurt_at = self._player.stage.discord.gateway, self._player.loop.time()
        match how:
            case "drop":
                await gateway.drop()
            case "lose":
                await gateway.drop(resumable=False)
            case "reconnect":
                gateway.ask_to_reconnect()
            case "invalid":
                gateway.invalidate()
            case _:
                raise ValueError(how)

    async def hook(self, how: str) -> None:
        """Deliver an old webhook once more, or one that somebody made up."""
        log = self._player.world.patreon.hooks.log
        newest = next((each for each in reversed(log) if each.delivered), None)
        if newest is None:
            return
        if how == "again":
            self._player.stage.patreon.sender.again(newest)
        else:
            headers = {"X-Patreon-Event": newest.trigger, "X-Patreon-Signature": "0" * 32}
            post = partial(aiohttp.request, "POST", newest.webhook.uri, data=newest.body, headers=headers)
            async with post() as response:
                if response.status == 200:
                    self._player.watch.blame("a forged webhook was taken")

    # --- Patreon -----------------------------------------------------------------------------------------------------------

    async def pledge(self, who: str, tier: str, months: str = "1") -> None:
        member = self._player.world.patreon.membership(who)
        if member is None or member.pledge_id is None:
            self._player.model.cadences[who, self._player.world.patreon.now] = int(months)
        self._player.world.patreon.pledge(who, tier=tier, cadence=int(months))

    async def change(self, who: str, tier: str) -> None:
        self._player.world.patreon.change_pledge(who, tier=tier)

    async def cancel(self, who: str) -> None:
        self._player.world.patreon.cancel(who)

    async def breakcard(self, who: str) -> None:
        self._player.world.patreon.break_card(who)

    async def pay(self, who: str) -> None:
        member = self._player.world.patreon.membership(who)
        if member is not None and member.declined_since is not None:
            self._player.world.patreon.pay(who)

    async def gift(self, who: str, tier: str, months: str) -> None:
        member = self._player.world.patreon.gift(who, tier, months=int(months))
        assert member.ends_at is not None
        self._player.model.favours.append(Favour(who, tier, self._player.world.patreon.now, member.ends_at))

    async def trial(self, who: str, tier: str) -> None:
        member = self._player.world.patreon.trial(who, tier)
        assert member.next_charge_at is not None
        self._player.model.favours.append(Favour(who, tier, self._player.world.patreon.now, member.next_charge_at))

    async def refund(self, who: str) -> None:
        self._player.world.patreon.refund(who)

    async def fraud(self, who: str) -> None:
        self._player.world.patreon.fraud(who)

    async def decline(self, who: str) -> None:
        self._player.world.patreon.decline(who)

    async def disconnect(self, who: str) -> None:
        """Take the bot's permission back at Patreon, which ends the pair; the creator's list still tells of the person."""
        self._player.world.patreon.oauth.revoke(self._player.world.patreon.account(who))

    async def void(self, who: str) -> None:
        """Let Patreon void somebody's access tokens, while their refresh tokens live."""
        self._player.world.patreon.oauth.void_access(self._player.world.patreon.account(who))

    async def free(self, who: str) -> None:
        self._player.world.patreon.join_free(who)

    # --- Discord -----------------------------------------------------------------------------------------------------------

    async def join(self, who: str) -> None:
        if self._player.user(who) not in self._player.guild.members:
            self._player.world.discord.join(self._player.guild.id, self._player.user(who))

    async def leave(self, who: str) -> None:
        self._player.world.discord.leave(self._player.guild.id, self._player.user(who))
        self._player.model.by_hand = {(user, role) for user, role in self._player.model.by_hand if user != who}

    async def take(self, who: str, role: str) -> None:
        """Let a moderator take a role by hand."""
        world, user, number = self._player.world.discord, self._player.user(who), self._player.role(role)
        if world.take_role(self._player.guild.id, user, number):
            self._player.model.by_hand.discard((who, role))
            self._player.watch.untold()

    async def give(self, who: str, role: str) -> None:
        """Let a moderator give a role by hand."""
        world, user, number = self._player.world.discord, self._player.user(who), self._player.role(role)
        if world.give_role(self._player.guild.id, user, number):
            self._player.model.by_hand.add((who, role))

    # --- members -----------------------------------------------------------------------------------------------------------

    async def link(self, user: str, account: str) -> None:
        """Link, unless Patreon's account is somebody's already or the user has another."""
        if user in self._player.model.links or account in self._player.model.links.values():
            return
        async with self._asking():
            interaction = await self._command(user, "link")
            page = await self._player.follow(link_of(interaction), account)
            if "confirm" not in page:
                raise NoAnswer(page)
            done = await self._player.confirm(page)
            if f"<h1>{pages.LINKED_TITLE}</h1>" not in done:
                raise NoAnswer(done)
            self._player.model.links[user] = account

    async def unlink(self, user: str) -> None:
        if user not in self._player.model.links:
            return

        async def gone(t: Tables) -> bool:
            return await t.links.load(DiscordUserId(self._player.user(user))) is None

        async with self._asking():
            await self._agree(user, "unlink", gone)
            del self._player.model.links[user]

    # --- staff -------------------------------------------------------------------------------------------------------------

    async def rule(self, role: str) -> None:
        if role in self._player.model.rules:
            return
        async with self._asking():
            wanted: dict[str, Any] = {"role": str(self._player.role(role))}
            match role:
                case "Patrons":
                    wanted |= {"when": "paying"}
                case "Generous":
                    wanted |= {"when": "amount", "amount": 5.0}
                case tier:
                    wanted |= {
                        "when": "tier",
                        "tier": self._player.world.patreon.tier(tier, self._player.world.patreon.campaign()).id,
                    }
            await self._agree("Clara", "roles add", lambda t: self._has_rule(t, role), **wanted)
            self._player.model.rules.add(role)

    async def unrule(self, role: str) -> None:
        number = await self._rule_number(role)
        if role not in self._player.model.rules or number is None:
            return

        async def gone(t: Tables) -> bool:
            return not await self._has_rule(t, role)

        async with self._asking():
            await self._agree("Clara", "roles remove", gone, rule=number)
            self._player.model.rules.discard(role)

    async def approve(self, answer: str) -> None:
        """Answer the brake's oldest question, if it has one."""
        guild = GuildId(self._player.guild.id)
        if not self._player.up:
            return
        async with self._player.store.read() as t:
            waiting = await t.holds.waiting(guild)
            held = [] if not waiting else await t.holds.revocations(guild, waiting[0].run)
        if not waiting:
            return

        async def answered(t: Tables) -> bool:
            return waiting[0].run not in {hold.run for hold in await t.holds.waiting(guild)}

        if answer == "keep":
            named = {self._player.role(name): name for name in ROLES}
            world = self._player.world.discord
            self._player.model.kept |= {(world.user(row.user).name.capitalize(), named[row.role]) for row in held}
        await self._agree("Clara", "sync approve", answered, press=0 if answer == "take" else 1)

    async def sync(self) -> None:
        await self._command("Clara", "sync now")

    async def pause(self) -> None:
        async with self._asking():
            await self._command("Clara", "sync pause")
            self._player.watch.stopped.setdefault("paused", self._player.world.clock.now())

    async def resume(self) -> None:
        async def saved(t: Tables) -> bool:
            return not (await t.guilds.load(GuildId(self._player.guild.id))).policy.paused

        async with self._asking():
            await self._agree("Clara", "sync resume", saved)
            self._player.watch.stopped.pop("paused", None)

    async def shadow(self, how: str) -> None:
        async def saved(t: Tables) -> bool:
            return (await t.guilds.load(GuildId(self._player.guild.id))).policy.shadow == (how == "on")

        async with self._asking():
            await self._agree("Clara", "settings", saved, shadow=how == "on")
            self._player.watch.stopped.pop("shadowed", None)
            if how == "on":
                self._player.watch.stopped["shadowed"] = self._player.world.clock.now()

    async def _command(self, name: str, command: str, **options: Any) -> Interaction:
        """Use a command as somebody who does not wait for ever; raises NoAnswer where Discord has nobody to tell it to."""
        if not self._player.up:
            raise NoAnswer("no process")
        interaction = await self._player.stage.discord.run_command(
            self._player.user(name), command, options, guild=self._player.guild.id
        )
        await interaction.settled(ANSWERS_WITHIN)
        return interaction

    async def _agree(
        self, name: str, command: str, holds: Callable[[Tables], Awaitable[bool]], *, press: int = 0, **options: Any
    ) -> None:
        """Use a command that asks first, agree, and wait until what was agreed to is stored."""
        asked = await self._command(name, command, **options)
        question = await asked.wait_for(lambda message: bool(message.components), ANSWERS_WITHIN)
        await self._player.stage.discord.press(question, buttons(question)[press], asked.user_id)
        async with asyncio.timeout(ANSWERS_WITHIN):
            while not await self._stored(holds):  # noqa: ASYNC110 # only the store knows
                await asyncio.sleep(0.05)

    async def _stored(self, holds: Callable[[Tables], Awaitable[bool]]) -> bool:
        if not self._player.up:
            raise NoAnswer("the process died")
        try:
            async with self._player.store.read() as t:
                return await holds(t)
        except StoreError:
            return False

    @asynccontextmanager
    async def _asking(self) -> AsyncIterator[None]:
        """Count what the block asks for as neither done nor undone when it ends in the middle."""
        before, self._player.model.unsure = self._player.model.unsure, True
        self.asked_at = self._player.loop.time()
        yield
        self._player.model.unsure = before

    async def _rule_number(self, role: str) -> int | None:
        if not self._player.up:
            return None
        async with self._player.store.read() as t:
            rules = await t.rules.of_guild(GuildId(self._player.guild.id))
        return next((rule.rule for rule in rules if rule.role == self._player.role(role)), None)

    async def _has_rule(self, t: Tables, role: str) -> bool:
        return any(rule.role == self._player.role(role) for rule in await t.rules.of_guild(GuildId(self._player.guild.id)))
