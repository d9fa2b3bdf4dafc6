"""Whether Patreon, and the token pairs we read it with, can be relied on now; tells people once. Reads nothing itself."""

from datetime import timedelta

import structlog

from bot.core.model import CampaignId, Cause, Link, TokenOwner, TokenRecord, patron_owner
from bot.errors import PatreonError, RateLimited
from bot.errors import PatreonGone as Gone
from bot.store.records import CampaignState, NudgeKind
from bot.sync.parts import Parts
from bot.sync.reports import CreatorTokenFailing, LinkBroken, PatreonBack, PatreonGone
from bot.texts.syncs import PATREON_ASKS_TO_WAIT, VERSION_1_GONE

log = structlog.get_logger(__name__)

# Why a campaign is frozen when its list cannot be believed; only a list that can be takes that back.
IMPLAUSIBLE = "the list lost more than half of what it had"


class Health:
    """Follows failures until they are worth an alarm, and takes the alarm back."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._failing_since: dict[CampaignId, float] = {}

    async def failed(
        self, campaign: CampaignId, why: str, *, for_good: bool = False, wait: timedelta = timedelta(0)
    ) -> None:
        """Note that Patreon gave no usable answer about a campaign.

        After ``gone_after`` without one usable answer, or at once when waiting will not help, the campaign is frozen
        and somebody is told. ``wait`` is for how long it will not be asked again: silence that is certain counts.
        """
        steady = self._parts.steady()
        lasts = timedelta(seconds=steady - self._failing_since.setdefault(campaign, steady))
        if not for_good and lasts + wait < self._parts.settings.gone_after:
            return
        since = self._parts.now() - lasts
        async with self._parts.store.write() as t:
            state = await t.campaigns.state(campaign)
            if state is not None and state.frozen_why == IMPLAUSIBLE:
                return  # whatever else fails, only a list that can be believed takes that back
            await t.campaigns.freeze(campaign, why, since)
        if state is not None and state.frozen_since is None:
            log.error("patreon_gone", campaign=campaign, why=why)
            await self._parts.tell(PatreonGone(campaign, since, why))

    def is_failing(self, campaign: CampaignId) -> bool:
        """Return whether Patreon gave no usable answer about a campaign when this process asked last."""
        return campaign in self._failing_since

    async def answered(self, campaign: CampaignId, *, whole: bool = False) -> None:
        """Note a usable answer, of one membership or of the ``whole`` list: what froze the campaign is over."""
        self._failing_since.pop(campaign, None)
        async with self._parts.store.read() as t:
            state = await t.campaigns.state(campaign)
        if state is None or state.frozen_since is None or (state.frozen_why == IMPLAUSIBLE and not whole):
            return
        async with self._parts.store.write() as t:
            await t.campaigns.thaw(campaign)
            # What time or a webhook asked for meanwhile was left undone, and no list would show it as changed.
            for guild in await t.rules.guilds_of(campaign):
                await t.nudges.add(NudgeKind.GUILD, str(guild), Cause.REFRESH, self._parts.now())
        log.info("patreon_back", campaign=campaign)
        await self._parts.tell(PatreonBack(campaign))

    async def creator_failed(self, owner: TokenOwner, *, broken: bool) -> None:
        """Note that the pair which reads campaigns fails, and tell it once for each pair.

        ``broken``: Patreon refused it, which counts only when the stored pair is the one that was refused.
        """
        async with self._parts.store.write() as t:
            record = await t.tokens.load(owner)
            if record is None or (broken and record.broken_since is None) or not is_untold(record):
                return
            await t.tokens.mark_told(owner, self._parts.now())
        broken = record.broken_since is not None
        log.error("creator_token_failing", owner=owner, broken=broken)
        await self._parts.tell(CreatorTokenFailing(owner, broken, record.tokens.expires_at))

    async def link_broke(self, link: Link, state: CampaignState | None) -> None:
        """Note that a patron's own pair died; told once, and only when nothing else reads their membership.

        Nothing happens when they have given another pair meanwhile.
        """
        now = self._parts.now()
        owner = patron_owner(link.patron)
        async with self._parts.store.write() as t:
            record = await t.tokens.load(owner)
            if record is not None and record.broken_since is None:
                return
            await t.links.mark_broken(link.user, now)
            creator = await t.tokens.load(state.owner) if state else None
            listed = creator is not None and creator.broken_since is None
            tell = not listed and record is not None and record.told_at is None
            if tell:
                await t.tokens.mark_told(owner, now)
        log.info("link_broken", patron=link.patron, listed=listed)
        if tell:
            await self._parts.tell(LinkBroken(link.user, link.patron, link.broken_since or now))


def is_untold(record: TokenRecord) -> bool:
    """Say whether people are to be told of a pair that fails: once that it will end, and once more that it is dead."""
    return record.told_at is None or (record.broken_since is not None and record.told_at < record.broken_since)


def why_of(error: PatreonError) -> str:
    """Name a failure: by its kind, or as one of those that people are told in words of their own."""
    if isinstance(error, RateLimited):
        return PATREON_ASKS_TO_WAIT
    return VERSION_1_GONE if isinstance(error, Gone) and error.version == 1 else type(error).__name__
