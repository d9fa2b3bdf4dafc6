"""Lists of a campaign on their way in: pages are kept apart until the last one came, since a part counts for nothing.

Of a page only what differs from the stored memberships is kept, and who was on it; so a quiet refresh costs few questions
a page. Pages are there while their run goes on: whoever asks for more of a run that somebody else has ended gets a
StoreError, for what is left of its pages is no list. What a whole list means is the engine's business.
"""

from collections.abc import Iterable, Sequence

from sqlalchemy import delete, select

from bot.core.model import CampaignId, Membership, PatronId
from bot.errors import StoreError
from bot.store.codec import ABSENT, decode_membership, decode_texts, digest, encode, encode_texts
from bot.store.schema import memberships, runs, staged_memberships, staged_pages
from bot.store.statements import Subject


class Listings(Subject):
    """The pages of lists that are being read, by run."""

    async def digests(self, campaign: CampaignId, patrons: Iterable[PatronId]) -> dict[PatronId, bytes]:
        """Load the digests of what is stored of these patrons; unknown ones are left out."""
        question = select(memberships.c.patron_id, memberships.c.digest).where(memberships.c.campaign_id == campaign)
        rows = await self._rows_in(question, memberships.c.patron_id, patrons)
        return dict(map(tuple, rows))

    async def stage(self, run: int, page: Sequence[Membership]) -> int:
        """Keep a page of one campaign's list and count the memberships on it that differ from the stored ones."""
        if not page:
            return 0
        await self._goes_on(run, for_update=True)
        stored = await self.digests(page[0].campaign, [each.patron for each in page])
        changed = [each for each in page if stored.get(each.patron) != digest(each)]
        await self._put(staged_memberships, [_to_values(run, each) for each in changed])
        patrons = encode_texts(each.patron for each in page)
        await self._run(self._insert(staged_pages), {"run_id": run, "patrons": patrons})
        return len(changed)

    async def staged(self, run: int, after: PatronId | None = None, limit: int = 1000) -> list[Membership]:
        """Load the next memberships of a run that differ, in order of patron (as text), beginning behind ``after``."""
        await self._goes_on(run)
        behind = (staged_memberships.c.run_id == run) & (staged_memberships.c.patron_id > (after or ""))
        question = select(staged_memberships.c.payload).where(behind).order_by(staged_memberships.c.patron_id)
        return [decode_membership(row.payload) for row in await self._rows(question.limit(limit))]

    async def missing(self, run: int, campaign: CampaignId) -> list[PatronId]:
        """Name, in order, those the last list had (or a webhook told of) and this run's pages do not.

        Those stored with the digest ABSENT are known to be missing and are left out.
        """
        await self._goes_on(run)
        seen = await self._seen(run)
        listed = (memberships.c.campaign_id == campaign) & (memberships.c.digest != ABSENT)
        rows = await self._rows(select(memberships.c.patron_id).where(listed))
        return sorted(PatronId(row[0]) for row in rows if row[0] not in seen)

    async def drop_staged(self, run: int) -> None:
        """Forget the pages of a run."""
        await self._change_many(delete(staged_memberships).where(staged_memberships.c.run_id == run))
        await self._change_many(delete(staged_pages).where(staged_pages.c.run_id == run))

    async def drop_left(self) -> None:
        """Forget the pages of runs that do not go on any more: what killed processes left."""
        going = select(runs.c.run_id).where(runs.c.ended_at.is_(None))
        await self._change_many(delete(staged_memberships).where(staged_memberships.c.run_id.not_in(going)))
        await self._change_many(delete(staged_pages).where(staged_pages.c.run_id.not_in(going)))

    async def _seen(self, run: int) -> set[PatronId]:
        """Name everybody on the pages of a run."""
        rows = await self._rows(select(staged_pages.c.patrons).where(staged_pages.c.run_id == run))
        return {PatronId(patron) for row in rows for patron in decode_texts(row.patrons)}

    async def _goes_on(self, run: int, *, for_update: bool = False) -> None:
        """Raise StoreError when a run has ended; ``for_update`` lets nobody end it before this unit of work has."""
        going = select(runs.c.run_id).where(runs.c.run_id == run, runs.c.ended_at.is_(None))
        if not await self._rows(going.with_for_update() if for_update else going):
            raise StoreError(f"run {run} was ended by another process")


def _to_values(run: int, membership: Membership) -> dict[str, object]:
    return {"run_id": run, "patron_id": membership.patron, "payload": encode(membership)}
