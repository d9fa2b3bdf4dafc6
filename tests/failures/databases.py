"""Empty, migrated databases for histories, one after the other: copies of a SQLite file, or PostgreSQL emptied each time."""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from bot.store import migrate
from tests.postgres import start_postgres
from tests.quick_disk import quick_disk

KINDS = ("sqlite", "postgresql")

Databases = Callable[[], AbstractContextManager[str]]
"""Opens the URL of an empty database, and clears it away."""


@contextmanager
def databases(kind: str) -> Iterator[Databases]:
    """Make databases of a kind while the block runs."""
    if kind == "postgresql":
        with start_postgres() as server:
            yield server.database
    else:
        with tempfile.TemporaryDirectory(prefix="histories-", dir=quick_disk()) as folder:
            template = Path(folder) / "template.db"
            asyncio.run(migrate(f"sqlite:///{template}"))
            yield lambda: _copied(template)


@contextmanager
def _copied(template: Path) -> Iterator[str]:
    with tempfile.TemporaryDirectory(dir=template.parent) as folder:
        shutil.copy(template, f"{folder}/history.db")
        yield f"sqlite:///{folder}/history.db"
