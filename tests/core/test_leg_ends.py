# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ends of a leg are its far end's, and which are our own stack's."""

from __future__ import annotations

import pytest

from agent.core.leg_ends import lost_callee, lost_caller
from agent.core.reasons import Reason

NO_REFRESH = "No session refresh received."  # as the stack says it


@pytest.mark.parametrize(
    ("status", "text", "answered", "confirmed", "reason"),
    [
        (200, "", True, True, None),  # BYE
        (200, "", True, False, None),  # BYE instead of ACK
        (487, "Request Terminated", False, False, None),  # CANCEL
        (487, "Request Terminated", True, False, None),  # CANCEL that crossed our 200
        (408, NO_REFRESH, True, True, Reason.SESSION_EXPIRED),
        (408, "Request Timeout", True, True, Reason.CALLER_LOST),  # a request of ours in the dialog
        (481, "Call/Transaction Does Not Exist", True, True, Reason.CALLER_LOST),
        (408, "Request Timeout", True, False, Reason.NO_ACK),
        (488, "No SDP answer in ACK", True, True, Reason.NO_ACK),  # one that is as good as none
        (504, "Reliable response timed out", False, False, Reason.NO_PRACK),
        (503, "Service Unavailable", False, False, Reason.CALLER_LOST),  # what we sent reached nobody
        (503, "Service Unavailable", True, True, Reason.CALLER_LOST),
        (488, "Unable to create media session", False, False, Reason.INTERNAL),  # instead of our 200
        (500, "", False, False, Reason.INTERNAL),
        (488, "Unable to create media session", True, True, Reason.INTERNAL),
        (500, "Internal server error", True, True, Reason.INTERNAL),
        (415, "Unsupported Media Type", True, False, Reason.INTERNAL),
    ],
)
def test_why_a_callers_leg_is_over(
    status: int, text: str, *, answered: bool, confirmed: bool, reason: Reason | None
) -> None:
    assert lost_caller(status, text, answered=answered, confirmed=confirmed) is reason


@pytest.mark.parametrize(
    ("status", "confirmed", "reason"),
    [(200, True, None), (486, False, None), (408, False, None), (408, True, Reason.AGENT_LOST)],
)
def test_why_a_leg_that_we_dialled_is_over(status: int, *, confirmed: bool, reason: Reason | None) -> None:
    assert lost_callee(status, confirmed=confirmed) is reason
