"""No text announces what paused, shadow, the brake, an answered "keep" or a role out of reach prevents (laws 5, 13, 15)."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from bot.core.case import Case, Decision
from bot.core.model import DiscordUserId, Doubt, GuildId, Policy, RoleChange, RoleId, Source
from bot.core.prospect import Effect, Held, Move, Prospect, foresee
from bot.texts import commands, patrons, staff, syncs

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GUILD, ANN, CLARA = GuildId(1), DiscordUserId(5), DiscordUserId(6)
NEW, OLD, DOUBTED = RoleId(11), RoleId(12), RoleId(13)
NAMES = {NEW: "New", OLD: "Old", DOUBTED: "Doubted"}
CASE = Case(GUILD, ANN, linked=True, present=True, policy=Policy())
DECISION = Decision(
    {},
    (),
    frozenset({NEW}),
    RoleChange(frozenset({NEW}), frozenset({OLD})),
    doubts=(Doubt(GUILD, ANN, DOUBTED, 1, Source.LIST),),
    due_at=NOW,
)
WAITS, TAKE, KEEP = Held(), Held(approved=True, decided_by=CLARA, decided_at=NOW), Held(False, CLARA, NOW)  # noqa: FBT003

STATES = {"live": Policy(), "paused": Policy(paused=True), "shadow": Policy(shadow=True)}
STATES["both"] = Policy(paused=True, shadow=True)


def prospect(policy: Policy, held: dict[RoleId, Held], blocked: frozenset[RoleId]) -> Prospect:
    return foresee(replace(CASE, policy=policy), DECISION, held, blocked)


def for_patron(given: Prospect) -> str:
    return commands.membership("Guild", given, {}, NAMES, {})


def for_staff(given: Prospect, held: dict[RoleId, Held]) -> str:
    return "\n".join(patrons.explained(ANN, given, ledger={}, manual=(), held=held, names=NAMES, campaigns={}))


def line_of(text: str, role: RoleId) -> list[str]:
    """Return the lines of a text that name a role, but for what the rules say."""
    return [line for line in text.splitlines() if NAMES[role] in line and not line.startswith("Roles by the rules")]


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("answer", [None, WAITS, TAKE, KEEP], ids=["unasked", "waits", "take", "keep"])
@pytest.mark.parametrize("blocked", [False, True], ids=["in reach", "out of reach"])
def test_every_combination_is_told_as_it_will_be(state: str, answer: Held | None, blocked: bool) -> None:
    policy, held = STATES[state], {} if answer is None else {OLD: answer, DOUBTED: answer}
    given = prospect(policy, held, frozenset({NEW, OLD, DOUBTED}) if blocked else frozenset())
    for text in (for_patron(given), for_staff(given, held)):
        assert ("To be given: **New**" in text) is (policy.acts and not blocked)
        assert ("To be taken: **Old**" in text) is (policy.acts and not blocked and answer in (None, TAKE))
        assert ("Next change" in text) is policy.acts
        # Whatever is not announced is explained: no role of the decision is passed over in silence.
        for role in (NEW, OLD, DOUBTED):
            assert line_of(text, role)


@pytest.mark.parametrize(
    ("policy", "held", "blocked", "role", "told"),
    [
        (Policy(), {}, (), DOUBTED, "Kept until one more check with Patreon: **Doubted**"),
        (Policy(), {OLD: WAITS}, (), OLD, "Kept until this server's team decides: **Old**"),
        (Policy(), {OLD: KEEP}, (), OLD, "Kept, as this server's team decided: **Old**"),
        (Policy(), {DOUBTED: KEEP}, (), DOUBTED, "Kept, as this server's team decided: **Doubted**"),
        (Policy(), {}, (NEW,), NEW, "Not given, since Discord doesn't let me: **New**"),
        (Policy(), {}, (OLD,), OLD, "Not taken, since Discord doesn't let me: **Old**"),
        (Policy(paused=True), {}, (), NEW, "Not given while this server's team has paused changes: **New**"),
        (
            Policy(paused=True),
            {OLD: TAKE, DOUBTED: KEEP},
            (),
            OLD,
            "Not taken while this server's team has paused changes: **Old**",
        ),
        (Policy(shadow=True), {}, (), NEW, "Not given while this server is only trying me out: **New**"),
        (Policy(shadow=True), {OLD: KEEP}, (), OLD, "Kept, as this server's team decided: **Old**"),
    ],
)
def test_a_patron_reads_why_a_role_stays_or_does_not_come(
    policy: Policy, held: dict[RoleId, Held], blocked: tuple[RoleId, ...], role: RoleId, told: str
) -> None:
    assert line_of(for_patron(prospect(policy, held, frozenset(blocked))), role) == [told]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (WAITS, "**Old**: on hold until someone answers /sync approve"),
        (KEEP, "**Old**: <@6> answered “keep” <t:1772323200:R> (no rule gives it any more)"),
        (TAKE, "**Old**: <@6> answered “take” <t:1772323200:R> (no rule gives it any more)"),
    ],
)
def test_the_staff_read_who_answered_the_brake_and_how(answer: Held, told: str) -> None:
    assert told in for_staff(prospect(Policy(), {OLD: answer}, frozenset()), {OLD: answer}).splitlines()


def test_an_answer_about_a_role_that_a_rule_gives_again_is_not_told() -> None:
    held = {NEW: KEEP}
    assert "answered" not in for_staff(prospect(Policy(), held, frozenset()), held)


@pytest.mark.parametrize("state", ["paused", "shadow", "both"])
def test_the_staff_read_that_nothing_moves(state: str) -> None:
    given = prospect(STATES[state], {}, frozenset())
    assert for_staff(given, {}).endswith(staff.state(STATES[state]))


GETS = (Move(NEW, 3, (DiscordUserId(1), DiscordUserId(2), DiscordUserId(3))),)
LOSES = (Move(OLD, 12, (DiscordUserId(1), DiscordUserId(2))), Move(DOUBTED, 1, (DiscordUserId(4),)))


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        (Effect(), "Nobody's roles change."),
        (Effect(gets=GETS), "3 people get <@&11>: <@1>, <@2> and <@3>"),
        (Effect(loses=LOSES), "12 people lose <@&12>: <@1>, <@2> and 10 more\n1 person loses <@&13>: <@4>"),
        (
            Effect(loses=LOSES[1:], holds=1),
            "1 person loses <@&13>: <@4>\n✋ Taking 1 role is more than your brake allows, so I ask you first.",
        ),
        (Effect(held=2), "Nobody's roles change.\n✋ 2 roles wait for an answer to /sync approve."),
        (Effect(kept=1), "Nobody's roles change.\n1 role stays, as the team answered “keep”."),
        (
            Effect(blocked=frozenset({NEW, OLD})),
            "Nobody's roles change.\n⚠️ I can't give or take <@&11> and <@&12>. /doctor says why.",
        ),
        (
            Effect(gets=GETS, paused=True),
            f"{staff.PAUSED}\n{staff.IF_ROLES_MOVED}\n3 people get <@&11>: <@1>, <@2> and <@3>",
        ),
    ],
)
def test_an_effect_names_whose_roles_change_and_what_keeps_the_rest(effect: Effect, told: str) -> None:
    assert staff.effect(effect) == told


def test_an_effect_on_many_roles_leaves_room_for_the_question() -> None:
    many = tuple(
        Move(RoleId(10**18 + number), 1000, tuple(map(DiscordUserId, range(10**18, 10**18 + 10)))) for number in range(200)
    )
    question = staff.rule_question("line", Effect(gets=many, loses=many))
    assert len(question) < 2000
    assert question.endswith("Save it?")
    assert "… and 3" in question


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        (Effect(), "Everybody has the roles the rules give."),
        (Effect(shadow=True), f"Everybody has the roles the rules give.\n{staff.SHADOW_ON}"),
        (Effect(kept=1), "Nobody's roles change.\n1 role stays, as the team answered “keep”."),
        (
            Effect(gets=GETS, shadow=True),
            f"{staff.SHADOW_ON}\n{staff.IF_ROLES_MOVED}\n3 people get <@&11>: <@1>, <@2> and <@3>",
        ),
    ],
)
def test_a_preview_says_what_is_left_to_do(effect: Effect, told: str) -> None:
    assert staff.preview(effect) == told


@pytest.mark.parametrize(
    ("effect", "policy", "told"),
    [
        (Effect(), Policy(), ""),
        (Effect(gets=GETS), Policy(), " I'm giving the new roles now."),
        (Effect(loses=LOSES), Policy(), " Roles that end go after one more check with Patreon, usually within a minute."),
        (Effect(loses=LOSES, holds=13), Policy(), " Before I take any role, I ask you: /sync approve."),
        (Effect(gets=GETS, loses=LOSES), Policy(paused=True), f"\n{staff.PAUSED}"),
    ],
)
def test_who_saved_a_rule_reads_when_roles_follow(effect: Effect, policy: Policy, told: str) -> None:
    assert staff.rule_saved(3, "line", effect, policy) == f"Saved as rule 3: line.{told}"


@pytest.mark.parametrize(
    ("stays", "last", "told"),
    [
        (True, True, " Its holders keep the role."),
        (False, True, " I'm taking the role back now."),
        (False, False, " Roles that end go after one more check with Patreon, usually within a minute."),
    ],
)
def test_who_removed_a_rule_reads_when_its_role_goes(stays: bool, last: bool, told: str) -> None:
    assert staff.rule_removed("line", Effect(loses=LOSES), Policy(), stays=stays, last=last) == f"Removed: line.{told}"


@pytest.mark.parametrize(("paused", "shadow"), list(product([False, True], repeat=2)))
def test_whoever_ends_a_pause_reads_whether_roles_move(paused: bool, shadow: bool) -> None:
    told = syncs.resumed(Policy(paused=paused, shadow=shadow))
    assert ("catching up" in told) is not (paused or shadow)


@pytest.mark.parametrize(
    ("goes", "still", "told"),
    [
        ((), (), "Unlink your Patreon account? No role goes, since I gave you none here. Your"),
        ((OLD,), (), "Unlink your Patreon account? These roles go: **Old**. Your"),
        ((), (OLD,), "Unlink your Patreon account? These go once the server's team lets roles change again: **Old**. Your"),
        ((NEW,), (OLD,), "These roles go: **New**. These go once the server's team lets roles change again: **Old**. Your"),
    ],
)
def test_who_unlinks_reads_which_roles_go_and_which_not_yet(
    goes: tuple[RoleId, ...], still: tuple[RoleId, ...], told: str
) -> None:
    assert told in commands.unlink_question(frozenset(goes), frozenset(still), NAMES)
    done = commands.unlinked(frozenset(goes), frozenset(still), NAMES)
    assert ("I take back: **New**" in done, "change again: **Old**" in done) == (NEW in goes, OLD in still)
