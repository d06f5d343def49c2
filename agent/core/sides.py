# SPDX-License-Identifier: GPL-3.0-or-later
"""The sides of a call."""

from __future__ import annotations

from agent.core.words import Word


class Side(Word):
    """One leg: towards the contact centre, towards the voice agent, or towards where the caller goes back to.

    There are never more than two at a time: the third takes the voice agent's place.
    """

    CALLER = "caller"
    AGENT = "agent"
    TARGET = "target"
