"""Order readings, doubts and lists by serial numbers in place of instants.

Stored rows keep the order they have: their serial is the instant itself, in microseconds, and the count begins behind
the largest. Going back, the instant of a doubt is gone, so each counts as one that began now.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import CreateSequence, DropSequence, Sequence

revision = "0003"
down_revision = "0002"

_DATED = {
    "memberships": ("observed_at", "serial"),
    "campaigns": ("refreshed_at", "refreshed_serial"),
    "doubts": ("observed_at", "serial"),
    "nudge_readings": ("observed_at", "serial"),
}
_REPLACED = ("doubts", "nudge_readings")
_SERIALS = Sequence("serials", increment=2)


def upgrade() -> None:
    for name, (_, serial) in _DATED.items():
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column(serial, sa.BigInteger(), nullable=False, server_default="0"))
    largest = 0
    for name, (instant, serial) in _DATED.items():
        op.execute(f"UPDATE {name} SET {serial} = {instant} WHERE {instant} IS NOT NULL")  # noqa: S608 - our own names
        largest = max(largest, op.get_bind().scalar(sa.text(f"SELECT max({serial}) FROM {name}")) or 0)  # noqa: S608 - ours
    for name in _REPLACED:
        with op.batch_alter_table(name) as table:
            table.drop_column("observed_at")
    _count_from(largest + 2 - largest % 2)


def downgrade() -> None:
    for name in _REPLACED:
        with op.batch_alter_table(name) as table:
            table.add_column(sa.Column("observed_at", sa.BigInteger(), nullable=False, server_default="0"))
    on_postgres = op.get_bind().dialect.name == "postgresql"
    now = "CAST(extract(epoch FROM now()) * 1000000 AS BIGINT)" if on_postgres else "unixepoch() * 1000000"
    for name in _REPLACED:
        op.execute(f"UPDATE {name} SET observed_at = {now}")  # noqa: S608 - our own names
        with op.batch_alter_table(name) as table:
            table.alter_column("observed_at", existing_type=sa.BigInteger(), existing_nullable=False, server_default=None)
    for name, (_, serial) in _DATED.items():
        with op.batch_alter_table(name) as table:
            table.drop_column(serial)
    op.execute(DropSequence(_SERIALS) if on_postgres else "DELETE FROM facts WHERE key = 'serial'")


def _count_from(even: int) -> None:
    """Let the first number that is taken be the one behind an even number."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(CreateSequence(_SERIALS))
        op.execute(sa.text("SELECT setval('serials', :even)").bindparams(even=even))
    else:
        op.execute(sa.text("INSERT INTO facts (key, value) VALUES ('serial', :even)").bindparams(even=str(even)))
