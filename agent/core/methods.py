# SPDX-License-Identifier: GPL-3.0-or-later
"""How a caller goes back to the contact centre, and what happens when the script could not be told."""

from __future__ import annotations

from agent.core.words import Word


class Method(Word):
    """How the caller goes back."""

    RELEASE = "release"
    REFER = "refer"
    BRIDGE = "bridge"

    @property
    def needs_target(self) -> bool:
        """Whether there must be somewhere to go back to."""
        return self is not Method.RELEASE


class OnFailure(Word):
    """What happens to the caller when the signal was not accepted."""

    RELEASE = "release"
    REFER = "refer"
    KEEP = "keep"
