# SPDX-License-Identifier: GPL-3.0-or-later
"""The moments of a call at which the Studio script is told, and what may become of such a signal."""

from __future__ import annotations

from agent.core.words import Word


class Moment(Word):
    """A point of the call at which a project may want a signal (p1..p9) sent for the contact."""

    ARRIVAL = "arrival"
    HANDOFF = "handoff"
    COMPLETED = "completed"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """Whether the call ends with it; exactly one terminal signal is ever sent per call."""
        return self is not Moment.ARRIVAL


class SignalState(Word):
    """Where a signal stands: ``recorded → sending → accepted | refused | unknown | expired | cancelled``.

    ``recorded``: durable, not on the wire. ``sending``: bytes of the request may have reached NICE, durable
    too, so that a process that dies here leaves a trace. The others are final.
    """

    RECORDED = "recorded"
    SENDING = "sending"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    EXPIRED = "expired"
    CANCELLED = "cancelled"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the signal."""
        return self is not SignalState.RECORDED and self is not SignalState.SENDING
