"""Tell of stored pledges what was paid for, where their last charge does not, so that who is in a grace now keeps it.

Until now nothing told it. The total given in all does, where Patreon named one; without it, and where paid time is known,
the patron gets the benefit of the doubt. A row that already tells it is left alone.
"""

import json
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_PAGE = 1000
_memberships = sa.table(
    "memberships", sa.column("campaign_id", sa.Text), sa.column("patron_id", sa.Text), sa.column("payload", sa.LargeBinary)
)


def upgrade() -> None:
    connection, c = op.get_bind(), _memberships.c
    after = ("", "")
    while True:
        behind = sa.tuple_(c.campaign_id, c.patron_id) > sa.tuple_(sa.literal(after[0]), sa.literal(after[1]))
        page = connection.execute(
            sa.select(_memberships).where(behind).order_by(c.campaign_id, c.patron_id).limit(_PAGE)
        ).all()
        for row in page:
            said = json.loads(row.payload)
            if _was_paid(said):
                said["paid_for"] = {name: said[name] for name in ("tiers", "amount_cents", "tier_cents")}
                one = (c.campaign_id == row.campaign_id) & (c.patron_id == row.patron_id)
                payload = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
                connection.execute(sa.update(_memberships).where(one).values(payload=payload))
        if len(page) < _PAGE:
            return
        after = page[-1].campaign_id, page[-1].patron_id


def downgrade() -> None:
    """Leave the rows as they are: what does not know ``paid_for`` does not look at it."""


def _was_paid(said: dict[str, Any]) -> bool:
    own = said["status"] in {"active", "declined"} and not said["trial"] and not said["gifted"]
    told = said["status"] == "active" and said["charge"] == "paid"
    money = said["lifetime_cents"] != 0 or said["paid_through"] is not None
    return own and money and not told and said.get("paid_for") is None
