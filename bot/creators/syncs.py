"""Syncs as creators steer them: ask for one, see where things stand, answer the brake. The work itself is the engine's."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from bot.core.model import Campaign, CampaignId, Cause, DiscordUserId, GuildId, Policy, RoleId, TokenRecord
from bot.creators.campaigns import Campaigns
from bot.errors import RuleRefused
from bot.store.records import BrakeHold, CampaignState, NudgeKind, Run, RunKind, WebhookRecord
from bot.store.store import Store
from bot.sync.blocks import Blocked, refused, told_keys
from bot.sync.jumps import JUMPED
from bot.texts import syncs as texts

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """Where things stand in a guild. ``refreshes`` pairs each campaign with its last refresh that ended."""

    policy: Policy
    refreshes: tuple[tuple[CampaignState, Run | None], ...]
    audited_at: datetime | None
    waiting: int
    held: int
    holds: tuple[BrakeHold, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """An open question of the brake: may these ``revocations`` happen? ``channel`` and ``message``: where it stands.

    ``shown_at`` is the newest revocation that the staff was shown, by when it was held; None when they were shown none.
    """

    guild: GuildId
    run: int
    revocations: tuple[tuple[DiscordUserId, RoleId], ...]
    held_at: datetime
    shown_at: datetime | None
    channel: int | None
    message: int | None


@dataclass(frozen=True, slots=True)
class Access:
    """How a campaign is reached: the pair that reads it, and the webhook Patreon tells about it with."""

    campaign: Campaign
    pair: TokenRecord | None
    webhook: WebhookRecord | None


@dataclass(frozen=True, slots=True)
class Concerned:
    """Whose staff is to know of something, and what it is about: a person, a campaign, or else the guild itself."""

    guilds: tuple[GuildId, ...]
    user: DiscordUserId | None = None
    campaign: Campaign | None = None


class Syncs:
    """A guild's syncs."""

    def __init__(self, store: Store, campaigns: Campaigns, *, now: Callable[[], datetime], wake: Callable[[], None]) -> None:
        """``wake`` tells the engine that a row waits."""
        self._store = store
        self._campaigns = campaigns
        self._now = now
        self._wake = wake

    async def everybody(self, guild: GuildId) -> int:
        """Ask Patreon about each campaign of the guild, and Discord about its members, now; return how many campaigns.

        Raises RuleRefused for none.
        """
        home = await self._campaigns.home(guild)
        home.campaign()
        async with self._store.write() as t:
            for campaign in home.by_id:
                await t.nudges.add(NudgeKind.CAMPAIGN, campaign, Cause.MANUAL, self._now())
            await t.nudges.add(NudgeKind.MEMBERS, str(guild), Cause.MANUAL, self._now())
        self._wake()
        return len(home.campaigns)

    async def somebody(self, user: DiscordUserId) -> bool:
        """Ask for a fresh look at one linked person; False when they are not linked."""
        async with self._store.write() as t:
            if await t.links.load(user) is None:
                return False
            await t.nudges.add(NudgeKind.USER, str(user), Cause.MANUAL, self._now())
        self._wake()
        return True

    async def refused(self, guild: GuildId) -> Blocked:
        """Name the roles Discord refused to touch when it was asked, and why."""
        async with self._store.read() as t:
            return refused(await t.facts.beginning_with(told_keys(guild)))

    async def clock_jumped_at(self) -> datetime | None:
        """Return when the clock was last found to have jumped; None: never."""
        async with self._store.read() as t:
            at = await t.facts.get(JUMPED)
        return None if at is None else datetime.fromisoformat(at)

    async def status(self, guild: GuildId) -> SyncStatus:
        """Gather where things stand."""
        home = await self._campaigns.home(guild)
        async with self._store.read() as t:
            refreshes = [
                (state, await t.runs.last(RunKind.REFRESH, campaign=state.campaign.campaign, ended=True))
                for state in home.campaigns
            ]
            return SyncStatus(
                home.settings.policy,
                refreshes=tuple(refreshes),
                audited_at=home.settings.audited_at,
                waiting=await t.nudges.pending(self._now()),
                held=await t.holds.count_waiting(guild),
                holds=tuple(await t.holds.waiting(guild)),
            )

    async def access(self, guild: GuildId) -> list[Access]:
        """Say how each campaign of the guild is reached."""
        home = await self._campaigns.home(guild)
        async with self._store.read() as t:
            return [
                Access(
                    state.campaign,
                    await t.tokens.load(state.owner),
                    await t.webhooks.load(state.campaign.campaign),
                )
                for state in home.campaigns
            ]

    async def question(self, guild: GuildId, run: int) -> Question | None:
        """Load an open question with all that is held by now; None when it is settled."""
        async with self._store.read() as t:
            hold = await t.holds.load(guild, run)
            held = await t.holds.revocations(guild, run)
        if hold is None or hold.approved is not None or not held:
            return None
        return Question(
            guild,
            run,
            revocations=tuple((each.user, each.role) for each in held),
            held_at=max(each.held_at for each in held),
            shown_at=hold.asked_at,
            channel=hold.channel,
            message=hold.message,
        )

    async def asked(self, question: Question, channel: int, message: int) -> None:
        """Note where the staff was shown a question and how much of it, so that nothing they did not see is answered."""
        async with self._store.write() as t:
            await t.holds.asked(question.guild, question.run, channel, message, question.held_at)

    async def unasked(self) -> list[BrakeHold]:
        """Return the questions nobody has seen yet, in any guild."""
        async with self._store.read() as t:
            return await t.holds.unasked()

    async def unanswered(self, guild: GuildId) -> list[BrakeHold]:
        """Return a guild's open questions, the oldest first."""
        async with self._store.read() as t:
            return await t.holds.waiting(guild)

    async def oldest_question(self, guild: GuildId) -> Question:
        """Give the oldest open question of a guild. Raises RuleRefused when there is none."""
        async with self._store.read() as t:
            waiting = await t.holds.waiting(guild)
        question = await self.question(guild, waiting[0].run) if waiting else None
        if question is None:
            raise RuleRefused(texts.NOTHING_HELD)
        return question

    async def concerned(self, kind: NudgeKind, key: str) -> Concerned:
        """Say whom work on a nudge concerns; a person concerns the guilds they are known in that have a campaign."""
        if kind in {NudgeKind.GUILD, NudgeKind.MEMBERS}:
            return Concerned((GuildId(int(key)),))
        if kind is NudgeKind.CAMPAIGN:
            async with self._store.read() as t:
                state = await t.campaigns.state(CampaignId(key))
            guilds = await self._campaigns.guilds_of(CampaignId(key))
            return Concerned(tuple(guilds), campaign=state.campaign if state else None)
        async with self._store.read() as t:
            user = DiscordUserId(int(key))
            known = await t.guilds_of(user)
            return Concerned(tuple([guild for guild in known if (await self._campaigns.load(t, guild)).campaigns]), user)

    async def names(self, guild: GuildId) -> dict[RoleId, str]:
        """Name the roles of a guild as Discord said them last."""
        async with self._store.read() as t:
            return await t.guilds.role_names(guild)
