"""Makes a history that fails shorter, as long as it goes on failing: what is left is what a person has to read."""

from collections.abc import Callable

from tests.failures.steps import History

Fails = Callable[[History], bool]


def shrink(history: History, fails: Fails, *, tries: int = 60) -> History:
    """Leave out runs of steps, long ones first, then single ones, playing at most ``tries`` histories."""
    size = max(1, len(history) // 2)
    while tries > 0:
        start, shorter = 0, False
        while start < len(history) and tries > 0:
            without = history[:start] + history[start + size :]
            tries -= 1
            if without and fails(without):
                history, shorter = without, True
            else:
                start += size
        if size == 1 and not shorter:
            break
        size = max(1, size // 2)
    return history
