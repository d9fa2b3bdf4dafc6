"""Patreon's ways of saying no: JSON:API errors of both APIs, OAuth's own, and the HTML page of its edge."""

import uuid
from typing import Any

from aiohttp import web

from sandbox.world.patreon_oauth import OAuthError

JSON_API = "application/vnd.api+json"

_DETAILS = {
    401: (
        "Unauthorized",
        (
            "The server could not verify that you are authorized to access the URL requested. You either supplied the wrong"
            " credentials (e.g. a bad password), or your browser doesn't understand how to supply the credentials required."
        ),
    ),
    404: ("NotFound", "The requested URL was not found on the server."),
    405: ("MethodNotAllowed", "The method is not allowed for the requested URL."),
    406: ("NotAcceptable", "You requested a format that isn't json."),
    410: ("Gone", "The resource requested has been removed from our servers."),
    500: ("InternalServerError", "We had a problem with our server. Try again later."),
    503: ("ServiceUnavailable", "We're temporarily offline for maintenance. Please try again later."),
}
_HTML = """<!DOCTYPE html>
<html lang="en"><head><title>www.patreon.com | {status}</title></head>
<body><h1>Error {status}</h1><p>The web server reported an error. Ray ID: {ray}</p></body></html>
"""


class ApiError(Exception):
    """A JSON:API error answer: the status, Patreon's ``code_name`` and whatever else belongs into the error object."""

    def __init__(self, status: int, code_name: str, detail: str, *, code: int | None = None, **more: Any) -> None:
        super().__init__(f"{status} {code_name}")
        self.status = status
        self.code_name = code_name
        self.detail = detail
        self.code = code
        self.more = more

    def response(self) -> web.Response:
        """Write the answer."""
        error = {
            "code": self.code,
            "code_name": self.code_name,
            "detail": self.detail,
            "id": str(uuid.uuid4()),
            "status": str(self.status),
            "title": self.detail if self.status in {400, 403, 429} else self.code_name,
            **self.more,
        }
        return web.json_response({"errors": [error]}, status=self.status, content_type=JSON_API)


def plain(status: int) -> ApiError:
    """Return the error Patreon gives for a status of its documented list; 401 and 404 share the code 1."""
    name, detail = _DETAILS.get(status, ("ServerError", "We had a problem with our server. Try again later."))
    return ApiError(status, name, detail, code=1 if status in {401, 404} else None)


def invalid_parameter(parameter: str, kind: str, name: str) -> ApiError:
    """Return the 400 for a field or include that the type does not have; one bad name fails the whole request."""
    detail = f"Invalid parameter for type {kind}: {name}"
    return ApiError(400, "ParameterInvalidOnType", detail, source={"parameter": parameter})


def invalid_value(parameter: str, detail: str) -> ApiError:
    """Return the 400 for a value that cannot be read."""
    return ApiError(400, "ParameterInvalid", detail, source={"parameter": parameter})


def forbidden(detail: str, code_name: str = "ViewForbidden") -> ApiError:
    """Return the 403 for a missing scope, another creator's campaign or a client that may not use this API."""
    return ApiError(403, code_name, detail)


def throttled(seconds: float) -> ApiError:
    """Return the 429 that says in whole seconds how long to wait."""
    detail = "You have made too many attempts. Please try again later."
    return ApiError(429, "RequestThrottled", detail, retry_after_seconds=max(1, round(seconds + 0.49)))


def banned(seconds: float) -> web.Response:
    """Write the edge's answer to a caller with too many bad requests: an error without code, id, status or title."""
    error = {"detail": "Too many bad requests. Time to cool down.", "retry_after_seconds": max(1, round(seconds + 0.49))}
    return web.json_response({"errors": [error]}, status=429)


def oauth(error: OAuthError) -> web.Response:
    """Write an error of the token endpoint, which knows no JSON:API."""
    body = {"error": error.code}
    if error.description:
        body["error_description"] = error.description
    return web.json_response(body, status=error.status)


def html_page(status: int) -> web.Response:
    """Write the edge's error page, as it comes when the edge is in trouble or does not like the caller."""
    ray = uuid.uuid4().hex[:16]
    text = _HTML.format(status=status, ray=ray)
    return web.Response(text=text, status=status, content_type="text/html", headers={"cf-ray": f"{ray}-FRA"})
