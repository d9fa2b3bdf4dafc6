"""Column types that mean the same on both engines, and how constraints are named. Which there are, schema.py says."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Integer, TypeDecorator
from sqlalchemy.engine import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Every constraint has a name, or SQLite's migrations could not drop it.
NAMES = {
    "pk": "pk_%(table_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(referred_table_name)s",
}

# SQLite counts up by itself only in a column it calls INTEGER.
Counter = BigInteger().with_variant(Integer, "sqlite")


class Instant(TypeDecorator[datetime]):
    """An aware instant, stored as whole microseconds since 1970 in UTC: exact, and sorted alike on both engines.

    A naive instant is refused: subtracting it from an aware one is a TypeError, which surfaces as StoreError.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 (SQLAlchemy's own signature)
        """Turn an aware instant into microseconds."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 (SQLAlchemy's own signature)
        """Turn microseconds into an instant in UTC."""
        return None if value is None else _EPOCH + timedelta(microseconds=value)
