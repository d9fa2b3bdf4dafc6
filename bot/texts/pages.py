"""Every sentence of the web pages. Words only: no HTML, no routes, and nothing that decides which page is shown.

Names and links that belong into a page are put there by its template, escaped; a text never holds one.
"""

import math
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

from bot.errors import LinkProblem


class Tone(Enum):
    """How a page greets: the sign in front of its title."""

    GOOD = "good"
    ASK = "ask"
    SORRY = "sorry"


@dataclass(frozen=True, slots=True)
class Page:
    """A page that only says something. ``status`` is its HTTP status; each entry of ``paragraphs`` is one of them."""

    status: int
    title: str
    paragraphs: tuple[str, ...]
    tone: Tone = Tone.SORRY


NOTHING_CHANGED = "Nothing was changed."
START_AGAIN = "Go back to Discord and type /link to start again."

LINK_PROBLEMS: dict[LinkProblem, Page] = {
    LinkProblem.EXPIRED: Page(
        410,
        "This link has expired",
        (
            "A link is good for ten minutes, unless you have asked for several newer ones since. " + NOTHING_CHANGED,
            START_AGAIN,
        ),
    ),
    LinkProblem.USED: Page(
        410,
        "This link was used already",
        (
            "Each link works once. If you finished it, all is well: type /membership in Discord to see your roles.",
            "If you did not, type /link in Discord to start again.",
        ),
    ),
    LinkProblem.FORGED: Page(
        400,
        "This is not a link we made",
        ("The address is incomplete, or it belongs to no link that we know. " + NOTHING_CHANGED, START_AGAIN),
    ),
    LinkProblem.REFUSED: Page(
        200,
        "No link was made",
        (
            "You chose not to connect Patreon. " + NOTHING_CHANGED,
            "If you change your mind, type /link in Discord at any time.",
        ),
    ),
    LinkProblem.PATRON_TAKEN: Page(
        409,
        "This Patreon account is linked to another Discord user",
        (
            "One Patreon account gives roles to one Discord user, and this one is taken. " + NOTHING_CHANGED,
            "If the other Discord user is you as well, type /unlink there first, then /link here.",
            "If it is not, ask the server's team for help.",
        ),
    ),
    LinkProblem.USER_TAKEN: Page(
        409,
        "Your Discord user is linked to another Patreon account",
        (
            "You signed in to Patreon with a different account than the one you linked before. " + NOTHING_CHANGED,
            "To change accounts, type /unlink in Discord first, then /link.",
            "If you meant the account you had, sign out at Patreon and type /link again.",
        ),
    ),
    LinkProblem.CREATOR: Page(
        409,
        "This is the creator's own account",
        (
            "The creator of a Patreon page is not a patron of it, so there is nothing to link.",
            "Your page and the bot go on working as before.",
            "To try linking as a patron would, sign out at Patreon and use another account.",
        ),
    ),
    LinkProblem.NOT_LINKED: Page(
        404,
        "No accounts are linked",
        ("There is no Patreon account linked to your Discord user. Type /link in Discord to link one.",),
    ),
    LinkProblem.TOO_MANY: Page(
        429,
        "Too many sign-ins went wrong",
        (
            "Patreon turned down ten of your sign-ins within an hour. " + NOTHING_CHANGED,
            "Wait an hour, then type /link in Discord again.",
        ),
    ),
}

PATREON_DOWN = Page(
    503,
    "Patreon does not answer",
    (
        "Patreon has trouble at the moment, so the accounts could not be linked.",
        "Nothing was changed, and nobody loses a role.",
        "Wait a few minutes, then type /link in Discord once more.",
    ),
)


def patreon_busy(wait: timedelta) -> Page:
    """Return the page for a wait that Patreon asks for and no link outlives."""
    return Page(
        503,
        "Patreon asks us to wait",
        (
            f"Patreon takes no more sign-ins from this bot for {_about(wait)}.",
            "Nothing was changed, and nobody loses a role.",
            "Type /link in Discord again after that.",
        ),
    )


def _about(wait: timedelta) -> str:
    """Return a wait as people say it, and never less than it is."""
    seconds = math.ceil(wait.total_seconds())
    if seconds <= 90:  # noqa: PLR2004
        return "a second" if seconds <= 1 else f"about {seconds} seconds"
    return f"about {math.ceil(seconds / 60)} minutes"


PATREON_DENIED = Page(
    502,
    "Patreon did not accept the sign-in",
    (
        "Patreon turned down the code it gave for your sign-in; it may have been used before. Nothing was changed.",
        START_AGAIN + " If this happens again, tell the server's team.",
    ),
)

