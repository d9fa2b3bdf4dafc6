"""No waiting between tries in the tests of the Patreon client."""

from collections.abc import Iterator

import pytest
import stamina


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    """Let stamina try as often as ever, without its pauses."""
    with stamina.set_testing(True, attempts=10, cap=True):
        yield
