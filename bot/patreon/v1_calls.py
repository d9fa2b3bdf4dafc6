"""The three calls of version 1 as its documentation offers them, with all their parameters, answered by typed objects.

For whoever writes against the documented API; the bot's own needs are met by ``client``. No I/O: the calls are sent by
a function that is handed in, ``PatreonClient.ask``.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Literal

from bot.core.model import CREATOR, CampaignId, TokenOwner, Tokens
from bot.errors import AccessDenied, UnexpectedAnswer
from bot.patreon.refusals import needs_creator
from bot.patreon.v1 import campaigns_call, current_user_call, pledges_call
from bot.patreon.v1_objects import Campaign, Pledge, User, V1Document
from bot.patreon.wire import Call, parse_document

Sort = Literal["created", "-created", "updated", "-updated"]
Fields = Mapping[str, Iterable[str]]
Ask = Callable[[TokenOwner | Tokens, Call], Awaitable[bytes]]


class V1Calls:
    """``current_user``, ``current_user/campaigns`` and ``campaigns/<id>/pledges``.

    ``include`` are relationship paths (the documentation's ``includes``); an empty list asks for none, None for the
    documented default. ``fields`` names attributes by resource type and drops that type's default ones.
    """

    def __init__(self, ask: Ask) -> None:
        """Take what sends a call in somebody's name."""
        self._ask = ask

    async def fetch_user(
        self, bearer: TokenOwner | Tokens, *, include: Iterable[str] | None = None, fields: Fields | None = None
    ) -> tuple[User, V1Document]:
        """Read whom a token belongs to. Mind the token: the creator's own gives the creator, never a patron."""
        document = V1Document(parse_document(await self._ask(bearer, current_user_call(to_query(include, fields)))))
        user = document.data[0] if document.data else None
        if not isinstance(user, User):
            raise UnexpectedAnswer("current_user is no user")
        return user, document

    async def fetch_campaigns(
        self, bearer: TokenOwner | Tokens = CREATOR, *, include: Iterable[str] | None = None, fields: Fields | None = None
    ) -> tuple[tuple[Campaign, ...], V1Document]:
        """Read a creator's campaigns with rewards, goals, creator and the first twenty pledges."""
        document = V1Document(parse_document(await self._ask(bearer, campaigns_call(to_query(include, fields)))))
        return tuple(one for one in document.data if isinstance(one, Campaign)), document

    async def fetch_page_of_pledges(
        self,
        campaign: CampaignId,
        count: int = 25,
        *,
        cursor: str | datetime | None = None,
        sort: Sort = "created",
        include: Iterable[str] | None = None,
        fields: Fields | None = None,
        bearer: TokenOwner | Tokens = CREATOR,
    ) -> tuple[tuple[Pledge, ...], V1Document]:
        """Read a page of the pledges to one's own campaign; ``next_cursor`` of the document leads on.

        Raises WrongToken for anybody's token but that campaign's creator's. The row at the cursor comes again; an instant
        without an offset is taken as UTC.
        """
        at = _to_cursor(cursor) if isinstance(cursor, datetime) else cursor
        call = pledges_call(campaign, count=count, cursor=at, sort=sort, extra=to_query(include, fields))
        try:
            body = await self._ask(bearer, call)
        except AccessDenied as denied:
            raise needs_creator(campaign, denied) from None
        document = V1Document(parse_document(body))
        return tuple(one for one in document.data if isinstance(one, Pledge)), document


def _to_cursor(at: datetime) -> str:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def pledge_to(document: V1Document, creator: str) -> Pledge | None:
    """Find the pledge to a creator among what came with ``current_user``, as the documentation's examples do."""
    return next((one for one in document.every(Pledge) if one.creator and one.creator.id == creator), None)


def to_query(include: Iterable[str] | None, fields: Fields | None) -> tuple[tuple[str, str], ...]:
    """Write ``include`` and ``fields[...]``; nothing wanted is the word ``null``."""
    asked = [] if include is None else [("include", ",".join(include) or "null")]
    return (*asked, *((f"fields[{kind}]", ",".join(names) or "null") for kind, names in (fields or {}).items()))
