"""The brake: when a run's revocations look like somebody's outage. It counts and knows nobody."""

from bot.core.model import Policy


def brake(revocations: int, recent: int, granted: int, policy: Policy) -> bool:
    """Say whether to hold a run's revocations and ask the creator.

    ``recent`` are revocations already carried out lately in the guild, so that many small runs do not pass where one
    large run would not; ``granted`` is how many roles we granted there before them. It holds when their sum exceeds
    both the number and the share the guild set: the larger of the two is what passes.
    """
    taken = revocations + recent
    return revocations > 0 and taken > policy.brake_count and taken * 100 > policy.brake_percent * granted
