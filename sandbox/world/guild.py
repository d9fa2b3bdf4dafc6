"""The simulated Discord as plain state with verbs: people, bots, guilds, members. No sockets, no JSON, no HTTP errors.

Everything is named by its id. A verb done "by hand" (a moderator in Discord's client) is not checked for rank; whoever
serves the API asks :mod:`sandbox.world.guild_ranks` first.
"""

from collections.abc import Iterable

from sandbox.world.clock import Clock
from sandbox.world.guild_events import (
    Audited,
    ChannelCreated,
    ChannelDeleted,
    Event,
    GuildAppeared,
    GuildChanged,
    GuildDisappeared,
    Listener,
    MemberChanged,
    MemberJoined,
    MemberLeft,
)
from sandbox.world.guild_messages import Messages
from sandbox.world.guild_records import (
    BOT_PERMISSIONS,
    EVERYONE_PERMISSIONS,
    Attachment,
    AuditEntry,
    Bot,
    Channel,
    Guild,
    Json,
    Overwrite,
    Role,
    Unknown,
    User,
)
from sandbox.world.guild_roles import Roles
from sandbox.world.guild_roster import Roster
from sandbox.world.timeline import Timeline

_EPOCH_MS = 1_420_070_400_000
"""Discord's epoch, the first millisecond of 2015."""
_MEMBER_KICK = 20
_MEMBER_ROLE_UPDATE = 25


