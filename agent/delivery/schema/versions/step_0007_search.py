# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls are searched by time, number, SIP Call-ID, master contact, and reason.

Each index costs every call, so there are no more than a search of a million calls needs, and none has what
changes while a call is up. docs/performance/raw/search.json has the measurement.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

STEPS = (
    # It grows at its end only. What is looked for along the time stands in it, so that hardly a row is read.
    "CREATE INDEX calls_by_time ON calls (began, project, carrier, number)",
    # Reasons that are looked for and are few: of most calls it holds nothing.
    """
    CREATE INDEX calls_unusual ON calls (reason, began)
        WHERE reason NOT IN ('', 'completed', 'handoff', 'caller_hung_up')
    """,
    "CREATE INDEX calls_of_sip_call ON calls (sip_call_id)",
    # The last four digits serve a whole number as well; they hold few rows that are not meant.
    "CREATE INDEX calls_of_number ON calls (substr(number, length(number) - 3), began)",
    # Most contacts are their own master, and their calls are found by the contact.
    """
    CREATE INDEX calls_of_master ON calls (master_id)
        WHERE master_id <> contact_id AND master_id <> ''
    """,
)


def upgrade() -> None:
    """Take this step."""
    for statement in STEPS:
        op.execute(statement)
