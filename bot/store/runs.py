"""Recorded runs: refreshes, audits and bulk syncs, while they go on and after. What they do is the engine's business."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.engine import Row

from bot.core.model import CampaignId, GuildId
from bot.store.records import Run, RunKind, RunReport
from bot.store.schema import brake_holds, runs
from bot.store.statements import Subject

_c = runs.c


class Runs(Subject):
    """The stored runs; numbers grow."""

    async def start(
        self, kind: RunKind, at: datetime, *, campaign: CampaignId | None = None, guild: GuildId | None = None
    ) -> int:
        """Record that a run begins and return its number.

        A campaign is read by one refresh at a time: one that never ended was killed, or lost its claim, and ends here.
        """
        if kind is RunKind.REFRESH:
            forsaken = (_c.kind == kind.value) & (_c.campaign_id == campaign) & _c.ended_at.is_(None)
            await self._change_many(update(runs).where(forsaken).values(ended_at=at, error="Interrupted"))
        values = {"kind": kind.value, "campaign_id": campaign, "guild_id": guild, "started_at": at}
        insert = self._insert(runs).values(**values, **asdict(RunReport()))
        return int(await self._scalar(insert.returning(_c.run_id)))

    async def progress(self, run: int, report: RunReport) -> None:
        """Record what a run did so far."""
        await self._run(update(runs).where(_c.run_id == run).values(**asdict(report)))

    async def end(self, run: int, report: RunReport, at: datetime) -> None:
        """Record that a run ended, and what it did in all."""
        await self._run(update(runs).where(_c.run_id == run).values(ended_at=at, **asdict(report)))

    async def last(
        self, kind: RunKind, *, campaign: CampaignId | None = None, guild: GuildId | None = None, ended: bool = False
    ) -> Run | None:
        """Load the newest run of a kind; of one campaign or guild, and only an ended one, when asked so."""
        question = select(runs).where(_c.kind == kind.value).order_by(_c.run_id.desc()).limit(1)
        if campaign is not None:
            question = question.where(_c.campaign_id == campaign)
        if guild is not None:
            question = question.where(_c.guild_id == guild)
        if ended:
            question = question.where(_c.ended_at.is_not(None))
        row = await self._row(question)
        return None if row is None else _to_run(row)

    async def purge(self, before: datetime) -> None:
        """Delete the runs that began before an instant, but for those whose revocations the brake still holds."""
        held = select(brake_holds.c.run_id)
        await self._change_many(delete(runs).where(_c.started_at < before, _c.run_id.not_in(held)))


def _to_run(row: Row[Any]) -> Run:
    return Run(
        run=row.run_id,
        kind=RunKind(row.kind),
        started_at=row.started_at,
        campaign=None if row.campaign_id is None else CampaignId(row.campaign_id),
        guild=None if row.guild_id is None else GuildId(row.guild_id),
        ended_at=row.ended_at,
        report=RunReport(
            read=row.read,
            total=row.total,
            granted=row.granted,
            revoked=row.revoked,
            held=row.held,
            blocked=row.blocked,
            failed=row.failed,
            error=row.error,
        ),
    )
