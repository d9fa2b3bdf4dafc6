"""The errors this Discord answers with: status, Discord's numeric code and its sentence.

Source: Discord's documentation, "Opcodes and Status Codes".
"""

from sandbox.world.guild_records import Json, Unknown

_UNKNOWN_CODES = {
    "Channel": 10003,
    "Guild": 10004,
    "Member": 10007,
    "Message": 10008,
    "Role": 10011,
    "User": 10013,
    "Webhook": 10015,
    "interaction": 10062,
    "application command": 10063,
}


class ApiError(Exception):
    """An answer that is no success. ``errors`` names the faulty fields by path, as Discord does for code 50035."""

    def __init__(self, status: int, code: int, message: str, errors: Json | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.errors = errors

    def body(self) -> Json:
        """Return Discord's JSON for it."""
        shape: Json = {"message": self.message, "code": self.code}
        if self.errors is not None:
            shape["errors"] = self.errors
        return shape


def unknown(what: Unknown) -> ApiError:
    """Return the 404 for something that does not exist."""
    return ApiError(404, _UNKNOWN_CODES.get(what.what, 0), f"Unknown {what.what}")


def unauthorized() -> ApiError:
    """Return the 401 for a missing or wrong token."""
    return ApiError(401, 0, "401: Unauthorized")


def not_found() -> ApiError:
    """Return the 404 for a path this Discord does not have."""
    return ApiError(404, 0, "404: Not Found")


def missing_access() -> ApiError:
    """Return the 403 for something the bot cannot see."""
    return ApiError(403, 50001, "Missing Access")


def two_factor_required() -> ApiError:
    """Return the 403 for a moderating call in a guild that asks two factors, of a bot whose owner has one.

    Source: discord-api-docs issues 69 and 1670.
    """
    return ApiError(403, 60003, "Two factor is required for this operation")


def missing_permissions() -> ApiError:
    """Return the 403 for something the bot may not do, for want of a permission or of rank."""
    return ApiError(403, 50013, "Missing Permissions")


def cannot_dm() -> ApiError:
    """Return the 403 for a user who takes no DMs from the bot."""
    return ApiError(403, 50007, "Cannot send messages to this user")


def empty_message() -> ApiError:
    """Return the 400 for a message with nothing in it."""
    return ApiError(400, 50006, "Cannot send an empty message")


def invalid_form(path: str, sentence: str, code: str = "BASE_TYPE_BAD") -> ApiError:
    """Return the 400 for a body Discord does not take; ``path`` is dotted, as in ``embeds.0.title``."""
    errors: Json = {"_errors": [{"code": code, "message": sentence}]}
    for part in reversed(path.split(".")):
        errors = {part: errors}
    return ApiError(400, 50035, "Invalid Form Body", errors)


def already_acknowledged() -> ApiError:
    """Return the 400 for a second first answer."""
    return ApiError(400, 40060, "Interaction has already been acknowledged.")


def token_expired() -> ApiError:
    """Return the 401 for an interaction token older than fifteen minutes."""
    return ApiError(401, 50027, "Invalid Webhook Token")
