"""Judges a history when all is calm: whether everybody has what is theirs, and the bot says and does what is true."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, cast

import aiohttp

from bot.core.model import DiscordUserId, GuildId, Holding, RoleId
from bot.sync import Previews
from tests.failures.logbook import Logbook
from tests.failures.player import Player
from tests.failures.steps import step
from tests.failures.town import OTHERS, PEOPLE, ROLES

RECOVERS_WITHIN = 62.0
"""Seconds after the last trouble in which the process is at work again; two for the clocks to agree."""

if TYPE_CHECKING:
    from bot.sync.ports import Guilds

_ENDED = 1.12
"""A refresh comes up to a tenth of its interval late."""

ATTEMPTS_A_STEP = 40
"""Role calls, tried or done, that one step may cost at most, whatever stands in the way."""

LOG_A_MINUTE = 1_000_000


class _Unblocked:
    """A guild in which every role may be given: the bot stands above all of them."""

    def is_ready(self, _guild: GuildId) -> bool:
        """Say that roles are known."""
        return True

    def blocked(self, _guild: GuildId, _role: RoleId) -> None:
        """Say that nothing is in the way."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was wrong (nothing, where all is well), and what is counted: roles taken and given back, changes of roles."""

    faults: tuple[str, ...]
    returned: int
    calls: int


async def judge(player: Player, logbook: Logbook, steps: int) -> Verdict:
    """End a history and look at everything."""
    await player.finish()
    if player.up:
        await player.live(max(3.0, player.hurt_at + RECOVERS_WITHIN - player.loop.time()))
        if not player.connected:
            player.watch.blame("the gateway is not connected a minute after the last trouble")
    if player.up:
        await _calm(player)
    if player.machine.died is not None:
        player.watch.blame(f"the process ended by itself: {player.machine.died}")
    if player.role_calls() > ATTEMPTS_A_STEP * (steps + 1):
        player.watch.blame(f"{player.role_calls()} role calls for {steps} steps")
    if logbook.most_a_minute > LOG_A_MINUTE:
        player.watch.blame(f"{logbook.most_a_minute} bytes of log in a minute")
    for line in logbook.alarms:
        player.watch.blame(f"it logged: {line}")
    return Verdict(tuple(player.watch.faults), player.watch.returned.total(), player.watch.calls)


async def _calm(player: Player) -> None:
    """Let the staff end what they began and the news come through, then look at everything."""
    await player.learn()
    await _go_on(player)
    if player.watch.owed_until is not None:
        await refresh(player, least=player.watch.owed_until - player.world.clock.now())
    for _ in range(3):
        await refresh(player)
    await _answer_the_brake(player)
    before = player.role_calls()
    await refresh(player)
    if player.role_calls() != before:
        player.watch.blame("roles still change although nothing happens")
    _roles(player)
    await _what_it_says(player)


async def refresh(player: Player, least: timedelta = timedelta()) -> None:
    """Let one interval pass, or ``least`` where that is longer, and all that follows from it."""
    await player.quiet()
    await player.leap(max(player.refresh_every * _ENDED, least).total_seconds())
    player.world.patreon.settle()
    await player.live(1)
    await player.quiet()


async def _answer_the_brake(player: Player) -> None:
    """Let the staff say that what is held may go, as often as they are asked."""
    for _ in range(5):
        await player.acts.do(step("approve", "take"))
        await player.live(1)
        await player.quiet()


async def _go_on(player: Player) -> None:
    """Let the staff end what they stopped."""
    ends = {"paused": step("resume"), "shadowed": step("shadow", "off")}
    for how in tuple(player.watch.stopped):
        await player.acts.do(ends[how])


def _roles(player: Player) -> None:
    now = player.world.clock.now()
    since = now - player.watch.window * 1.6
    for user in (*PEOPLE, *OTHERS):
        if player.user(user) not in player.guild.members:
            continue
        right, has = player.model.roles(user, now, since), player.roles(user) & set(ROLES)
        if missing := right.must - has:
            player.watch.blame(f"{user} is without {_named(missing)}")
        if extra := has - right.may:
            player.watch.blame(f"{user} still has {_named(extra)}")


async def _what_it_says(player: Player) -> None:
    """Hold law 13 against it: the preview says 0, explanations agree with Discord, nothing waits, and it says it is well."""
    guild = GuildId(player.guild.id)
    previews = Previews(player.store, cast("Guilds", _Unblocked()), now=player.bot_now)
    async with player.store.read() as t:
        waiting = await t.nudges.pending()
    effect = await previews.outlook(guild)
    if effect.adds or effect.takes or effect.holds:
        player.watch.blame(f"the preview says {effect.adds} given, {effect.takes} taken, {effect.holds} held")
    if waiting:
        player.watch.blame(f"{waiting} pieces of work wait")
    for user in player.model.links:
        if player.user(user) in player.guild.members:
            found = await previews.explain(guild, DiscordUserId(player.user(user)))
            held = {role for role, grant in found.ledger.items() if grant.holding is Holding.HELD}
            believed = {name for name in ROLES if player.role(name) in held}
            ruled = {name for name in player.model.rules if name in player.roles(user)}
            if found.decision.change or believed & player.model.rules != ruled:
                player.watch.blame(f"explained for {user}: {_named(believed)}; they have {_named(ruled)}")
    async with aiohttp.ClientSession() as session, session.get(f"{player.url}/readyz") as answer:
        if answer.status != 200:  # HTTP's OK
            player.watch.blame(f"/readyz says {answer.status}: {await answer.text()}")


def _named(roles: set[str] | frozenset[str]) -> str:
    return ", ".join(sorted(roles)) or "nothing"
