"""The bot in a real process whose clock is set to another time while it runs, and set back, by libfaketime."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sandbox.stage import Stage
from sandbox.world.examples import small_world
from tests.e2e.processes import running
from tests.e2e.theatre import Theatre

LIBRARIES = tuple(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
JUMPS = ("+1y", "-1h")


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """Give both simulators, with no bot running."""
    stage = Stage(small_world())
    async with stage.serve():
        yield stage


@pytest.mark.skipif(not LIBRARIES, reason="the Debian package faketime is not installed")
async def test_whatever_the_machines_clock_does_up_down_and_out_come_true_and_paid_time_does_not_end(
    stage: Stage, sqlite_url: str, tmp_path: Path
) -> None:
    set_to = tmp_path / "clock"
    set_to.write_text("+0\n")
    house = Theatre(stage, sqlite_url)
    # What the event loop waits by is not a clock that anybody can set.
    faked = {
        "LD_PRELOAD": str(LIBRARIES[0]),
        "FAKETIME_TIMESTAMP_FILE": str(set_to),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    async with running("run", house.environment | faked) as bot:
        await bot.said("gateway_ready")
        await house.rules()
        await house.link("Ann")
        await house.until_roles("Ann", "Silver")
        house.world.patreon.pledge("Ben", tier="Silver")
        await house.link("Ben")
        await house.until_roles("Ben", "Silver")
        house.world.patreon.cancel("Ben")

        for number, jump in enumerate(JUMPS, 1):
            set_to.write_text(f"{jump}\n")
            await bot.said("clock_wrong", times=number)
            await _up_down_and_out(house)
            assert await _is_ready(house), jump
            set_to.write_text("+0\n")
            await bot.said("clock_right", times=number)
            await _up_down_and_out(house)
            assert await _is_ready(house), jump

        # A year ahead, what Ben had paid for was over by the machine's clock.
        assert house.roles("Ben") == {"Silver"}
        assert await bot.stop() == 0, bot.log


async def _up_down_and_out(house: Theatre) -> None:
    patreon = house.world.patreon
    for tier in ("Gold", "Bronze"):
        patreon.change_pledge("Ann", tier=tier)
        await house.until_roles("Ann", tier)
    # A mere cancellation keeps what was paid for.
    patreon.fraud("Ann")
    await house.until_roles("Ann")
    patreon.pledge("Ann", tier="Silver")
    await house.until_roles("Ann", "Silver")


async def _is_ready(house: Theatre) -> bool:
    async with aiohttp.ClientSession() as session, session.get(f"{house.url}/readyz") as answer:
        return answer.status == 200
