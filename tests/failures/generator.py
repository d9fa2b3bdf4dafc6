"""Makes histories out of a seed: whatever may happen, in any order, some of it more often than the rest."""

import random
from collections.abc import Callable

from sandbox.world.examples import TIERS
from tests.failures.steps import History, Step, step
from tests.failures.town import OTHERS, PEOPLE, ROLES
from tests.failures.troubles import DISCORD, EVENTS, HOOKS, PATREON

NOT_YET: frozenset[str] = frozenset({"clock"})
"""Steps and troubles the bot is known not to stand yet: left out."""

REFRESHES = (30, 30, 60, 720)
"""Minutes between two lists; a long interval shows what must not wait for one."""

Make = Callable[[random.Random], list[Step]]

_WAITS = (1, 3, 20, 70, 300, 2000, 7200, 30_000, 90_000, 700_000, 3_000_000)
_LASTING = (15, 70, 400, 2400, 8000)


def refresh_of(seed: int) -> int:
    """Return how many minutes are between two lists in a seed's history."""
    return random.Random(f"refresh {seed}").choice(REFRESHES)


def generate(seed: int) -> History:
    """Return the history of a seed; the same for ever, as long as nothing is added to what may happen."""
    chance = random.Random(seed)
    steps = [*_beginning(chance)]
    kinds, weights = zip(*_KINDS, strict=True)
    for _ in range(chance.randint(6, 18)):
        steps += chance.choices(kinds, weights)[0](chance)
    return tuple(each for each in steps if not NOT_YET & {each.verb, *each.words})


def _beginning(chance: random.Random) -> list[Step]:
    """Let a creator set up, and some people be patrons and linked, before the rest comes."""
    steps = [step("start"), step("wait", 1)]
    people = chance.sample(PEOPLE, 3)
    steps += [step("pledge", who, chance.choice([*TIERS])) for who in people]
    roles = chance.sample(ROLES, chance.randint(2, 4))
    steps += [step("rule", role) for role in roles]
    steps += [step("link", who, who) for who in people]
    return [*steps, step("wait", 5)]


def _about(verb: str, *, more: Callable[[random.Random], list[object]] = lambda _: []) -> Make:
    def make(chance: random.Random) -> list[Step]:
        return [step(verb, chance.choice(PEOPLE), *more(chance))]

    return make


def _tier(chance: random.Random) -> list[object]:
    return [chance.choice([*TIERS])]


def _pledge(chance: random.Random) -> list[Step]:
    months = [12] if chance.random() < 0.1 else []
    return [step("pledge", chance.choice(PEOPLE), *_tier(chance), *months)]


def _wait(chance: random.Random) -> list[Step]:
    return [step("wait", chance.choice(_WAITS))]


def _link(chance: random.Random) -> list[Step]:
    who = chance.choice(PEOPLE)
    return [step("link", chance.choice(OTHERS) if chance.random() < 0.15 else who, who)]


def _unlink(chance: random.Random) -> list[Step]:
    return [step("unlink", chance.choice((*PEOPLE, *OTHERS)))]


def _move(chance: random.Random) -> list[Step]:
    who, there = chance.choice(PEOPLE), chance.choice(OTHERS)
    return [step("unlink", who), step("link", there, who)]


def _back(chance: random.Random) -> list[Step]:
    who = chance.choice(PEOPLE)
    return [step("leave", who), step("wait", chance.choice((0, 1, 60))), step("join", who)]


def _trouble(kinds: list[str]) -> Make:
    def make(chance: random.Random) -> list[Step]:
        return [step("trouble", chance.choice(kinds), chance.choice(_LASTING))]

    return make


def _gateway(chance: random.Random) -> list[Step]:
    return [step("gateway", chance.choice(("drop", "lose", "reconnect", "invalid")))]