PATREON_SET_UP = Page(
    502,
    "This bot is not set up right at Patreon",
    (
        "Patreon does not let the bot ask whose account this is, so nobody can link here just now. " + NOTHING_CHANGED,
        "The fault is not yours. Please tell the server's team: whoever runs the bot finds the reason in its log.",
    ),
)

STORE_DOWN = Page(
    503,
    "One moment, please",
    ("The bot cannot reach its database right now. Nothing was changed.", "Try again in a minute."),
)

BUG = Page(500, "Something went wrong here", ("The fault is ours, and it was written down. Please try again in a minute.",))

NOT_FOUND = Page(
    404,
    "There is nothing here",
    ("This is the door of a Discord bot. To link your Patreon account, type /link in Discord.",),
)

WRONG_METHOD = Page(405, "This does not work that way", ("The address is right, but it is not opened like this.",))

TOO_LARGE = Page(413, "That is too much", ("What was sent is larger than anything this page takes.",))

BAD_REQUEST = Page(400, "That was not understood", ("The request could not be read.", START_AGAIN))

WAITING_TITLE = "You're in line"
WAITING_LEAD = "Patreon is busy right now, so this takes a little longer than usual. You don't need to do anything."
WAITING_NOW = "Try now"


def waiting(seconds: int) -> str:
    """Return when the page goes on; it is opened anew at least once a minute until then."""
    return f"This page goes on by itself in {_about(timedelta(seconds=seconds))}."


CONFIRM_TITLE = "Link these two accounts?"
CONFIRM_LEAD = "Roles from this Patreon account will go to this Discord user, and to nobody else."
CONFIRM_PATREON = "Patreon account"
CONFIRM_DISCORD = "Discord user"
CONFIRM_UNNAMED_USER = "Discord user {user}"
CONFIRM_WARNING = "Only go on if both are you. If somebody sent you this link, close the page."
CONFIRM_YES = "Link these accounts"
CONFIRM_NO = "This is not me"

LINKED_TITLE = "Linked"
LINKED_ROLES = "These roles are on their way to you:"
LINKED_NO_ROLE_YET = "Your pledge gives no role in this server so far. If it changes, your roles follow by themselves."
LINKED_NOT_PATRON = "This Patreon account is not a patron of {campaign} yet. When it is, your roles come by themselves."
LINKED_NOT_PATRON_LINK = "See {campaign} on Patreon"
LINKED_PENDING = "Patreon is slow to answer just now. Your roles follow as soon as it does."
LINKED_SCREENED = "Accept the server's rules in Discord first; your roles come as soon as you have."
LINKED_PAUSED = "The server's team has paused all changes of roles. Yours come once it goes on."
LINKED_SHADOW = "The server's team is only trying the bot out, so no role is given there yet."
LINKED_NOT_IN_GUILD = "You are not in the Discord server yet. Your roles wait for you there."
LINKED_CLOSE = "You can close this page. /membership in Discord shows everything at any time."
UNNAMED_ROLE = "role {role}"
UNNAMED_CAMPAIGN = "the campaign"
UNNAMED_PATRON = "account {patron}"

FOOTER_PRIVACY = "What is stored about you"

PRIVACY_TITLE = "What is stored about you"
PRIVACY: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "What the bot keeps",
        (
            "The number of your Discord user and the number of your Patreon account, and that they belong together.",
            "What Patreon says of your membership: tier, amount, dates, and whether the last charge went through.",
            "The roles it gave you, when and why, those the server's team gave you by hand with their note included.",
            "Whether you are in a server it serves.",
            "Patreon's permission to look at your membership, encrypted.",
        ),
    ),
    (
        "What it does not keep",
        (
            "No e-mail address, no postal address, no card.",
            "Your Patreon name is shown on the page that asks, and kept, encrypted, no longer than that link is good.",
            "Your Discord name is asked of Discord when a page needs it, and not kept.",
            "This site sets no cookies and counts no visitors.",
        ),
    ),
    (
        "What you can do",
        (
            "/privacy in Discord shows all of it and erases all of it; the roles go first, and a minute later the rest.",
            "A creator's list of patrons at Patreon names your pledge even then, but no longer your Discord user.",
            "/unlink erases the tie between the accounts and Patreon's permission at once, and takes back its roles.",
            "At Patreon, under the connected apps of your settings, you can end the permission as well.",
        ),
    ),
)
