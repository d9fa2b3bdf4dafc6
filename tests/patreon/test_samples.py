"""Every recorded file is an input of some test."""

from pathlib import Path

from tests.patreon.samples import DATA


def test_every_sample_is_used_by_name() -> None:
    here = Path(__file__).parent
    sources = "".join(file.read_text() for file in here.glob("test_*.py") if file.name != Path(__file__).name)
    samples = [file for file in DATA.rglob("*") if file.is_file() and file.name != "README.md"]
    unused = [file.name for file in samples if file.stem not in sources]
    assert unused == []
    assert len(samples) >= 28
