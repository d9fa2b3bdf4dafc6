"""What the page shows, as one JSON value: the guild, its messages, Patreon's accounts, the time line. Reads only."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from sandbox.console.weather import Weather
from sandbox.discord.server import DiscordServer
from sandbox.world import World
from sandbox.world.guild_records import Guild, Json, Message
from sandbox.world.patreon_model import Account, Membership
from sandbox.world.timeline import Entry

_SHOWN_MESSAGES = 60
_SHOWN_ENTRIES = 120
_SUBCOMMAND, _GROUP = 1, 2


class Scene:
    """Draws the world from its parts; ``messages`` are those the page has collected, oldest first."""

    def __init__(self, world: World, discord: DiscordServer, guild: Guild, weather: Weather) -> None:
        self._world = world
        self._discord = discord
        self._guild = guild
        self._weather = weather

    def draw(self, messages: list[Message], asked: Mapping[int, str]) -> Json:
        """Return everything the page needs to draw itself anew; ``asked`` says by message what it answers."""
        return {
            "now": self._world.clock.now().isoformat(),
            "guild": self._guild.name,
            "people": self._people(),
            "members": self._members(),
            "roles": self._roles(),
            "channels": {str(channel.id): channel.name for channel in self._guild.channels.values()},
            "commands": self._commands(),
            "messages": [
                self._message(message, asked.get(message.id))
                for message in messages[-_SHOWN_MESSAGES:]
                if not message.deleted
            ],
            "patreon": self._patreon(),
            "timeline": self._timeline(calls=False),
            "calls": self._timeline(calls=True),
        }

    def _timeline(self, *, calls: bool) -> list[Json]:
        """Return the newest entries first: with the programs' ``calls``, or only what somebody or something did."""
        entries = [entry for entry in self._world.timeline.entries if calls or not _is_call(entry)]
        return [
            {
                "at": entry.at.isoformat(),
                "kind": "trouble" if _failed(entry) else entry.kind,
                "text": entry.text,
                "why": entry.data.get("reason"),
            }
            for entry in reversed(entries[-_SHOWN_ENTRIES:])
        ]

    def _people(self) -> list[Json]:
        users = [user for user in self._world.discord.users.values() if not user.bot]
        present = [user for user in users if user.id in self._guild.members]
        ordered = sorted(present, key=lambda user: (user.id == self._guild.owner_id, user.id))
        return [
            {"id": str(user.id), "name": user.global_name or user.name, "creator": user.id == self._guild.owner_id}
            for user in ordered
        ]

    def _members(self) -> list[Json]:
        shown = []
        for user in self._world.discord.users.values():
            present = user.id in self._guild.members
            names = self._world.discord.role_names_of(self._guild.id, user.id) if present else set()
            shown.append(
                {
                    "id": str(user.id),
                    "name": user.global_name or user.name,
                    "present": present,
                    "fixed": user.bot or user.id == self._guild.owner_id,
                    "roles": sorted(names),
                }
            )
        return shown

    def _roles(self) -> list[Json]:
        roles = [role for role in self._guild.roles.values() if role.id != self._guild.id]
        ordered = sorted(roles, key=lambda role: -role.position)
        return [{"id": str(role.id), "name": role.name, "bot": role.bot_id is not None} for role in ordered]

    def _commands(self) -> list[Json]:
        found: list[Json] = []
        for command in self._discord.visible_commands(self._guild.owner_id, self._guild.id):
            if command["type"] == 1:
                staff = command["default_member_permissions"] is not None
                found += _leaves(command, command["name"], staff=staff)
        return found

    def _message(self, message: Message, asked: str | None) -> Json:
        author = self._world.discord.user(message.author_id)
        return {
            "id": str(message.id),
            "asked": asked,
            "from": author.global_name or author.name,
            "seen": self._seen(message),
            "only_for": str(message.only_for) if message.only_for else None,
            "loading": message.loading,
            "content": message.content,
            "embeds": message.embeds,
            "components": message.components,
            "attachments": [attachment.filename for attachment in message.attachments],
        }

    def _seen(self, message: Message) -> str:
        if message.only_for is not None:
            user = self._world.discord.user(message.only_for)
            return f"only {user.global_name or user.name} sees this"
        channel = self._world.discord.channel(message.channel_id)
        if channel.recipient_id is not None:
            user = self._world.discord.user(channel.recipient_id)
            return f"direct message to {user.global_name or user.name}"
        return f"#{channel.name}"

    def _patreon(self) -> Json:
        patreon = self._world.patreon
        campaign = patreon.campaign()
        paid = [tier for tier in campaign.tiers.values() if tier.amount_cents]
        people = [account for account in patreon.accounts.values() if patreon.campaign_of(account) is None]
        return {
            "campaign": campaign.name,
            "weather": {"now": self._weather.now, "choices": self._weather.choices()},
            "webhooks": patreon.hooks.enabled,
            "tiers": [{"id": tier.id, "title": tier.title, "price": _money(tier.amount_cents)} for tier in paid],
            "accounts": [self._account(account) for account in people if not account.deleted],
        }

    def _account(self, account: Account) -> Json:
        membership = self._world.patreon.membership(account)
        running = membership is not None and membership.pledge_id is not None
        return {
            "id": account.id,
            "name": account.first_name,
            "pledging": running,
            "state": _state(membership, self._world.clock.now()),
            "mood": _mood(membership, self._world.clock.now()),
            "verbs": _verbs(membership),
        }