def _kill(chance: random.Random) -> list[Step]:
    """Let the process die in the middle of something, and come back sooner or later."""
    steps = chance.choices([_pledge, _about("cancel"), _link, _unlink, _back, _rule, _about("change", more=_tier)])[0](
        chance
    )
    steps.append(step("kill", int(chance.triangular(0, 600, 20))))
    if chance.random() < 0.4:
        steps.append(step("wait", chance.choice((10, 3000, 100_000))))
    if chance.random() < 0.3:
        steps += _pledge(chance)
    return [*steps, step("start")]


def _restart(chance: random.Random) -> list[Step]:
    return [step("stop"), *_wait(chance), step("start")]


def _rule(chance: random.Random) -> list[Step]:
    return [step("rule", chance.choice(ROLES))]


def _unrule(chance: random.Random) -> list[Step]:
    return [step("unrule", chance.choice(ROLES))]


def _stopped(chance: random.Random) -> list[Step]:
    begin, end = chance.choice([(step("pause"), step("resume")), (step("shadow", "on"), step("shadow", "off"))])
    return [begin, *_wait(chance), *_pledge(chance), *_about("cancel")(chance), *_wait(chance), end]


def _hook(chance: random.Random) -> list[Step]:
    return [step("hook", chance.choice(("again", "forged")))]


def _database(chance: random.Random) -> list[Step]:
    return [step("database", chance.choice(("cut", "down")), chance.choice(_LASTING[:-1]))]


def _clock(chance: random.Random) -> list[Step]:
    """Let the machine's clock jump, and be right again later or not before the end."""
    far = chance.choice((3600, 86_400, 31_536_000)) * chance.choice((1, -1))
    there = [step("clock", far), *_wait(chance), *_pledge(chance), *_about("cancel")(chance), *_wait(chance)]
    return [*there, step("clock", 0)] if chance.random() < 0.7 else there


def _while_away(chance: random.Random) -> list[Step]:
    """Let things happen at Discord while no process lives, or the gateway is gone."""
    seconds = chance.choice(_LASTING)
    away = [step("stop")] if chance.random() < 0.5 else [step("trouble", "discord-gateway", seconds)]
    happens = [*chance.choice((_about("leave"), _about("join"), _back, _by_hand))(chance), *_pledge(chance)]
    return [*away, *happens, step("wait", seconds), step("start")]


def _by_hand(chance: random.Random) -> list[Step]:
    return [step(chance.choice(("take", "take", "give")), chance.choice(PEOPLE), chance.choice(ROLES))]


def _exodus(chance: random.Random) -> list[Step]:
    """Let so many go at once that the brake asks, and somebody answer, or not."""
    cancels = [step(chance.choice(("unlink", "cancel", "cancel")), who) for who in PEOPLE]
    answer = [step("approve", chance.choice(("take", "keep")))]
    return [*cancels, *_wait(chance), *_wait(chance), *(answer if chance.random() < 0.7 else [])]


_KINDS: tuple[tuple[Make, int], ...] = (
    (_wait, 26),
    (_pledge, 10),
    (_about("change", more=_tier), 8),
    (_about("cancel"), 8),
    (_about("breakcard"), 4),
    (_about("pay"), 3),
    (_about("gift", more=lambda chance: [*_tier(chance), chance.choice((1, 3))]), 2),
    (_about("trial", more=_tier), 2),
    (_about("free"), 1),
    (_link, 8),
    (_unlink, 4),
    (_move, 2),
    (_about("leave"), 3),
    (_about("join"), 3),
    (_back, 3),
    (_rule, 4),
    (_unrule, 3),
    (_stopped, 2),
    (lambda _: [step("sync")], 2),
    (_trouble([*PATREON]), 8),
    (_trouble([*DISCORD]), 8),
    (_trouble([*HOOKS]), 4),
    (_gateway, 5),
    (_hook, 2),
    (_trouble([*EVENTS]), 3),
    (_database, 3),
    (_clock, 3),
    (_while_away, 4),
    (_by_hand, 3),
    (_exodus, 1),
    (_about("refund"), 1),
    (_about("fraud"), 1),
    (_about("decline"), 2),
    (_about("disconnect"), 1),
    (_about("void"), 2),
    (lambda _: [step("void", "Clara")], 1),
    (_kill, 7),
    (_restart, 4),
)
