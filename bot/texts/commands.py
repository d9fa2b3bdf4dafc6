"""What patrons read in Discord: /link, /unlink, /membership, /privacy, and what any command says when it fails.

Sentences only, short and saying what to do next; names in them are escaped by ``explain``.
"""

from collections.abc import Mapping
from datetime import datetime

from bot.core.model import Campaign, CampaignId, Membership, RoleId
from bot.core.prospect import Prospect
from bot.errors import (
    BotError,
    GuildUnavailable,
    LinkError,
    LinkProblem,
    PatreonError,
    RateLimited,
    RoleBlocked,
    RuleRefused,
    StoreError,
)
from bot.texts import explain

OUTDATED = "This was answered already, or it is too old to be answered. Type the command again if you still need it."
TOO_SLOW = "Nobody answered, so nothing was changed. Type the command again when you are ready."
NOT_ALLOWED = "You may not use this command here."
NOT_A_MEMBER = "That user is not in this server. Pick one of its members."
NOT_UNDERSTOOD = "One of the options could not be read. Pick it from what Discord offers."
OLD_COMMAND = "Discord still shows an old form of this command. Reload Discord (Ctrl+R), then type it again."
BUSY = "Done a moment ago. Try again "
UNKNOWN_GUILD = "the server"

LINK_BUTTON = "Link my Patreon account"
LINK = (
    "Press the button and sign in at Patreon. A page then shows both accounts and asks you once more; your roles "
    "follow by themselves.\nThe button is good for ten minutes and for you only, so do not pass it on."
)
LINK_BROKEN = (
    "Patreon no longer lets me see your membership, so the roles I gave you may end in some days. Type /link in the server "
    "to mend it; it takes a minute. If you ended the permission on purpose, there is nothing to do."
)

UNLINK_YES = "Unlink"
UNLINK_NO = "Keep the link"
UNLINK_KEPT = "The link stays. " + explain.NEVER_MIND

MEMBERSHIP_REFRESH = "Ask Patreon again"
MEMBERSHIP_ASKED = "Asking Patreon again. This follows when the answer is here."
MEMBERSHIP_WAITS = "Patreon gives no usable answer now. You keep your roles; I go on asking, and this follows."
MEMBERSHIP_NOTHING = "Nothing is known of a membership yet. If you just joined at Patreon, press the button."
NOT_LINKED = "No Patreon account is linked to you. Type /link to link yours."
NO_GUILD = "You are in no server that I serve."

PRIVACY = (
    "I keep that your Discord user and your Patreon account belong together, what Patreon says of your membership, the "
    "roles I gave you and when, and Patreon's permission to look, encrypted. No e-mail address, no card, no address.\n"
    "**Export** gives you all of it as a file. **Delete** unlinks you, takes back the roles I gave, also those the team "
    "gave through me, and wipes the rest."
)
PRIVACY_EXPORT = "Export"
PRIVACY_DELETE = "Delete everything"
PRIVACY_EXPORTED = "Here is everything stored about you. Only you can see this file."
PRIVACY_ASK = (
    "Delete everything stored about you? You are unlinked, and the roles I gave you go, also those the team gave through "
    "me. This cannot be undone."
)
PRIVACY_YES = "Delete"
PRIVACY_NO = "Keep"
PRIVACY_KEPT = "Everything stays as it is."
PRIVACY_DONE = "Deleted. The roles I gave you are on their way out, and what is needed for that goes with the last of them."

_LINK_PROBLEMS = {
    LinkProblem.EXPIRED: "That link has expired. Type /link for a new one.",
    LinkProblem.USED: "That link was used already. Type /membership to see your roles, or /link for a new one.",
    LinkProblem.FORGED: "That link is none of mine. Type /link for a new one.",
    LinkProblem.REFUSED: "No link was made. Type /link when you change your mind.",
    LinkProblem.PATRON_TAKEN: "That Patreon account is linked to another Discord user. Type /unlink there first.",
    LinkProblem.USER_TAKEN: "You are linked to another Patreon account. Type /unlink first, then /link.",
    LinkProblem.CREATOR: "A creator is not a patron of their own page, so there is nothing to link.",
    LinkProblem.NOT_LINKED: NOT_LINKED,
    LinkProblem.TOO_MANY: "Patreon turned down ten of your sign-ins within an hour. Wait an hour, then type /link again.",
}


