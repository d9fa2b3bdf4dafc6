"""What one person's sync came to, told to them after /link and to staff after /sync now. Sentences only.

Whatever keeps a role from moving is said: a role that somebody waits for and that does not come asks for a reason.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from bot.core.model import DiscordUserId, RoleChange, RoleId
from bot.texts import explain
from bot.texts.staff import PAUSED, SHADOW_ON

Names = Mapping[RoleId, str]

LINKED = "Linked."
NO_ROLE = "Your pledge gives no role in this server so far; if it changes, your roles follow by themselves."


class Outcome(Protocol):
    """What is told of a sync; the engine's ``PatronSynced`` says what each field means."""

    @property
    def change(self) -> RoleChange: ...  # noqa: D102
    @property
    def desired(self) -> frozenset[RoleId]: ...  # noqa: D102
    @property
    def blocked(self) -> frozenset[RoleId]: ...  # noqa: D102
    @property
    def held(self) -> frozenset[RoleId]: ...  # noqa: D102
    @property
    def screened(self) -> frozenset[RoleId]: ...  # noqa: D102
    @property
    def doubted(self) -> frozenset[RoleId]: ...  # noqa: D102
    @property
    def shadow(self) -> bool: ...  # noqa: D102
    @property
    def paused(self) -> bool: ...  # noqa: D102


def linked(outcome: Outcome, names: Names) -> str:
    """Tell a person that they are linked and what that means in one server."""
    return f"{LINKED} {_of_mine(outcome, names)}"


def linked_everywhere(told: Sequence[tuple[str, Outcome, Names]]) -> str:
    """Tell a person in a direct message that they are linked and what that means in each server, by its name."""
    lines = [f"### {explain.plain(server)}\n{_of_mine(outcome, names)}" for server, outcome, names in told]
    return "\n".join([LINKED, *lines])


def _of_mine(outcome: Outcome, names: Names) -> str:
    return "\n".join([*_coming(outcome, names), *_staying(outcome, names)])


def _coming(outcome: Outcome, names: Names) -> Iterator[str]:
    """Say which roles a person has or gets, and which not yet; what is blocked is their creator's to mend."""
    mine, kept_back = outcome.desired - outcome.blocked - outcome.screened, outcome.desired & outcome.blocked
    waiting = outcome.screened - outcome.blocked
    if not outcome.desired:
        yield NO_ROLE
    elif outcome.paused:
        yield f"By the rules: {explain.roles(outcome.desired, names)}. They wait: the server's team has paused changes."
    elif outcome.shadow:
        yield (
            f"By the rules: {explain.roles(outcome.desired, names)}. The server's team is only trying me out, so I "
            "give and take nothing here yet."
        )
    elif mine:
        yield f"Your roles: {explain.roles(mine, names)}."
        if outcome.change.grant:
            yield f"New: {explain.roles(outcome.change.grant, names)}."
    if waiting and not (outcome.paused or outcome.shadow):
        yield f"Accept this server's rules first, then your roles come: {explain.roles(waiting, names)}."
    if kept_back:
        yield f"I may not give {explain.roles(kept_back, names)} yet; the server's team has been told."


def _staying(outcome: Outcome, names: Names) -> Iterator[str]:
    """Say which roles a person keeps although no rule gives them any more."""
    if outcome.held:
        yield f"Stays unless the server's team decides otherwise: {explain.roles(outcome.held, names)}."
    if outcome.doubted:
        yield f"{explain.DOUBTED}: {explain.roles(outcome.doubted, names)}."


def somebody(user: DiscordUserId, outcome: Outcome, names: Names) -> str:
    """Tell staff the end of one person's sync."""
    lines = [f"<@{user}> {_done(outcome, names)}"]
    if outcome.blocked:
        lines.append(f"I may not give or take {explain.roles(outcome.blocked, names)}; /doctor says what to mend.")
    if outcome.held:
        lines.append(f"Kept by the brake: {explain.roles(outcome.held, names)}. /patrons explain says more.")
    if outcome.doubted:
        lines.append(f"{explain.DOUBTED}: {explain.roles(outcome.doubted, names)}.")
    if outcome.screened:
        lines.append(f"Has to accept the server's rules first: {explain.roles(outcome.screened, names)}.")
    lines += [line for on, line in ((outcome.paused, PAUSED), (outcome.shadow, SHADOW_ON)) if on]
    return "\n".join(lines)


def _done(outcome: Outcome, names: Names) -> str:
    """Say what moved, or would have; a line that goes on from the person's name."""
    if outcome.paused:
        return f"has by the rules: {explain.roles(outcome.desired, names)}."
    gave, took = ("would get", "would lose") if outcome.shadow else ("got", "lost")
    parts = [(gave, outcome.change.grant), (took, outcome.change.revoke)]
    moved = " and ".join(f"{verb} {explain.roles(roles, names)}" for verb, roles in parts if roles)
    if moved:
        return f"{moved}."
    if outcome.blocked or outcome.held or outcome.doubted or outcome.screened:
        return "keeps the same roles for now."
    return "has the roles the rules give. /patrons explain says why."
