"""What every test may ask for: a clock that is set by hand, and stores on both databases."""

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from bot.store import Store, migrate, open_store
from tests.postgres import Postgres, start_postgres
from tests.quick_disk import leave_quick_disk, use_quick_disk

SECRET_KEY = "an old-fashioned key for tests, long enough"


def pytest_configure(config: pytest.Config) -> None:
    """Put temporary files into memory."""
    use_quick_disk(config)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing there."""
    leave_quick_disk(config)


class Clock:
    """An instant that stands still until it is moved; call it to read it. ``steady`` counts the seconds that passed."""

    def __init__(self, now: datetime) -> None:
        self.now = now
        self._passed = timedelta()

    def __call__(self) -> datetime:
        return self.now

    def move(self, span: timedelta) -> datetime:
        """Let time pass and return the new instant."""
        self._passed += span
        self.now += span
        return self.now

    def jump(self, span: timedelta) -> None:
        """Be set to another time, while none passes."""
        self.now += span

    def steady(self) -> float:
        return self._passed.total_seconds()


@pytest.fixture(autouse=True)
def blocking_calls_fail() -> Iterator[BlockBuster]:
    """Raise BlockingError where the bot or its cogs would block the event loop."""
    with blockbuster_ctx(["bot", "cogs"]) as blockbuster:
        yield blockbuster


@pytest.fixture
def clock() -> Clock:
    return Clock(datetime(2026, 3, 1, 12, tzinfo=UTC))


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a migrated SQLite file to copy: a copy is quicker than migrating anew for each test."""
    import asyncio  # noqa: PLC0415 (used at the start of a session only)

    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    asyncio.run(migrate(f"sqlite:///{path}"))
    return path


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """Give the URL of a migrated, empty SQLite database."""
    path = tmp_path / "patron-roles.db"
    path.write_bytes(sqlite_template.read_bytes())
    return f"sqlite:///{path}"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Give the PostgreSQL server of this test process; skips, and fails where CI is set, when there is none."""
    with start_postgres() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: Postgres) -> Iterator[str]:
    """Give the URL of a migrated, empty PostgreSQL database."""
    with postgres.database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Give the URL of a migrated, empty database, once on each engine."""
    return str(request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url"))


@pytest.fixture
async def store(sqlite_url: str) -> AsyncIterator[Store]:
    """Give an empty store on SQLite."""
    opened = await open_store(sqlite_url, [SECRET_KEY])
    yield opened
    await opened.close()


@pytest.fixture
async def any_store(database_url: str) -> AsyncIterator[Store]:
    """Give an empty store, once on each engine."""
    opened = await open_store(database_url, [SECRET_KEY])
    yield opened
    await opened.close()
