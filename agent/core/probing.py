# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a voice agent's address answers its probes (OPTIONS, RFC 3261 section 11). Pure."""

from __future__ import annotations

from agent.core.model import Probe

_FIRST_FINAL = 200
_FIRST_FAULT = 500
_NO_ANSWER = 408


def answers(status: int) -> bool:
    """Whether a probe's outcome is that of somebody who can take a call.

    Whatever answers with a final response below 500 speaks SIP, if only to say that it takes no OPTIONS.
    408 is our own: nobody answered. 503 is how a server says that it takes no calls.
    """
    return _FIRST_FINAL <= status < _FIRST_FAULT and status != _NO_ANSWER


class Health:
    """What the probes of one address say. It is up until they say otherwise.

    Args:
        probe: how many outcomes in a row it takes.

    Attributes:
        up: whether calls go there by preference.
    """

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._against = 0  # outcomes in a row that speak against `up`
        self.up = True

    def take(self, status: int) -> bool:
        """Take the outcome of one probe; says whether `up` is another now."""
        if answers(status) is self.up:
            self._against = 0
            return False
        self._against += 1
        if self._against < (self._probe.fail if self.up else self._probe.recover):
            return False
        self._against = 0
        self.up = not self.up
        return True
