"""What a sync came to, in words: whatever keeps a role from moving is said, and nothing is told that did not happen."""

import pytest

from bot.core.model import Cause, DiscordUserId, GuildId, PatronId, RoleChange, RoleId
from bot.sync.reports import PatronSynced
from bot.texts import outcomes

ANN = DiscordUserId(7)
GOLD, SILVER = RoleId(1), RoleId(2)
NAMES = {GOLD: "Gold", SILVER: "Silver"}
IS_GOLD, IS_SILVER, NONE = frozenset({GOLD}), frozenset({SILVER}), frozenset[RoleId]()


def synced(change: RoleChange | None = None, desired: frozenset[RoleId] = IS_GOLD, **more: object) -> PatronSynced:
    return PatronSynced(GuildId(1), ANN, PatronId("p"), Cause.LINKED, change or RoleChange(), desired, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (synced(RoleChange(IS_GOLD)), "<@7> got **Gold**."),
        (synced(RoleChange(revoke=IS_SILVER)), "<@7> lost **Silver**."),
        (synced(RoleChange(IS_GOLD, IS_SILVER)), "<@7> got **Gold** and lost **Silver**."),
        (synced(), "<@7> has the roles the rules give. /patrons explain says why."),
        (
            synced(RoleChange(IS_GOLD, IS_SILVER), shadow=True),
            "<@7> would get **Gold** and would lose **Silver**.\nShadow mode is on: I only report what I would do.",
        ),
        (synced(paused=True), "<@7> has by the rules: **Gold**.\nPaused: nothing changes until /sync resume."),
        (
            synced(blocked=IS_GOLD),
            "<@7> keeps the same roles for now.\nI may not give or take **Gold**; /doctor says what to mend.",
        ),
        (
            synced(desired=NONE, held=IS_GOLD, doubted=IS_SILVER),
            (
                "<@7> keeps the same roles for now.\nKept by the brake: **Gold**. /patrons explain says more.\n"
                "Kept until one more check with Patreon: **Silver**."
            ),
        ),
    ],
)
def test_staff_read_what_moved_and_what_kept_a_role_from_moving(report: PatronSynced, told: str) -> None:
    assert outcomes.somebody(ANN, report, NAMES) == told


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (synced(RoleChange(IS_GOLD)), "Linked. Your roles: **Gold**.\nNew: **Gold**."),
        (synced(), "Linked. Your roles: **Gold**."),
        (synced(desired=NONE), f"Linked. {outcomes.NO_ROLE}"),
        (synced(blocked=IS_GOLD), "Linked. I may not give **Gold** yet; the server's team has been told."),
        (
            synced(desired=NONE, held=IS_GOLD),
            f"Linked. {outcomes.NO_ROLE}\nStays unless the server's team decides otherwise: **Gold**.",
        ),
        (
            synced(doubted=IS_SILVER),
            "Linked. Your roles: **Gold**.\nKept until one more check with Patreon: **Silver**.",
        ),
    ],
)
def test_a_patron_reads_which_roles_come_and_which_stay(report: PatronSynced, told: str) -> None:
    assert outcomes.linked(report, NAMES) == told


@pytest.mark.parametrize(("shadow", "paused"), [(True, False), (False, True)])
def test_a_patron_is_promised_nothing_where_nothing_moves(shadow: bool, paused: bool) -> None:
    told = outcomes.linked(synced(RoleChange(IS_GOLD), shadow=shadow, paused=paused), NAMES)
    assert "**Gold**" in told
    assert "Your roles" not in told
    assert "New:" not in told
