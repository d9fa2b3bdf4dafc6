"""The routes of guilds: the guild, its roles, channels, members and audit log."""

from sandbox.discord.errors import ApiError, invalid_form, missing_access, missing_permissions, two_factor_required
from sandbox.discord.rest import Answer, Call, Route
from sandbox.discord.wire import audit_json, channel_json, guild_json, member_json, role_json, user_json
from sandbox.world.guild import DiscordWorld
from sandbox.world.guild_ranks import may_hand_out, may_see, permissions_of, rank
from sandbox.world.guild_records import Guild, Json, Permission, Role

_GUILD = "/guilds/{guild_id}"
_MEMBER = _GUILD + "/members/{user_id}"
_PAGE = 1000
_AUDIT_PAGE = 100
_BIGGEST_ID = (1 << 63) - 1


class GuildRoutes:
    """Answers what bots ask and do in guilds, with Discord's checks of permission and rank."""

    def __init__(self, world: DiscordWorld) -> None:
        self._world = world

    def routes(self) -> list[Route]:
        """Return the routes, the busiest first."""
        return [
            Route("PUT", _MEMBER + "/roles/{role_id}", self.give_role),
            Route("DELETE", _MEMBER + "/roles/{role_id}", self.take_role),
            Route("GET", _GUILD + "/members", self.members),
            Route("GET", _MEMBER, self.member),
            Route("PATCH", _MEMBER, self.change_member),
            Route("GET", _GUILD, self.guild),
            Route("GET", _GUILD + "/roles", self.roles),
            Route("GET", _GUILD + "/roles/{role_id}", self.role),
            Route("POST", _GUILD + "/roles", self.create_role),
            Route("PATCH", _GUILD + "/roles/{role_id}", self.change_role),
            Route("DELETE", _GUILD + "/roles/{role_id}", self.delete_role),
            Route("GET", _GUILD + "/channels", self.channels),
            Route("GET", _GUILD + "/audit-logs", self.audit_log),
        ]

    async def give_role(self, call: Call) -> Answer:
        """204, also when the member has the role already."""
        guild, user, role = self._handing_out(call)
        self._world.give_role(guild.id, user, role.id, by=call.bot.id, reason=call.reason)
        return None

    async def take_role(self, call: Call) -> Answer:
        """204, also when the member does not have the role."""
        guild, user, role = self._handing_out(call)
        self._world.take_role(guild.id, user, role.id, by=call.bot.id, reason=call.reason)
        return None

    async def members(self, call: Call) -> Answer:
        """Return members by ascending id; needs the members intent."""
        guild = self._guild(call)
        if not call.bot.members_intent:
            raise missing_access()
        limit, after = call.number("limit", 1, 1, _PAGE), call.number("after", 0, 0, _BIGGEST_ID)
        return [member_json(self._world, guild, user) for user in guild.members.page(after, limit)]

    async def member(self, call: Call) -> Answer:
        """Return one member."""
        guild, user = self._guild(call), call.id("user_id")
        self._world.require_member(guild.id, user)
        return member_json(self._world, guild, user)

    async def change_member(self, call: Call) -> Answer:
        """Replace a member's roles; what else Discord lets one change here is refused."""
        guild, user = self._guild(call), call.id("user_id")
        self._world.require_member(guild.id, user)
        form = await call.form()
        if set(form) - {"roles"}:
            raise missing_permissions()
        if "roles" in form:
            self._change_roles(call, guild, user, {int(role) for role in form["roles"] or ()})
        return member_json(self._world, guild, user)

    async def guild(self, call: Call) -> Answer:
        """Return the guild, with counts when they are asked for."""
        guild = self._guild(call)
        shape = guild_json(guild)
        if call.request.query.get("with_counts", "").lower() in {"1", "true"}:
            shape |= {"approximate_member_count": len(guild.members), "approximate_presence_count": 0}
        return shape

    async def roles(self, call: Call) -> Answer:
        """Return all roles, @everyone among them."""
        return [role_json(role) for role in self._guild(call).roles.values()]

    async def role(self, call: Call) -> Answer:
        """Return one role."""
        return role_json(self._world.role(self._guild(call).id, call.id("role_id")))

    async def create_role(self, call: Call) -> Answer:
        """Create a role with no more permissions than the bot has."""
        guild = self._guild(call)
        form = await call.form()
        permissions = int(form.get("permissions") or guild.roles[guild.id].permissions)
        self._require(call, guild, Permission.MANAGE_ROLES)
        if permissions & ~permissions_of(guild, call.bot.id):
            raise missing_permissions()
        color = int(form.get("color") or 0)
        return role_json(
            self._world.add_role(guild.id, form.get("name") or "new role", permissions=permissions, color=color)
        )

    async def change_role(self, call: Call) -> Answer:
        """Rename a role below the bot's own, or change its permissions."""
        guild, role = self._below(call)
        form = await call.form()
        if form.get("name"):
            self._world.rename_role(guild.id, role.id, form["name"])
        if form.get("permissions") is not None:
            if int(form["permissions"]) & ~permissions_of(guild, call.bot.id):
                raise missing_permissions()
            self._world.set_permissions(guild.id, role.id, int(form["permissions"]))
        return role_json(role)

    async def delete_role(self, call: Call) -> Answer:
        """Delete a role below the bot's own."""
        guild, role = self._below(call)
        if role.managed or role.id == guild.id:
            raise ApiError(400, 50028, "Invalid role")
        self._world.delete_role(guild.id, role.id)
        return None

    async def channels(self, call: Call) -> Answer:
        """Return the channels the bot sees."""
        guild = self._guild(call)
        return [channel_json(self._world, c) for c in guild.channels.values() if may_see(guild, c, call.bot.id)]

    async def audit_log(self, call: Call) -> Answer:
        """Return lines of the audit log, the newest first (the oldest first with ``after``)."""
        guild = self._guild(call)
        self._require(call, guild, Permission.VIEW_AUDIT_LOG)
        before, after = call.number("before", _BIGGEST_ID, 0, _BIGGEST_ID), call.number("after", 0, 0, _BIGGEST_ID)
        action, actor = call.number("action_type", 0, 0, 1000), call.number("user_id", 0, 0, _BIGGEST_ID)
        found = [
            entry
            for entry in guild.audit_log
            if after < entry.id < before and action in {0, entry.action} and actor in {0, entry.actor_id}
        ]
        limit = call.number("limit", 50, 1, _AUDIT_PAGE)
        found = found[:limit] if "after" in call.request.query else found[::-1][:limit]
        people = {user for entry in found for user in (entry.actor_id, entry.target_id)}
        empty: Json = {
            key: []
            for key in (
                "integrations",
                "webhooks",
                "guild_scheduled_events",
                "threads",
                "application_commands",
                "auto_moderation_rules",
            )
        }
        users = [user_json(self._world.user(user)) for user in sorted(people)]
        return {"audit_log_entries": [audit_json(entry) for entry in found], "users": users} | empty

    def _guild(self, call: Call) -> Guild:
        guild = self._world.guild(call.id("guild_id"))
        if call.bot.id not in guild.members:
            raise missing_access()
        if guild.unavailable:
            raise ApiError(503, 0, "503: Service Unavailable")
        return guild

    def _require(self, call: Call, guild: Guild, permission: Permission) -> None:
        if not permissions_of(guild, call.bot.id) & permission:
            raise missing_permissions()

    def _handing_out(self, call: Call) -> tuple[Guild, int, Role]:
        guild, user = self._guild(call), call.id("user_id")
        role = self._world.role(guild.id, call.id("role_id"))
        self._world.require_member(guild.id, user)
        if role.id == guild.id:
            raise ApiError(400, 50028, "Invalid role")
        if guild.two_factor and not call.bot.owner_two_factor:
            raise two_factor_required()
        if not may_hand_out(guild, call.bot.id, role):
            raise missing_permissions()
        return guild, user, role

    def _change_roles(self, call: Call, guild: Guild, user: int, wanted: set[int]) -> None:
        if not wanted <= guild.roles.keys():
            raise invalid_form("roles", "Unknown role in list", "ROLE_UNKNOWN")
        changed = wanted ^ self._world.roles_of(guild.id, user)
        if not all(may_hand_out(guild, call.bot.id, guild.roles[role]) for role in changed):
            raise missing_permissions()
        self._world.set_roles(guild.id, user, wanted, by=call.bot.id, reason=call.reason)

    def _below(self, call: Call) -> tuple[Guild, Role]:
        guild = self._guild(call)
        role = self._world.role(guild.id, call.id("role_id"))
        self._require(call, guild, Permission.MANAGE_ROLES)
        if rank(guild, call.bot.id) <= role.position:
            raise missing_permissions()
        return guild, role