class DiscordWorld(Roles, Messages):
    """Everything there is in this Discord. Verbs change it at once and tell every listener in the order things happened.

    Roles' verbs live in :class:`~sandbox.world.guild_roles.Roles`, those of messages in
    :class:`~sandbox.world.guild_messages.Messages`. Each raises :class:`~sandbox.world.guild_records.Unknown` for an id
    nobody has.
    """

    def __init__(self, clock: Clock, timeline: Timeline) -> None:
        self.clock = clock
        self.timeline = timeline
        self.users: dict[int, User] = {}
        self.bots: dict[int, Bot] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.files: dict[int, Attachment] = {}
        self._crowds: list[range] = []
        self._listeners: list[Listener] = []
        self._last_id = 0

    # --- plumbing -------------------------------------------------------------------------------------------------

    def new_id(self) -> int:
        """Return a snowflake of the world's present, above every one made before."""
        fresh = (int(self.clock.now().timestamp() * 1000) - _EPOCH_MS) << 22
        self._last_id = max(fresh, self._last_id + 1)
        return self._last_id

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every :data:`~sandbox.world.guild_events.Event` from now on."""
        self._listeners.append(listener)

    def unlisten(self, listener: Listener) -> None:
        """Stop what :meth:`listen` began."""
        self._listeners.remove(listener)

    def tell(self, event: Event) -> None:
        """Hand ``event`` to every listener."""
        for listener in self._listeners:
            listener(event)

    # --- people ---------------------------------------------------------------------------------------------------

    def add_user(self, name: str, *, id: int | None = None, global_name: str | None = None, locale: str = "en-US") -> User:  # noqa: A002
        """Make an account; ``id`` defaults to a fresh snowflake."""
        user = User(id or self.new_id(), name, global_name or name.capitalize(), locale=locale)
        self.users[user.id] = user
        return user

    def user(self, user: int) -> User:
        """Return the account; those of a crowd (:meth:`add_members`) are made up on demand."""
        known = self.users.get(user)
        if known is not None:
            return known
        for number, crowd in enumerate(self._crowds):
            if user in crowd:
                return User(user, f"member{number}-{user - crowd.start}")
        raise Unknown("User", user)

    def close_dms(self, user: int) -> None:
        """Let nobody write to ``user`` any more: bots get error 50007."""
        self.users[user].dms_open = False

    def open_dms(self, user: int) -> None:
        """Undo :meth:`close_dms`."""
        self.users[user].dms_open = True

    def add_bot(self, name: str, token: str, *, id: int | None = None, owner: int | None = None) -> Bot:  # noqa: A002
        """Register an application with a bot user that logs in with ``token``."""
        user = User(id or self.new_id(), name, None, bot=True)
        bot = Bot(user, token, owner or user.id)
        self.users[user.id] = user
        self.bots[bot.id] = bot
        return bot

    def bot_of_token(self, token: str) -> Bot | None:
        """Return the bot that logs in with ``token``."""
        return next((bot for bot in self.bots.values() if bot.token == token), None)

    # --- guilds ---------------------------------------------------------------------------------------------------

    def add_guild(self, name: str, *, owner: int, id: int | None = None) -> Guild:  # noqa: A002
        """Found a guild with its @everyone role, a channel ``general`` and ``owner`` as first member."""
        now = self.clock.now()
        guild = Guild(id or self.new_id(), name, owner, Roster(now), now)
        guild.roles[guild.id] = Role(guild.id, "@everyone", 0, int(EVERYONE_PERMISSIONS))
        self.guilds[guild.id] = guild
        guild.members.add(owner, (), now)
        self.add_channel(guild.id, "general")
        return guild

    def guild(self, guild: int) -> Guild:
        """Return the guild."""
        try:
            return self.guilds[guild]
        except KeyError:
            raise Unknown("Guild", guild) from None

    def invite(self, bot: int, guild: int, *, permissions: int = BOT_PERMISSIONS) -> Role:
        """Bring a bot into a guild; return the managed role it came with, placed above all roles there are now."""
        home = self.guild(guild)
        user = self.user(bot)
        role = self.add_role(guild, user.name, permissions=permissions, managed=True, bot=bot)
        self.move_role(guild, role.id, len(home.roles) - 1)
        home.members.add(bot, (role.id,), self.clock.now())
        self.timeline.add("discord.world", f"{user.name} was invited to {home.name}", guild=guild, user=bot)
        self.tell(GuildAppeared(home, bot))
        return role

    def require_two_factor(self, guild: int, *, on: bool = True) -> None:
        """Let a guild ask two-factor authentication of its moderators, or no longer."""
        home = self.guild(guild)
        home.two_factor = on
        self.tell(GuildChanged(home))

    def take_down(self, guild: int) -> None:
        """Begin an outage: the guild is unavailable to its bots, and its routes answer 503."""
        home = self.guild(guild)
        home.unavailable = True
        self.timeline.add("discord.world", f"{home.name} is unavailable", guild=guild)
        self.tell(GuildDisappeared(home, None))

    def bring_back(self, guild: int) -> None:
        """End the outage that :meth:`take_down` began."""
        home = self.guild(guild)
        home.unavailable = False
        self.timeline.add("discord.world", f"{home.name} is available again", guild=guild)
        self.tell(GuildAppeared(home, None))

    def add_channel(self, guild: int, name: str, *, id: int | None = None) -> Channel:  # noqa: A002
        """Add a text channel everybody sees."""
        home = self.guild(guild)
        channel = Channel(id or self.new_id(), name, guild_id=guild, position=len(home.channels))
        home.channels[channel.id] = channel
        self.channels[channel.id] = channel
        self.tell(ChannelCreated(home, channel))
        return channel

    def delete_channel(self, channel: int) -> None:
        """Remove a text channel and what was written in it."""
        gone = self.channel(channel)
        home = self.guild(gone.guild_id or 0)
        del self.channels[channel], home.channels[channel]
        self.tell(ChannelDeleted(home, gone))

    def transfer(self, guild: int, owner: int) -> None:
        """Hand a guild over to another member."""
        home = self.guild(guild)
        home.owner_id = owner
        self.tell(GuildChanged(home))

    def overwrite(self, channel: int, target: int, *, allow: int = 0, deny: int = 0) -> None:
        """Set what a channel allows and denies a role (@everyone has the guild's id) or a member."""
        where = self.channel(channel)
        member = target not in self.guild(where.guild_id or 0).roles
        where.overwrites[target] = Overwrite(allow, deny, member)

    # --- members --------------------------------------------------------------------------------------------------

    def join(self, guild: int, user: int, *, roles: Iterable[int] = ()) -> None:
        """Make the user a member, with these roles from the start (as an onboarding or another bot would do)."""
        home = self.guild(guild)
        name = self.user(user).name
        home.members.add(user, roles, self.clock.now())
        if home.screens and not home.members.roles(user):
            home.pending.add(user)
        self.timeline.add("discord.world", f"{name} joined {home.name}", guild=guild, user=user)
        self.tell(MemberJoined(home, user))

    def accept_rules(self, guild: int, user: int) -> None:
        """Let a member pass the rules screening."""
        home = self.guild(guild)
        home.pending.discard(user)
        self.timeline.add(
            "discord.world", f"{self.user(user).name} accepted the rules of {home.name}", guild=guild, user=user
        )
        self.tell(MemberChanged(home, user))

    def leave(self, guild: int, user: int, *, by: int | None = None, reason: str | None = None) -> None:
        """End a membership with all its roles; ``by`` names who kicked the user. A bot that leaves loses the guild."""
        home = self.guild(guild)
        self.require_member(guild, user)
        home.members.remove(user)
        home.pending.discard(user)
        self.timeline.add("discord.world", f"{self.user(user).name} left {home.name}", guild=guild, user=user)
        self.tell(MemberLeft(home, user))
        if by is not None:
            self.audit(guild, _MEMBER_KICK, actor=by, target=user, reason=reason)
        if user in self.bots:
            for role in [role.id for role in home.roles.values() if role.bot_id == user]:
                self.delete_role(guild, role)
            self.tell(GuildDisappeared(home, user))

    def add_members(self, guild: int, how_many: int, *, roles: Iterable[int] = ()) -> range:
        """Add a crowd of made-up members with the same roles, cheaply and without an event each; return their ids."""
        first = self.new_id()
        crowd = range(first, first + how_many)
        self._last_id = crowd.stop
        self._crowds.append(crowd)
        self.guild(guild).members.add_many(crowd, roles)
        return crowd

    def require_member(self, guild: int, user: int) -> None:
        """Raise Unknown "Member" unless the user is in the guild."""
        if user not in self.guild(guild).members:
            raise Unknown("Member", user)

    def roles_of(self, guild: int, user: int) -> frozenset[int]:
        """Return the member's role ids, without @everyone."""
        self.require_member(guild, user)
        return self.guild(guild).members.roles(user)

    def role_names_of(self, guild: int, user: int) -> set[str]:
        """Return the names of the member's roles, without @everyone: what tests and the demo's page show."""
        return {self.guild(guild).roles[role].name for role in self.roles_of(guild, user)}

    def give_role(self, guild: int, user: int, role: int, *, by: int | None = None, reason: str | None = None) -> bool:
        """Give a role, by hand (the owner's) unless ``by`` names who did it; False when the member had it already."""
        return self.set_roles(guild, user, self.roles_of(guild, user) | {self.role(guild, role).id}, by=by, reason=reason)

    def take_role(self, guild: int, user: int, role: int, *, by: int | None = None, reason: str | None = None) -> bool:
        """Take a role, like :meth:`give_role`; False when the member did not have it."""
        return self.set_roles(guild, user, self.roles_of(guild, user) - {self.role(guild, role).id}, by=by, reason=reason)

    def set_roles(
        self, guild: int, user: int, roles: Iterable[int], *, by: int | None = None, reason: str | None = None
    ) -> bool:
        """Replace a member's roles; False when nothing changed, which leaves no trace in the audit log either."""
        home = self.guild(guild)
        before, after = self.roles_of(guild, user), frozenset(roles)
        if before == after:
            return False
        home.members.put(user, after)
        if after and home.roles_lift_screening:
            home.pending.discard(user)
        self.tell(MemberChanged(home, user))
        changes: list[Json] = []
        for key, verb, ids in (("$remove", "lost", before - after), ("$add", "got", after - before)):
            if ids:
                named = [{"id": str(role), "name": home.roles[role].name} for role in sorted(ids)]
                changes.append({"key": key, "new_value": named})
                text = f"{self.user(user).name} {verb} {', '.join(role['name'] for role in named)}"
                self.timeline.add("discord.role", text, guild=guild, user=user, reason=reason)
        self.audit(guild, _MEMBER_ROLE_UPDATE, actor=by or home.owner_id, target=user, reason=reason, changes=changes)
        return True

    def audit(
        self, guild: int, action: int, *, actor: int, target: int, reason: str | None, changes: Iterable[Json] = ()
    ) -> AuditEntry:
        """Write a line into the guild's audit log."""
        entry = AuditEntry(self.new_id(), guild, action, actor, target, tuple(changes), reason, self.clock.now())
        self.guild(guild).audit_log.append(entry)
        self.tell(Audited(entry))
        return entry
