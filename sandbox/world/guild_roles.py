"""The verbs of a guild's roles: create, rename, move, change permissions, delete.

Positions are 0 for @everyone and then 1, 2, 3 without gaps.
"""

from abc import ABC, abstractmethod

from sandbox.world.guild_events import Event, RoleChanged, RoleCreated, RoleDeleted
from sandbox.world.guild_records import Guild, Role, Unknown


class Roles(ABC):
    """The part of :class:`~sandbox.world.guild.DiscordWorld` that deals with roles."""

    @abstractmethod
    def guild(self, guild: int) -> Guild:
        """Return the guild."""

    @abstractmethod
    def new_id(self) -> int:
        """Return a fresh snowflake."""

    @abstractmethod
    def tell(self, event: Event) -> None:
        """Hand ``event`` to every listener."""

    def role(self, guild: int, role: int) -> Role:
        """Return the role."""
        try:
            return self.guild(guild).roles[role]
        except KeyError:
            raise Unknown("Role", role) from None

    def role_named(self, guild: int, name: str) -> Role:
        """Return the guild's role of that name; the lowest when there are several."""
        found = [role for role in self.guild(guild).roles.values() if role.name == name]
        if not found:
            raise Unknown("Role", name)
        return min(found, key=lambda role: role.position)

    def add_role(
        self,
        guild: int,
        name: str,
        *,
        permissions: int = 0,
        managed: bool = False,
        color: int = 0,
        bot: int | None = None,
        id: int | None = None,  # noqa: A002 # everything here is named by its id
    ) -> Role:
        """Create a role just above @everyone, as Discord does; the others move up by one."""
        home = self.guild(guild)
        role = Role(id or self.new_id(), name, 0, int(permissions), managed, color, bot_id=bot)
        home.roles[role.id] = role
        order = self._order(home)
        self._renumber(home, [role, *(other for other in order if other is not role)], quiet=role)
        self.tell(RoleCreated(home, role))
        return role

    def move_role(self, guild: int, role: int, position: int) -> None:
        """Put a role at ``position`` (1 is the lowest); the ones between its old and its new place close ranks."""
        home = self.guild(guild)
        moved = self.role(guild, role)
        order = [other for other in self._order(home) if other is not moved]
        order.insert(max(position, 1) - 1, moved)
        self._renumber(home, order)

    def rename_role(self, guild: int, role: int, name: str) -> None:
        """Give a role another name."""
        self.role(guild, role).name = name
        self.tell(RoleChanged(self.guild(guild), self.role(guild, role)))

    def set_permissions(self, guild: int, role: int, permissions: int) -> None:
        """Replace a role's permissions; @everyone has the guild's id."""
        self.role(guild, role).permissions = int(permissions)
        self.tell(RoleChanged(self.guild(guild), self.role(guild, role)))

    def bot_role(self, guild: int, bot: int) -> Role:
        """Return the managed role a bot came with."""
        for role in self.guild(guild).roles.values():
            if role.bot_id == bot:
                return role
        raise Unknown("Role", bot)

    def delete_role(self, guild: int, role: int) -> None:
        """Delete a role; its holders lose it without a member update, as at Discord."""
        home = self.guild(guild)
        gone = self.role(guild, role)
        home.members.strip(role)
        del home.roles[role]
        self._renumber(home, [other for other in self._order(home) if other is not gone])
        self.tell(RoleDeleted(home, role))

    def _order(self, home: Guild) -> list[Role]:
        return sorted((role for role in home.roles.values() if role.id != home.id), key=lambda role: role.position)

    def _renumber(self, home: Guild, order: list[Role], *, quiet: Role | None = None) -> None:
        for position, role in enumerate(order, start=1):
            if role.position != position:
                role.position = position
                if role is not quiet:
                    self.tell(RoleChanged(home, role))
