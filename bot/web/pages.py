"""Pages: templates rendered with autoescape, the headers that every answer carries, and an error page for every failure.

No route and no use case here. Anything put into a template is text from outside and comes out escaped.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from bot.errors import AccessDenied, LinkError, PatreonError, PatreonUnavailable, RateLimited, RequestRefused, StoreError
from bot.texts import pages as texts

log = structlog.get_logger(__name__)

STATIC = Path(__file__).parent / "static"

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "X-Robots-Tag": "noindex, nofollow",
    "Server": "patron-roles",
}

_HTTP_PAGES = {404: texts.NOT_FOUND, 405: texts.WRONG_METHOD, 413: texts.TOO_LARGE}
_MACHINE_PATHS = re.compile(r"/(webhooks/|healthz|readyz|metrics)")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Pages:
    """The templates, compiled once."""

    def __init__(self) -> None:
        """Read and compile every template, which blocks; an unknown name in one is an error, not an empty place."""
        self._environment = Environment(
            loader=PackageLoader("bot.web"),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["texts"] = texts
        for name in self._environment.list_templates():
            self._environment.get_template(name)

    def show(self, template: str, *, status: int = 200, **values: object) -> web.Response:
        """Render a template file into an HTML answer."""
        body = self._environment.get_template(template).render(values)
        return web.Response(text=body, status=status, content_type="text/html", charset="utf-8")

    def say(self, page: texts.Page) -> web.Response:
        """Show a page that only says something."""
        return self.show("message.html", status=page.status, page=page)


def page_for(error: Exception) -> texts.Page:
    """Choose the page for a failure; what nobody foresaw is ours to mend and gets the page that says so."""
    match error:
        case LinkError(problem=problem):
            return texts.LINK_PROBLEMS[problem]
        case RateLimited(retry_after=wait):
            return texts.patreon_busy(wait)
        case PatreonUnavailable():
            return texts.PATREON_DOWN
        case AccessDenied() | RequestRefused():
            return texts.PATREON_SET_UP
        case PatreonError():
            return texts.PATREON_DENIED
        case StoreError():
            return texts.STORE_DOWN
        case web.HTTPException(status=status):
            return _HTTP_PAGES.get(status, texts.BAD_REQUEST)
        case _:
            return texts.BUG


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn failures into pages (or plain lines for machines) and log the unforeseen ones, never with the address."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        if error.status < web.HTTPBadRequest.status_code:
            raise
        return _answer(request, error)
    except web.RequestPayloadError:
        return _answer(request, web.HTTPBadRequest())
    except ConnectionError:
        raise  # whoever asked is gone, and aiohttp knows it
    except (LinkError, PatreonError, StoreError) as error:
        tell = log.info if isinstance(error, LinkError) else log.warning
        tell("page_failed", route=_route(request), error=type(error).__name__, detail=str(error))
        return _answer(request, error)
    except Exception as error:
        log.exception("page_broke", route=_route(request))
        return _answer(request, error)


def _answer(request: web.Request, error: Exception) -> web.Response:
    page = page_for(error)
    headers = {"Allow": error.headers["Allow"]} if isinstance(error, web.HTTPMethodNotAllowed) else {}
    if _MACHINE_PATHS.match(request.path):
        return web.Response(text=f"{page.title}\n", status=page.status, headers=headers)
    answer = request.app[PAGES].say(page)
    answer.headers.update(headers)
    return answer


def _route(request: web.Request) -> str:
    """Name the route, not the path: a path holds one-time tokens."""
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


async def add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Dress the answer that is about to go out."""
    dress(response)


def dress(response: web.StreamResponse) -> None:
    """Put the security headers on an answer; nothing but the style sheet may be kept by anybody."""
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")


async def style_sheet(_request: web.Request) -> web.StreamResponse:
    """Serve the one style sheet."""
    return web.FileResponse(STATIC / "style.css", headers={"Cache-Control": "public, max-age=3600"})


PAGES: web.AppKey[Pages] = web.AppKey("pages", Pages)
