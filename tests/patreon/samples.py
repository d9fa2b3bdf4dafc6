"""Recorded answers of Patreon's, and changed copies of them. ``tests/data/patreon/README.md`` says where each is from."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[1] / "data" / "patreon"
NOW = datetime(2024, 2, 10, 12, tzinfo=UTC)


def raw(name: str) -> bytes:
    """Give a sample's bytes."""
    return (DATA / name).read_bytes()


def sample(name: str) -> Any:
    """Give a sample decoded; a fresh copy each time."""
    return json.loads(raw(name))


def dump(value: Any) -> bytes:
    """Write JSON."""
    return json.dumps(value).encode()


def error_sample(name: str) -> tuple[int, bytes]:
    """Give status and body of a recorded refusal; the wrapper around it is ours."""
    found = sample(f"errors/{name}.json")
    return found.get("http_status", 401), dump(found.get("body", found))


def member_body(attributes: dict[str, Any] | None = None, *, tiers: list[str] | None = None) -> Any:
    """Give a recorded paying member, changed."""
    body = sample("v2/seq3_members_update.json")
    body["data"]["attributes"].update(attributes or {})
    if tiers is not None:
        refs = [{"type": "tier", "id": tier} for tier in tiers]
        body["data"]["relationships"]["currently_entitled_tiers"]["data"] = refs
    return body


def members_page(*members: Any, cursor: str | None = None, total: int | None = None) -> Any:
    """Make a page of v2's list out of member bodies."""
    included = [side for member in members for side in member["included"]]
    page: dict[str, Any] = {"data": [member["data"] for member in members], "included": included}
    page["meta"] = {"pagination": {"cursors": {"next": cursor}, "total": len(members) if total is None else total}}
    return page


def another(body: Any, member: str, user: str) -> Any:
    """Give a copy of a member body under other ids."""
    copied = copy.deepcopy(body)
    copied["data"]["id"] = member
    copied["data"]["relationships"]["user"]["data"]["id"] = user
    return copied


def identity(user: str, *members: Any, name: str = "Ann Example") -> Any:
    """Make v2's ``identity`` of a user out of member bodies."""
    refs = [{"type": "member", "id": member["data"]["id"]} for member in members]
    owner = {"type": "user", "id": user, "attributes": {"full_name": name}, "relationships": {"memberships": {"data": refs}}}
    return {"data": owner, "included": [one for member in members for one in (member["data"], *member["included"])]}


def pledge_body(attributes: dict[str, Any] | None = None, **relations: str | None) -> Any:
    """Give the second recorded page of pledges with its one pledge changed; its ``meta.count`` is made true."""
    page = sample("v1/pledges_page_2.json")
    page["meta"]["count"] = 1
    pledge = page["data"][0]
    pledge["attributes"].update(attributes or {})
    for name, target in relations.items():
        kind = "reward" if name == "reward" else "campaign" if name == "campaign" else "user"
        pledge["relationships"][name] = {"data": None if target is None else {"type": kind, "id": target}}
    return page
