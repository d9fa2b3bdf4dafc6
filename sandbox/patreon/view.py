"""What every Patreon answer has in common: who looks, how a date and a resource are written. Not the resources."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.world import PatreonWorld
from sandbox.world.patreon_model import Account, Campaign, Membership, Tier

JsonObject = dict[str, Any]


@dataclass(slots=True)
class View:
    """Through whose eyes an answer is written. ``campaign`` is the one whose creator or client looks.

    The two ``*_hidden`` are faults: outages in which everything was suddenly empty. ``everywhere``: memberships of all
    campaigns are told, not of this one only.
    """

    patreon: PatreonWorld
    account: Account | None = None
    campaign: Campaign | None = None
    tiers_hidden: bool = False
    discord_hidden: bool = False
    everywhere: bool = True

    def discord_id(self, account: Account) -> str | None:
        """Return the Discord id Patreon tells: only with its own integration on, and only of who is not hidden."""
        told = self.campaign is not None and self.campaign.shows_discord and not self.discord_hidden and not account.hidden
        return account.discord_id if told else None

    def tiers(self, membership: Membership) -> list[Tier]:
        """Return the entitled tiers, or none during that outage."""
        return [] if self.tiers_hidden else membership.entitled_tiers

    def memberships(self, account: Account) -> list[Membership]:
        """Return the memberships of an account that may be told."""
        found = self.patreon.memberships_of(account)
        return [one for one in found if self.everywhere or one.campaign is self.campaign]

    def account_url(self, account: Account) -> str:
        """Return the address of a person's page."""
        site = self.patreon.site_url
        return f"{site}/{account.vanity}" if account.vanity else f"{site}/user?u={account.id}"

    def image_url(self, what: str, number: str) -> str:
        """Return an address that looks like an image's; nobody serves it."""
        return f"https://images.patreon.example/{what}/{number}.png"


Getter = Callable[[Any, View], Any]


@dataclass(frozen=True, slots=True)
class Relation:
    """A relationship of a resource: its target's kind, how to find it, and the path of its ``related`` link, if any."""

    kind: str
    find: Callable[[Any, View], Any]
    many: bool = False
    related: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of resource: its attributes in the order they are sent, and its relationships."""

    name: str
    fields: Mapping[str, Getter]
    relations: Mapping[str, Relation] = field(default_factory=dict)


def stamp(at: datetime | None) -> str | None:
    """Write an instant as v2 does, with milliseconds."""
    return at.isoformat(timespec="milliseconds") if at is not None else None


def old_stamp(at: datetime | None) -> str | None:
    """Write an instant as v1 does, with microseconds where there are any."""
    return at.isoformat() if at is not None else None


def nothing(_thing: object, _view: View) -> None:
    """Answer null: an attribute nobody here ever sets."""


def false(_thing: object, _view: View) -> bool:
    """Answer false: a switch nobody here ever sets."""
    return False


def empty(_thing: object, _view: View) -> str:
    """Answer an empty text."""
    return ""


def zero(_thing: object, _view: View) -> int:
    """Answer 0: a number nobody here ever counts."""
    return 0


def always(value: object) -> Getter:
    """Return a getter that answers ``value`` for everything."""
    return lambda _thing, _view: value
