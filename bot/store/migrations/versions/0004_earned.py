"""Remember who earned a sticky role by its own rule.

Until now a role counted as earned when any rule had given it. What was given counts as earned where that rule is known to
have been the sticky one: the log of roles names it, or no rule for the role is anything but sticky (the oldest stands for
them then). Everybody else is looked at once, so that whoever meets the rule today has earned it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_GIVEN_BY_IT = """
INSERT INTO earned (rule_id, patron_id, earned_at)
SELECT r.rule_id, l.patron_id, g.since
FROM rules AS r
JOIN ledger AS g ON g.guild_id = r.guild_id AND g.role_id = r.role_id
JOIN links AS l ON l.user_id = g.user_id
WHERE r.sticky AND g.origin = 'ours' AND g.holding <> 'taking' AND (
    EXISTS (
        SELECT 1 FROM role_log AS e
        WHERE e.guild_id = g.guild_id AND e.user_id = g.user_id AND e.role_id = g.role_id
        AND e.action = 'granted' AND e.detail LIKE '%, rule ' || r.rule_id || ')'
    )
    OR r.rule_id = (
        SELECT min(o.rule_id) FROM rules AS o
        WHERE o.guild_id = r.guild_id AND o.role_id = r.role_id
        HAVING count(*) = sum(CASE WHEN o.sticky THEN 1 ELSE 0 END)
    )
)
"""

# A guild's own nudge, as a change of its rules leaves it: cause "rules" has place 5 among the causes and priority 1.
_LOOK_AT_EVERYBODY = """
INSERT INTO nudges (kind, key, cause, strength, priority, due_at, version, attempts)
SELECT DISTINCT 'guild', CAST(r.guild_id AS TEXT), 'rules', 5, 1, 0, 1, 0 FROM rules AS r
WHERE r.sticky AND NOT EXISTS (
    SELECT 1 FROM nudges AS n WHERE n.kind = 'guild' AND n.key = CAST(r.guild_id AS TEXT)
)
"""


def upgrade() -> None:
    op.create_table(
        "earned",
        sa.Column("rule_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("patron_id", sa.Text(), nullable=False),
        sa.Column("earned_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", "patron_id", name=op.f("pk_earned")),
        sa.ForeignKeyConstraint(["rule_id"], ["rules.rule_id"], name=op.f("fk_earned_rule_id_rules"), ondelete="CASCADE"),
    )
    op.create_index(op.f("ix_earned_patron_id"), "earned", ["patron_id"])
    op.execute(_GIVEN_BY_IT)
    op.execute(_LOOK_AT_EVERYBODY)


def downgrade() -> None:
    op.drop_table("earned")
