"""Who may do what in a guild: Discord's arithmetic of permissions and role hierarchy, as pure questions about records."""

from sandbox.world.guild_records import EVERY_PERMISSION, Channel, Guild, Permission, Role


def everyone(guild: Guild) -> Role:
    """Return the @everyone role, whose id is the guild's."""
    return guild.roles[guild.id]


def permissions_of(guild: Guild, user: int) -> int:
    """Return the member's permissions in the guild; the owner and administrators have every one."""
    if user == guild.owner_id:
        return EVERY_PERMISSION
    held = everyone(guild).permissions
    for role in guild.members.roles(user):
        held |= guild.roles[role].permissions
    return EVERY_PERMISSION if held & Permission.ADMINISTRATOR else held


def permissions_in(guild: Guild, channel: Channel, user: int) -> int:
    """Return the member's permissions in a channel: overwrites of @everyone, of the roles together, of the member."""
    held = permissions_of(guild, user)
    if held & Permission.ADMINISTRATOR:
        return EVERY_PERMISSION
    common = channel.overwrites.get(guild.id)
    if common is not None:
        held = held & ~common.deny | common.allow
    mine = [channel.overwrites[role] for role in guild.members.roles(user) if role in channel.overwrites]
    for overwrite in mine:
        held &= ~overwrite.deny
    for overwrite in mine:
        held |= overwrite.allow
    own = channel.overwrites.get(user)
    if own is not None:
        held = held & ~own.deny | own.allow
    return held


def rank(guild: Guild, user: int) -> int:
    """Return the position of the member's highest role; 0 without any."""
    return max((guild.roles[role].position for role in guild.members.roles(user)), default=0)


def may_hand_out(guild: Guild, actor: int, role: Role) -> bool:
    """Whether ``actor`` may give and take ``role``: "Manage roles", a higher role than it, and nobody's managed role."""
    if role.managed or not permissions_of(guild, actor) & Permission.MANAGE_ROLES:
        return False
    return actor == guild.owner_id or rank(guild, actor) > role.position


def may_see(guild: Guild, channel: Channel, user: int) -> bool:
    """Whether the channel exists for this user at all."""
    return user in guild.members and bool(permissions_in(guild, channel, user) & Permission.VIEW_CHANNEL)


def may_write(guild: Guild, channel: Channel, user: int) -> bool:
    """Whether the member may post in the channel."""
    return may_see(guild, channel, user) and bool(permissions_in(guild, channel, user) & Permission.SEND_MESSAGES)
