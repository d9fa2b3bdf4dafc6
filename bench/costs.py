"""What things cost in processor time, memory and pace; each beside what it is to be compared with, in the same run.

A machine that is busy with other things disturbs both sides alike: only the ratios mean something.
"""

import asyncio
import resource
import time
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from yarl import URL

from bench.place import Place
from bot.core.model import CREATOR, CampaignId
from bot.patreon.v2 import V2Dialect

ROUNDS = 3
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Ratio:
    """A figure beside its yardstick; ``most`` tells whether the limit is the most or the least the ratio may be."""

    what: str
    figure: str
    yardstick: str
    ratio: float
    limit: float
    most: bool = True

    @property
    def held(self) -> bool:
        """Say whether the ratio is on the right side of its limit."""
        return self.ratio <= self.limit if self.most else self.ratio >= self.limit


async def quiet_refresh(place: Place, members: int, guild: int) -> Ratio:
    """Processor time of a refresh in which nothing changed, against downloading and decoding the same pages untyped."""
    await place.fill(members, guild=guild, furnished=True)
    refreshes, downloads = [], []
    async with place.bot(), aiohttp.ClientSession() as session:
        await place.first_run()
        for _ in range(ROUNDS):
            began = time.process_time()
            rows = await _download(place, session)
            downloads.append(time.process_time() - began)
            if rows != members:
                raise RuntimeError(f"{rows} of {members} members downloaded")
            began = time.process_time()
            await place.refresh()
            refreshes.append(time.process_time() - began)
    mine, plain = min(refreshes), min(downloads)
    what = f"processor time of a quiet refresh of {members:,}"
    return Ratio(what, f"{mine:.2f} s", f"{plain:.2f} s to download and decode untyped", mine / plain, 3.0)


async def _download(place: Place, session: aiohttp.ClientSession) -> int:
    """Read the same pages as the bot does, make nothing of them, and count the rows."""
    async with place.app.store.read() as t:
        record = await t.tokens.load(CREATOR)
    if record is None:
        raise RuntimeError("the creator's pair is not stored")
    base, headers = place.app.config.patreon.api_url, {"Authorization": f"Bearer {record.tokens.access}"}
    dialect, decoder = V2Dialect(), msgspec.json.Decoder()
    cursor: str | None = None
    rows = 0
    while True:
        url = dialect.list_call(CampaignId(place.campaign), cursor).url(str(base))
        async with session.get(URL(url, encoded=True), headers=headers) as response:
            page: Any = decoder.decode(await response.read())
        rows += len(page["data"])
        cursor = page["meta"]["pagination"]["cursors"]["next"]
        if cursor is None:
            return rows


async def memory(place: Place, members: int, guild: int) -> int:
    """Give the resident memory, in KiB, of a bot after an audit of the guild and two refreshes of the campaign."""
    await place.fill(members, guild=guild, furnished=True)
    async with place.bot():
        await place.first_run()
        await place.refresh()
        return _resident()


async def idle_memory(place: Place) -> int:
    """Give the resident memory, in KiB, of a bot that has a guild of five and a campaign of one."""
    await place.fill(1, joined=0, guild=5)
    async with place.bot():
        await place.first_run()
        await asyncio.sleep(1.0)
        return _resident()


def _resident() -> int:
    """Give the peak of this process where it is Linux's ``ru_maxrss``: what the machine must have had for it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def compare_memory(members: int, guild: int, full: int, idle: int) -> Ratio:
    """Set a working bot's memory beside an idle one's."""
    what = f"peak memory with {members:,} linked, guild of {guild:,}"
    return Ratio(what, f"{full / _KIB:.0f} MiB", f"{idle / _KIB:.0f} MiB idle", full / idle, 1.5)


async def pace(place: Place, requests: int, seconds: float, writes: int) -> Ratio:
    """Give the share of Discord's limit that role writes reach: the time they must take against the time they took.

    A window more is added to both, since the last of them ends with its last write.
    """
    await place.fill(writes, guild=writes + 5)
    await place.stand("limit", requests, seconds)
    async with place.bot():
        await place.first_run()
        found = await place.stand("writes")
        refused = (await place.counts()).refused
    least = windows(writes, requests) * seconds
    what = f"{writes} role writes at {requests} in {seconds:g} s, {refused} refused"
    took = found["seconds"] + seconds
    share = least / took if found["writes"] == writes and not refused else 0.0
    return Ratio(what, f"{took:.1f} s", f"{least:.1f} s at the least", share, 0.95, most=False)


def windows(writes: int, requests: int) -> int:
    """Give the number of windows that so many writes fill."""
    return -(-writes // requests)
