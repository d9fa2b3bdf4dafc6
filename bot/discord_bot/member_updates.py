"""What discord.py drops of the gateway's events: updates of members it does not keep in memory, and who is no member."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from discord.state import AutoShardedConnectionState

if TYPE_CHECKING:
    from discord.types.gateway import GuildMembersChunkEvent, GuildMemberUpdateEvent


@dataclass(frozen=True, slots=True)
class MemberUpdate:
    """What Discord tells of a member after a change of theirs; dispatched as ``raw_member_update``.

    ``pending``: they have not yet accepted the server's rules.
    """

    guild: int
    user: int
    roles: frozenset[int]
    pending: bool


class ConnectionState(AutoShardedConnectionState[Any]):
    """discord.py's state of a connection, which passes on the updates of members nobody keeps."""

    def parse_guild_member_update(self, data: "GuildMemberUpdateEvent") -> None:
        """Dispatch the event for everybody; https://discord.com/developers/docs/events/gateway-events#guild-member-update."""
        super().parse_guild_member_update(data)
        roles = frozenset(int(role) for role in data["roles"])
        pending = bool(data.get("pending", False))
        self.dispatch("raw_member_update", MemberUpdate(int(data["guild_id"]), int(data["user"]["id"]), roles, pending))

    def parse_guild_members_chunk(self, data: "GuildMembersChunkEvent") -> None:
        """Dispatch ``raw_members_chunk``, since discord.py leaves out whom Discord did not find."""
        self.dispatch("raw_members_chunk", data)
        super().parse_guild_members_chunk(data)
