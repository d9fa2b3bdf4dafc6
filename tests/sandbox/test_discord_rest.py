"""The REST side of the simulated Discord, asked without any library that would hide what is on the wire."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from sandbox.discord.faults import Fault
from sandbox.discord.limits import GIVE_ROLE
from sandbox.discord.server import DiscordServer
from sandbox.world.guild_records import BOT_PERMISSIONS, Permission
from tests.sandbox.discord_life import TOKEN, Town, build_town

MEMBER_KEYS = {
    "user",
    "nick",
    "avatar",
    "avatar_decoration_data",
    "banner",
    "collectibles",
    "roles",
    "joined_at",
    "premium_since",
    "communication_disabled_until",
    "flags",
    "pending",
    "mute",
    "deaf",
}
ROLE_KEYS = {
    "id",
    "name",
    "permissions",
    "position",
    "color",
    "colors",
    "hoist",
    "managed",
    "mentionable",
    "icon",
    "unicode_emoji",
    "flags",
}


@dataclass
class Line:
    """A client that talks to the API, and the town behind it."""

    town: Town
    server: DiscordServer
    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        async with self.session.request(method, self.server.api_url + path, json=body, headers=headers) as response:
            return response.status, await response.json() if response.status != 204 else None

    def member(self, user: int | None = None) -> str:
        return f"/guilds/{self.town.guild.id}/members/{user or self.town.ann.id}"

    def role(self, role: int | None = None, user: int | None = None) -> str:
        return f"{self.member(user)}/roles/{role or self.town.gold.id}"


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    town = build_town()
    headers = {"Authorization": f"Bot {TOKEN}"}
    async with DiscordServer(town.world).serve() as server, aiohttp.ClientSession(headers=headers) as session:
        server.limits.lift()
        yield Line(town, server, session)


async def test_answers_are_application_json_without_a_charset(line: Line) -> None:
    for path in ("/users/@me", "/nonsense", line.member(4)):
        async with line.session.get(line.server.api_url + path) as response:
            assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("header", ["", "Bot wrong", f"Bearer {TOKEN}", TOKEN])
async def test_a_wrong_token_is_unauthorized(line: Line, header: str) -> None:
    assert await line.call("GET", "/users/@me", Authorization=header) == (401, {"message": "401: Unauthorized", "code": 0})


async def test_a_path_discord_does_not_have_is_not_found(line: Line) -> None:
    assert await line.call("GET", "/cheese") == (404, {"message": "404: Not Found", "code": 0})
    assert line.server.calls["unknown route"] == 1


async def test_a_role_is_given_and_taken_with_the_reason_in_the_audit_log(line: Line) -> None:
    reason = {"X-Audit-Log-Reason": "Patreon%3A%20Gold%20%E2%82%AC10"}
    assert await line.call("PUT", line.role(), **reason) == (204, None)
    assert line.town.world.role_names_of(line.town.guild.id, line.town.ann.id) == {"Gold"}
    assert await line.call("DELETE", line.role()) == (204, None)
    assert line.town.world.role_names_of(line.town.guild.id, line.town.ann.id) == set()
    given, taken = list(line.town.guild.audit_log)[-2:]
    assert (given.reason, given.actor_id, given.changes[0]["key"]) == ("Patreon: Gold €10", line.town.bot_id, "$add")
    assert (taken.reason, taken.changes[0]["key"]) == (None, "$remove")
    assert line.server.calls[GIVE_ROLE] == 1


async def test_giving_what_the_member_has_is_no_error(line: Line) -> None:
    await line.call("PUT", line.role())
    assert await line.call("PUT", line.role()) == (204, None)
    assert sum(entry.action == 25 for entry in line.town.guild.audit_log) == 1


async def test_unknown_things_have_discords_codes(line: Line) -> None:
    stranger = line.town.world.add_user("bob").id
    assert await line.call("PUT", line.role(user=stranger)) == (404, {"message": "Unknown Member", "code": 10007})
    assert await line.call("PUT", line.role(5)) == (404, {"message": "Unknown Role", "code": 10011})
    assert await line.call("GET", "/guilds/5") == (404, {"message": "Unknown Guild", "code": 10004})
    assert await line.call("GET", "/channels/5") == (404, {"message": "Unknown Channel", "code": 10003})
    assert await line.call("GET", "/users/5") == (404, {"message": "Unknown User", "code": 10013})


async def test_an_id_that_is_no_number_is_an_invalid_form(line: Line) -> None:
    status, body = await line.call("GET", "/guilds/abc")
    assert (status, body["code"]) == (400, 50035)
    assert body["errors"]["guild_id"]["_errors"][0]["code"] == "NUMBER_TYPE_COERCE"


async def test_rank_permission_and_managed_roles_are_respected(line: Line) -> None:
    world, guild = line.town.world, line.town.guild
    refused = (403, {"message": "Missing Permissions", "code": 50013})
    booster = world.add_role(guild.id, "Booster", managed=True)
    assert await line.call("PUT", line.role(booster.id)) == refused
    own = world.bot_role(guild.id, line.town.bot_id)
    assert await line.call("PUT", line.role(own.id)) == refused
    world.move_role(guild.id, own.id, 1)
    assert await line.call("PUT", line.role()) == refused
    assert await line.call("DELETE", line.role()) == refused
    world.move_role(guild.id, own.id, 9)
    assert await line.call("PUT", line.role()) == (204, None)
    world.set_permissions(guild.id, own.id, BOT_PERMISSIONS & ~Permission.MANAGE_ROLES)
    assert await line.call("DELETE", line.role()) == refused
    assert line.server.rest.invalid_requests == 5


async def test_everyone_can_not_be_given(line: Line) -> None:
    assert await line.call("PUT", line.role(line.town.guild.id)) == (400, {"message": "Invalid role", "code": 50028})


async def test_members_come_in_pages_by_rising_id(line: Line) -> None:
    crowd = line.town.world.add_members(line.town.guild.id, 1500, roles=[line.town.gold.id])
    path = f"/guilds/{line.town.guild.id}/members"
    _, first = await line.call("GET", f"{path}?limit=1000")
    _, second = await line.call("GET", f"{path}?limit=1000&after={first[-1]['user']['id']}")
    ids = [int(member["user"]["id"]) for member in first + second]
    assert ids == sorted([*crowd, line.town.owner.id, line.town.ann.id, line.town.bot_id])
    assert first[-1]["roles"] == [str(line.town.gold.id)]
    assert len((await line.call("GET", path))[1]) == 1


@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "limit=x", "after=-1"])
async def test_paging_out_of_bounds_is_refused(line: Line, query: str) -> None:
    status, body = await line.call("GET", f"/guilds/{line.town.guild.id}/members?{query}")
    assert (status, body["code"]) == (400, 50035)


async def test_listing_members_needs_the_members_intent(line: Line) -> None:
    line.town.world.bots[line.town.bot_id].members_intent = False
    assert (await line.call("GET", f"/guilds/{line.town.guild.id}/members"))[0] == 403
    assert (await line.call("GET", line.member()))[0] == 200


async def test_a_member_has_discords_shape(line: Line) -> None:
    await line.call("PUT", line.role())
    status, member = await line.call("GET", line.member())
    assert status == 200
    assert set(member) == MEMBER_KEYS
    assert (member["user"]["username"], member["roles"]) == ("ann", [str(line.town.gold.id)])
    assert "bot" not in member["user"]


async def test_replacing_roles_checks_only_those_that_change(line: Line) -> None:
    world, guild = line.town.world, line.town.guild
    booster = world.add_role(guild.id, "Booster", managed=True)
    world.give_role(guild.id, line.town.ann.id, booster.id)
    kept = [str(booster.id), str(line.town.silver.id)]
    status, member = await line.call("PATCH", line.member(), {"roles": kept})
    assert status == 200
    assert set(member["roles"]) == set(kept)
    assert (await line.call("PATCH", line.member(), {"roles": []}))[0] == 403
    assert (await line.call("PATCH", line.member(), {"roles": ["5"]}))[1]["code"] == 50035
    assert (await line.call("PATCH", line.member(), {"nick": "queen"}))[0] == 403


async def test_roles_and_guild_have_discords_shape(line: Line) -> None:
    _, roles = await line.call("GET", f"/guilds/{line.town.guild.id}/roles")
    assert [role["name"] for role in sorted(roles, key=lambda r: r["position"])] == [
        "@everyone",
        "Silver",
        "Gold",
        "Patron Roles",
    ]
    assert all(set(role) - {"tags"} == ROLE_KEYS for role in roles)
    assert roles[-1]["tags"] == {"bot_id": str(line.town.bot_id)}
    _, guild = await line.call("GET", f"/guilds/{line.town.guild.id}?with_counts=true")
    assert (guild["name"], guild["approximate_member_count"]) == ("Workshop", 3)


async def test_users_channels_and_the_application_have_discords_shape(line: Line) -> None:
    user = {
        "id",
        "username",
        "global_name",
        "discriminator",
        "avatar",
        "avatar_decoration_data",
        "banner",
        "accent_color",
        "collectibles",
        "primary_guild",
        "public_flags",
        "flags",
    }
    assert set((await line.call("GET", f"/users/{line.town.ann.id}"))[1]) == user
    me = (await line.call("GET", "/users/@me"))[1]
    assert set(me) == user | {"bot", "mfa_enabled", "locale", "verified", "email"}
    [channel] = (await line.call("GET", f"/guilds/{line.town.guild.id}/channels"))[1]
    assert set(channel) == {
        "id",
        "type",
        "flags",
        "last_message_id",
        "last_pin_timestamp",
        "guild_id",
        "name",
        "parent_id",
        "position",
        "permission_overwrites",
        "rate_limit_per_user",
        "nsfw",
        "topic",
    }
    assert (await line.call("GET", f"/channels/{channel['id']}"))[1] == channel
    _, dm = await line.call("POST", "/users/@me/channels", {"recipient_id": str(line.town.ann.id)})
    assert (dm["type"], [recipient["username"] for recipient in dm["recipients"]]) == (1, ["ann"])
    application = (await line.call("GET", "/applications/@me"))[1]
    assert {"id", "name", "bot", "owner", "team", "flags", "verify_key", "eligible_oauth2_scopes"} <= set(application)


async def test_a_bot_makes_changes_and_deletes_roles_within_its_own_powers(line: Line) -> None:
    path = f"/guilds/{line.town.guild.id}/roles"
    status, role = await line.call("POST", path, {"name": "Bronze", "permissions": "0"})
    assert (status, role["position"]) == (200, 1)
    assert (await line.call("POST", path, {"name": "Boss", "permissions": "8"}))[0] == 403
    _, role = await line.call("PATCH", f"{path}/{role['id']}", {"name": "Copper"})
    assert role["name"] == "Copper"
    assert (await line.call("PATCH", f"{path}/{role['id']}", {"permissions": "8"}))[0] == 403
    assert await line.call("DELETE", f"{path}/{role['id']}") == (204, None)
    own = line.town.world.bot_role(line.town.guild.id, line.town.bot_id)
    assert (await line.call("DELETE", f"{path}/{own.id}"))[0] == 403
    assert (await line.call("GET", f"{path}/{role['id']}"))[0] == 404


async def test_the_audit_log_can_be_read_and_filtered(line: Line) -> None:
    await line.call("PUT", line.role(), **{"X-Audit-Log-Reason": "first"})
    await line.call("DELETE", line.role(), **{"X-Audit-Log-Reason": "second"})
    path = f"/guilds/{line.town.guild.id}/audit-logs"
    _, log = await line.call("GET", f"{path}?action_type=25&user_id={line.town.bot_id}")
    assert [entry["reason"] for entry in log["audit_log_entries"]] == ["second", "first"]
    assert {user["username"] for user in log["users"]} == {"ann", "Patron Roles"}
    _, newer = await line.call("GET", f"{path}?after={log['audit_log_entries'][1]['id']}")
    assert [entry["reason"] for entry in newer["audit_log_entries"]] == ["second"]
    own = line.town.world.bot_role(line.town.guild.id, line.town.bot_id)
    line.town.world.set_permissions(line.town.guild.id, own.id, BOT_PERMISSIONS)
    assert (await line.call("GET", path))[0] == 403


async def test_a_guild_the_bot_is_not_in_is_out_of_reach(line: Line) -> None:
    other = line.town.world.add_guild("Elsewhere", owner=line.town.owner.id)
    assert await line.call("GET", f"/guilds/{other.id}") == (403, {"message": "Missing Access", "code": 50001})
    assert (await line.call("PUT", f"/applications/{line.town.bot_id}/guilds/{other.id}/commands", []))[0] == 403


async def test_an_outage_answers_503(line: Line) -> None:
    line.town.world.take_down(line.town.guild.id)
    assert (await line.call("PUT", line.role()))[0] == 503
    line.town.world.bring_back(line.town.guild.id)
    assert (await line.call("PUT", line.role()))[0] == 204


async def test_the_account_and_the_gateway_are_there(line: Line) -> None:
    assert (await line.call("GET", "/users/@me"))[1]["bot"] is True
    for path in ("/applications/@me", "/oauth2/applications/@me"):
        _, application = await line.call("GET", path)
        assert (application["id"], application["approximate_guild_count"]) == (str(line.town.bot_id), 1)
        assert application["flags"] == 1 << 15
    assert (await line.call("GET", "/gateway"))[1] == {"url": line.server.gateway_url}
    _, gateway = await line.call("GET", "/gateway/bot")
    assert gateway["session_start_limit"]["remaining"] == 1000
    assert [guild["name"] for guild in (await line.call("GET", "/users/@me/guilds"))[1]] == ["Workshop"]


async def test_a_broken_body_is_told_apart_from_an_invalid_form(line: Line) -> None:
    url = line.server.api_url + line.member()
    async with line.session.patch(url, data="{", headers={"Content-Type": "application/json"}) as response:
        assert (response.status, (await response.json())["code"]) == (400, 50109)


async def test_faults_happen_as_often_as_ordered(line: Line) -> None:
    line.server.faults.add(Fault("PUT /guilds/*", times=2, status=502))
    assert [(await line.call("PUT", line.role()))[0] for _ in range(3)] == [502, 502, 204]
    assert line.server.faults.active == ()


async def test_a_fault_can_answer_a_page_instead_of_json(line: Line) -> None:
    line.server.faults.add(Fault("GET *", status=503, html=True))
    async with line.session.get(line.server.api_url + "/users/@me") as response:
        assert response.status == 503
        assert response.content_type == "text/html"
        assert "503" in await response.text()


@pytest.mark.parametrize(("after", "roles"), [(False, set[str]()), (True, {"Gold"})])
async def test_a_cut_connection_leaves_the_caller_in_doubt(line: Line, *, after: bool, roles: set[str]) -> None:
    # aiohttp by itself tries an idempotent request once more, so it takes two cuts for a caller to notice.
    line.server.faults.add(Fault("PUT */roles/*", times=2, cut=not after, cut_after=after))
    with pytest.raises(aiohttp.ClientConnectionError):
        await line.call("PUT", line.role())
    assert line.town.world.role_names_of(line.town.guild.id, line.town.ann.id) == roles


async def test_a_429_can_be_ordered_with_its_scope(line: Line) -> None:
    line.server.faults.add(Fault("*", retry_after=0.25, scope="shared"))
    async with line.session.get(line.server.api_url + "/users/@me") as response:
        body = await response.json()
        assert (response.status, response.headers["X-RateLimit-Scope"]) == (429, "shared")
        assert body["global"] is False
        assert 0.25 <= body["retry_after"] < 0.26


async def test_faults_can_be_switched_off(line: Line) -> None:
    line.server.faults.add(Fault("*", times=5, delay=0.001, status=500))
    line.server.faults.clear()
    assert (await line.call("GET", "/users/@me"))[0] == 200


async def test_the_time_line_tells_every_call_and_no_secret(line: Line) -> None:
    await line.call("PUT", line.role(), **{"X-Audit-Log-Reason": "because"})
    await line.call("POST", "/interactions/1/very-secret/callback", {"type": 4})
    entries = line.town.world.timeline.of("discord")
    calls = [entry.text for entry in entries if entry.kind == "discord.call"]
    assert calls == [f"PUT {line.role()} → 204", "POST /interactions/1/…/callback → 404"]
    assert "ann got Gold" in [entry.text for entry in entries if entry.kind == "discord.role"]
    assert not any(secret in repr(entries) for secret in ("very-secret", TOKEN))
