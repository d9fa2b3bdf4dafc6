"""Calendar months in UTC: how many are whole, when the next is reached. Nothing about patrons or roles."""

from calendar import monthrange
from datetime import MAXYEAR, datetime


def months_later(since: datetime, months: int) -> datetime:
    """Give the instant ``months`` calendar months after ``since``.

    A day the target month lacks becomes its last day; an instant past the calendar's end becomes the calendar's end.
    """
    years, month = divmod(since.month - 1 + months, 12)
    year, month = since.year + years, month + 1
    if year > MAXYEAR:
        return datetime.max.replace(tzinfo=since.tzinfo)
    return since.replace(year=year, month=month, day=min(since.day, monthrange(year, month)[1]))


def whole_months(since: datetime, now: datetime) -> int:
    """Count the calendar months that are over between the two instants; 0 when ``since`` lies ahead."""
    months = (now.year - since.year) * 12 + now.month - since.month
    if months_later(since, months) > now:
        months -= 1
    return max(0, months)


def month_end(instant: datetime) -> datetime:
    """Give the first instant of the month after the one ``instant`` lies in."""
    return months_later(instant.replace(day=1, hour=0, minute=0, second=0, microsecond=0), 1)