def failure(error: Exception) -> str | None:
    """Say what an error of ours means for the one who asked, and what to do; None for what is not ours."""
    match error:
        case RuleRefused():
            return str(error)
        case LinkError():
            return _LINK_PROBLEMS[error.problem]
        case RateLimited():
            return "Patreon asks to wait a moment. Nothing was changed; try again in a few minutes."
        case PatreonError():
            return "Patreon gives no usable answer now. Nothing was changed and nobody loses a role; try again later."
        case RoleBlocked():
            return "Discord does not let me touch that role. /doctor says what is missing."
        case GuildUnavailable():
            return "Discord has not told me everything about this server yet. Try again in a minute."
        case StoreError():
            return "My database does not answer. Nothing was changed; try again in a minute."
        case BotError():
            return "That did not work. Nothing was changed; try again later."
        case _:
            return None


def our_fault(code: str) -> str:
    """Apologise for a fault of ours; ``code`` finds it in the log."""
    return (
        f"Something went wrong on my side, and it was written down. If it happens again, tell the team this code: `{code}`"
    )


def busy(until: datetime) -> str:
    """Say when a button may be pressed again."""
    return f"{BUSY}{explain.ago(until)}."


def unlink_question(roles: frozenset[RoleId], still: frozenset[RoleId], names: Mapping[RoleId, str]) -> str:
    """Ask before unlinking, naming what goes; ``still`` are roles in servers where none moves now."""
    goes = f" These roles go: {explain.roles(roles, names)}." if roles else ""
    if not roles and not still:
        goes = " No role goes, since I gave you none here."
    return f"Unlink your Patreon account?{goes}{_still(still, names)} Your pledge at Patreon is not touched."


def unlinked(roles: frozenset[RoleId], still: frozenset[RoleId], names: Mapping[RoleId, str]) -> str:
    """Tell that the link is gone; ``still`` as in the question."""
    goes = f" I take back: {explain.roles(roles, names)}." if roles else ""
    tail = f"{goes}{_still(still, names)} Type /link to come back at any time."
    return f"Unlinked. Patreon's permission is erased.{tail}"


def _still(roles: frozenset[RoleId], names: Mapping[RoleId, str]) -> str:
    """Say which roles go only when roles move again in their server; nothing when there are none."""
    return f" These go once the server's team lets roles change again: {explain.roles(roles, names)}." if roles else ""


def membership(
    guild: str,
    given: Prospect,
    memberships: Mapping[CampaignId, Membership],
    names: Mapping[RoleId, str],
    campaigns: Mapping[CampaignId, Campaign],
    *,
    broken_since: datetime | None = None,
    room: int = explain.LIMIT,
) -> str:
    """Tell a patron everything that fits: what Patreon said, what follows and comes next, then each rule and why.

    ``broken_since`` is when their own link died; readings that are newer came another way.
    """
    lines = [f"### {explain.plain(guild)}"]
    if broken_since is not None and all(seen.observed_at <= broken_since for seen in memberships.values()):
        lines.append(LINK_BROKEN)
    lines += [explain.membership(seen, campaigns.get(key)) for key, seen in sorted(memberships.items())]
    if not memberships:
        lines.append(MEMBERSHIP_NOTHING)
    lines += explain.outlook(given, names, campaigns, to_patron=True)
    room -= sum(map(len, lines)) + len(lines)
    lines += explain.fitted(explain.verdicts(given.decision, names, campaigns), room)
    return "\n".join(lines)


def stored(linked_at: datetime | None, memberships: int, roles: int, guilds: int) -> str:
    """Sum up what is stored about somebody."""
    tie = f"Linked {explain.ago(linked_at)}." if linked_at else "You are not linked."
    counts = (
        f"{explain.counted(memberships, 'membership')}, {explain.counted(roles, 'role entry', 'role entries')}, "
        f"{explain.counted(guilds, 'server')}."
    )
    return f"{PRIVACY}\n\n{tie} Stored now: {counts}"
