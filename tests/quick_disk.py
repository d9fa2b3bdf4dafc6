"""Where tests put their databases: in memory where there is a folder for that, since every commit waits for the disk."""

import os
import shutil
from pathlib import Path

import pytest

_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of pytest's or mkdtemp's own is made below it
_ENOUGH = 1 << 30
"""Containers often have a small one; a test run needs a few hundred megabytes."""


def quick_disk() -> Path | None:
    """Return the folder in memory; None where there is none that is large enough."""
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ENOUGH:
        return _MEMORY
    return None


def use_quick_disk(config: pytest.Config) -> None:
    """Let ``tmp_path`` be in memory, unless a place was chosen; workers get theirs from the main process."""
    folder = quick_disk()
    if folder is not None and config.option.basetemp is None and not hasattr(config, "workerinput"):
        config.option.basetemp = str(folder / f"patron-roles-tests-{os.getpid()}")


def leave_quick_disk(config: pytest.Config) -> None:
    """Remove what :func:`use_quick_disk` made."""
    place = config.option.basetemp
    if place and Path(place).name == f"patron-roles-tests-{os.getpid()}":
        shutil.rmtree(place, ignore_errors=True)
