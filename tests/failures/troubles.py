"""What goes wrong around the bot, by name: at Patreon, at Discord, on the way between, in the database. Switched on and off.

Each trouble is a function that begins it and returns what ends it. That they are all here makes the list of what the
histories know.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from sandbox.discord.faults import FOREVER
from sandbox.discord.faults import Fault as DiscordFault
from sandbox.discord.gateway import Manner
from sandbox.stage import Stage
from sandbox.world.patreon_faults import Fault, Rule

End = Callable[[], None]
Begin = Callable[[Stage], End]

ROLE_ROUTES = "*/roles/*"
LISTS = r"/members$"


def _patreon(
    fault: Fault, path: str | None = None, status: int = 503, seconds: float = 9, times: int | None = None
) -> Begin:
    def begin(stage: Stage) -> End:
        faults = stage.world.patreon.faults
        rule = faults.add(fault, path=path, status=status, seconds=seconds, times=times)
        return partial(_lift, faults.rules, rule, stage)

    return begin


def _lift(_before: list[Rule], rule: Rule, stage: Stage) -> None:
    faults = stage.world.patreon.faults
    faults.rules = [each for each in faults.rules if each is not rule]


def _discord(fault: DiscordFault) -> Begin:
    def begin(stage: Stage) -> End:
        begun = replace(fault)
        stage.discord.faults.add(begun)
        return partial(stage.discord.faults.lift, begun)

    return begin


def _silent_hooks(stage: Stage) -> End:
    """Let Patreon send no webhooks and remember none, as in its days without deliveries."""
    hooks = stage.world.patreon.hooks
    hooks.enabled = False

    def end() -> None:
        hooks.enabled = True

    return end


def _paused_hooks(stage: Stage) -> End:
    """Let Patreon keep its webhooks to itself, and deliver them all later."""
    hooks = stage.world.patreon.hooks
    for hook in hooks.webhooks.values():
        hooks.pause(hook)

    def end() -> None:
        for hook in hooks.webhooks.values():
            hooks.resume(hook, stage.world.clock.now())

    return end


def _guild_gone(stage: Stage) -> End:
    """Let Discord lose sight of the guild for a while."""
    guild = stage.guild.id
    stage.world.discord.take_down(guild)
    return partial(stage.world.discord.bring_back, guild)


def _gateway_shut(stage: Stage) -> End:
    """Let the gateway be gone, and with it every session: what happens meanwhile nobody is told afterwards."""
    gateway = stage.discord.gateway
    gateway.shut = True
    gateway.invalidate()

    def end() -> None:
        gateway.shut = False

    return end


def _events(manner: Manner) -> Begin:
    def begin(stage: Stage) -> End:
        stage.discord.gateway.send_events(manner)
        return partial(stage.discord.gateway.send_events, Manner.ONCE)

    return begin


PATREON: dict[str, Begin] = {
    **{f"patreon-{status}": _patreon(Fault.SERVER_ERROR, status=status) for status in (500, 502, 503, 504)},
    "patreon-page": _patreon(Fault.HTML_PAGE),
    "patreon-firewall": _patreon(Fault.HTML_PAGE, status=403),
    "patreon-slow": _patreon(Fault.SLOW, seconds=9),
    "patreon-hangs": _patreon(Fault.SLOW, seconds=120),
    "patreon-cut": _patreon(Fault.CUT),
    "patreon-half": _patreon(Fault.BROKEN_JSON),
    "patreon-busy": _patreon(Fault.RATE_LIMITED, seconds=30),
    "patreon-very-busy": _patreon(Fault.RATE_LIMITED, seconds=1500, times=1),
    "patreon-forbidden": _patreon(Fault.FORBIDDEN),
    "patreon-empty": _patreon(Fault.EMPTY_LIST, path=LISTS),
    "patreon-page-missing": _patreon(Fault.PAGE_MISSING, path=LISTS),
    "patreon-loops": _patreon(Fault.LAST_PAGE_LOOPS, path=LISTS),
    "patreon-endless": _patreon(Fault.CURSOR_REPEATED, path=LISTS),
    "patreon-hollow": _patreon(Fault.TIERS_EMPTY),
    "patreon-401": _patreon(Fault.TOKEN_REVOKED, path="/v2/"),
    "patreon-no-renewals": _patreon(Fault.SERVER_ERROR, path="/token$"),
}
DISCORD: dict[str, Begin] = {
    **{f"discord-{status}": _discord(DiscordFault("*", FOREVER, status=status)) for status in (500, 502, 503)},
    "discord-page": _discord(DiscordFault("*", FOREVER, status=502, html=True)),
    "discord-cut": _discord(DiscordFault("*", FOREVER, cut=True)),
    "discord-slow": _discord(DiscordFault("*", FOREVER, delay=4)),
    "discord-busy": _discord(DiscordFault(ROLE_ROUTES, 1, retry_after=20)),
    "discord-very-busy": _discord(DiscordFault("*", 1, retry_after=40, scope="global")),
    "discord-unanswered": _discord(DiscordFault(ROLE_ROUTES, 2, cut_after=True)),
    "discord-once": _discord(DiscordFault(ROLE_ROUTES, 1, status=500)),
    "discord-guild": _guild_gone,
    "discord-gateway": _gateway_shut,
    "discord-403": _discord(DiscordFault(ROLE_ROUTES, 1, status=403)),
    "discord-lost": _discord(DiscordFault(ROLE_ROUTES, 1, lost=True)),
    "discord-stale": _discord(DiscordFault(ROLE_ROUTES, 1, stale=True)),
}
EVENTS: dict[str, Begin] = {
    "events-lost": _events(Manner.LOST),
    "events-twice": _events(Manner.TWICE),
    "events-late": _events(Manner.LATE),
}
HOOKS: dict[str, Begin] = {"hooks-lost": _silent_hooks, "hooks-late": _paused_hooks}
TROUBLES = {**PATREON, **DISCORD, **EVENTS, **HOOKS}

UNTOLD = {"discord-403", "discord-lost", "discord-stale", *EVENTS}
"""What nobody tells the bot of: mended when it is seen, and at the latest by the next audit."""
