# SPDX-License-Identifier: GPL-3.0-or-later
"""How entries of the outbox are found by their call, in words that both databases understand.

They are spelled so that the partial indices serve; one index over all entries would cost every write.
"""

from __future__ import annotations

from typing import Final

from agent.core.records import Channel

PARTS: Final = (
    "channel = 'signal' AND moment = 'arrival'",
    "channel = 'signal' AND moment <> 'arrival'",
    "channel <> 'signal'",
)
"""Each entry is in exactly one of them, and each of them has its index by call."""
OF_CALL: Final = "= ?"
OF_CONTACT: Final = "IN (SELECT call_id FROM calls WHERE contact_id = ?)"


def of_calls(which: str, channel: Channel | None) -> tuple[str, int]:
    """The condition on the entries of some calls.

    Args:
        which: the calls: `OF_CALL` or `OF_CONTACT`.
        channel: only those of this channel; of all when None.

    Returns:
        The condition, and how many question marks it has, all for the same value.
    """
    parts = PARTS if channel is None else PARTS[:2] if channel is Channel.SIGNAL else PARTS[2:]
    return "(" + " OR ".join(f"(call_id {which} AND {part})" for part in parts) + ")", len(parts)
