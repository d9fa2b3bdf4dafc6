"""The patron's way through the browser: the button of /link, the return from Patreon, the page that asks, the result.

Each route is one step of ``bot.linking``. There is no cookie on purpose: phones open the button in Discord's own browser
and come back from Patreon's app in another one. What ties the steps together are three one-time tokens, each stored only
as a hash: the start link, the OAuth state, and the hidden field of the confirming form, which only the page that names both
accounts carries, so that nobody else's page can send it.
"""

import math
from collections.abc import Awaitable, Iterator, Sequence
from typing import TypeVar

from aiohttp import web

from bot.errors import LinkError, LinkProblem
from bot.linking import Linked, Linking, RoleAhead, Wait
from bot.metrics import Metrics
from bot.texts import pages as texts
from bot.web.pages import PAGES, page_for

Step = TypeVar("Step")

RELOAD_AT_LATEST = 60
"""Seconds; somebody who waits for longer sees meanwhile that the page is alive."""


class LinkRoutes:
    """The four steps as handlers."""

    def __init__(self, linking: Linking, metrics: Metrics) -> None:
        """Take the use cases and the place to count outcomes."""
        self._linking = linking
        self._metrics = metrics

    def routes(self) -> Sequence[web.AbstractRouteDef]:
        """Say what is served where; ``HEAD`` is left out, since opening a step is not a question."""
        return [
            web.get("/link/{token}", self.start, allow_head=False),
            web.get("/oauth/redirect", self.come_back, allow_head=False),
            web.post("/link/confirm", self.confirm),
        ]

    async def start(self, request: web.Request) -> web.StreamResponse:
        """Send the browser to Patreon."""
        url = await self._counted("started", self._linking.authorize(request.match_info["token"]))
        raise web.HTTPSeeOther(url)

    async def come_back(self, request: web.Request) -> web.StreamResponse:
        """Take Patreon's code and ask about both accounts, or show a page that opens this address anew by itself."""
        query = request.query
        step = self._linking.returned(query.get("state", ""), query.get("code"), query.get("error"))
        asked = await self._counted("asked", step)
        if isinstance(asked, Wait):
            seconds = math.ceil(asked.span.total_seconds()) + 1
            sentence = texts.waiting(seconds)
            return request.app[PAGES].show("waiting.html", sentence=sentence, reload=min(seconds, RELOAD_AT_LATEST))
        return request.app[PAGES].show(
            "confirm.html",
            token=asked.token,
            patreon_name=asked.patron_name or texts.UNNAMED_PATRON.format(patron=asked.patron),
            discord_name=asked.user_name or texts.CONFIRM_UNNAMED_USER.format(user=asked.user),
        )

    async def confirm(self, request: web.Request) -> web.StreamResponse:
        """Link on "yes", forget everything on any other answer."""
        try:
            form = await request.post()
        except (ValueError, LookupError):  # not the form it says it is, or in no encoding there is
            raise web.HTTPBadRequest from None
        token, answer = form.get("token"), form.get("answer")
        if not isinstance(token, str):
            raise LinkError(LinkProblem.FORGED)
        if answer != "yes":
            await self._linking.refuse(token)
            self._metrics.links.labels("refused").inc()
            return request.app[PAGES].say(page_for(LinkError(LinkProblem.REFUSED)))
        return self._linked(request, await self._counted("linked", self._linking.finish(token)))

    def _linked(self, request: web.Request, linked: Linked) -> web.Response:
        return request.app[PAGES].show(
            "linked.html",
            roles=[_to_line(role) for role in linked.roles],
            sentences=list(_sentences(linked)),
            campaigns=[(campaign.name or texts.UNNAMED_CAMPAIGN, campaign.url) for campaign in linked.not_patron_of],
        )

    async def _counted(self, outcome: str, step: Awaitable[Step]) -> Step:
        try:
            result = await step
        except LinkError as error:
            self._metrics.links.labels(error.problem.value).inc()
            raise
        self._metrics.links.labels("waiting" if isinstance(result, Wait) else outcome).inc()
        return result


def _to_line(role: RoleAhead) -> str:
    return role.name or texts.UNNAMED_ROLE.format(role=role.role)


def _sentences(linked: Linked) -> Iterator[str]:
    """Say what a list of roles alone would leave open."""
    if linked.pending:
        yield texts.LINKED_PENDING
    elif not linked.roles and not linked.not_patron_of and not linked.paused and not linked.shadow:
        yield texts.LINKED_NO_ROLE_YET
    if linked.screened:
        yield texts.LINKED_SCREENED
    if linked.paused:
        yield texts.LINKED_PAUSED
    if linked.shadow:
        yield texts.LINKED_SHADOW
    if not linked.present:
        yield texts.LINKED_NOT_IN_GUILD
