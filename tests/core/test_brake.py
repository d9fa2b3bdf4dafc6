"""When the brake holds."""

import pytest

from bot.core.brake import brake
from bot.core.model import Policy


@pytest.mark.parametrize(
    ("revocations", "recent", "granted", "holds"),
    [
        (5, 0, 10, False),
        (6, 0, 10, True),
        (6, 0, 59, True),
        (6, 0, 60, False),
        (10, 0, 100, False),
        (11, 0, 100, True),
        (1, 10, 100, True),
        (1, 9, 100, False),
        (1, 5, 0, True),
        (0, 100, 100, False),
        (750, 0, 750, True),
    ],
)
def test_it_holds_above_the_larger_of_number_and_share(revocations: int, recent: int, granted: int, *, holds: bool) -> None:
    assert brake(revocations, recent, granted, Policy()) is holds


def test_a_guild_may_set_both() -> None:
    policy = Policy(brake_count=0, brake_percent=50)

    assert not brake(1, 0, 2, policy)
    assert brake(2, 0, 3, policy)
