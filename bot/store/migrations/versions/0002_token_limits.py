"""Remember when pairs came and were refused, and which codes Patreon refused.

Rows from before know neither, and are read so: a pair of unknown age may be renewed, a broken one is due to be tried.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("token_pairs", sa.Column("issued", sa.LargeBinary(), nullable=True))
    op.add_column("token_pairs", sa.Column("refused_at", sa.BigInteger(), nullable=True))
    op.drop_index("ix_token_pairs_expires_at", "token_pairs")
    op.create_index("ix_token_pairs_broken_since_expires_at", "token_pairs", ["broken_since", "expires_at"])
    op.add_column("link_attempts", sa.Column("code_refused_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("link_attempts", "code_refused_at")
    op.drop_index("ix_token_pairs_broken_since_expires_at", "token_pairs")
    op.create_index("ix_token_pairs_expires_at", "token_pairs", ["expires_at"])
    op.drop_column("token_pairs", "refused_at")
    op.drop_column("token_pairs", "issued")
