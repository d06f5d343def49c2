# SPDX-License-Identifier: GPL-3.0-or-later
"""A call's states are numbered: an older one that is stored late never takes the place of a newer one."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Take this step."""
    op.execute("ALTER TABLE calls ADD COLUMN version INTEGER NOT NULL DEFAULT 0")