def _leaves(command: Json, path: str, *, staff: bool) -> list[Json]:
    options = command.get("options") or []
    inner = [option for option in options if option["type"] in {_SUBCOMMAND, _GROUP}]
    if inner:
        return [leaf for option in inner for leaf in _leaves(option, f"{path} {option['name']}", staff=staff)]
    return [{"name": path, "description": command["description"], "staff": staff, "options": options}]


def _money(cents: int) -> str:
    return f"${cents / 100:.2f}"


def _state(membership: Membership | None, now: datetime) -> str:
    if membership is None:
        return "not a member of this campaign"
    what = membership.tier.title if membership.tier else "no tier"
    if membership.gifted:
        return f"{what}, a gift" if membership.entitled else "a gift that ended"
    if membership.trial:
        return f"{what}, free trial"
    if membership.status is None:
        return "free member"
    if membership.ends_at is not None and membership.entitled:
        return f"{what}, {_cancelled(membership.ends_at - now)}"
    if membership.status == "former_patron":
        return _paid_for(membership, now) or "former patron"
    worth = f"{what}, {_money(membership.cents)}" + (" a year" if membership.cadence == _YEARLY else "")
    return f"{worth}, declined" if membership.declined_since else worth


def _paid_for(membership: Membership, now: datetime) -> str | None:
    """Say what a former patron has paid for and how long; None when that is over, or the last charge did not go through."""
    end, ordered = membership.next_charge_at, membership.history[-1].tier if membership.history else None
    if membership.status != "former_patron" or membership.last_charge != "Paid" or end is None or end <= now:
        return None
    return f"{ordered.title if ordered else 'no tier'}, {_cancelled(end - now)}"


def _cancelled(left: timedelta) -> str:
    days = max(0, left.days)
    return f"cancelled, paid for {days} more day{'' if days == 1 else 's'}"


_YEARLY = 12


def _mood(membership: Membership | None, now: datetime) -> str:
    """Say in a word how a membership does, for the colour of its state."""
    if membership is not None and _paid_for(membership, now):
        return "ending"
    if membership is None or not (membership.entitled or membership.declined_since):
        return "none"
    if membership.declined_since:
        return "none" if membership.status == "former_patron" else "bad"
    return "good" if membership.gifted or membership.ends_at is None else "ending"


def _is_call(entry: Entry) -> bool:
    """Tell what programs say to one another from what happens; a call that fails is something that happens."""
    return entry.kind in _CALLS and not _failed(entry)


def _failed(entry: Entry) -> bool:
    return bool(entry.data.get("status", 0) >= _BAD_REQUEST)


_CALLS = frozenset({"discord.answer", "discord.call", "discord.event", "discord.gateway", "patreon.call"})
_BAD_REQUEST = 400


def _verbs(membership: Membership | None) -> list[str]:
    if membership is None:
        return ["join for free"]
    if membership.pledge_id is None:
        return []
    return ["pay", "cancel"] if membership.declined_since else ["decline", "cancel"]
