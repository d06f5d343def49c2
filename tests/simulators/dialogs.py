# SPDX-License-Identifier: GPL-3.0-or-later
"""Made-up dialogs of a rehearsal."""

from __future__ import annotations

from typing import TypeAlias

from agent.simulators.messages import read
from agent.simulators.wire import Dialog, Said
from agent.simulators.wiretap import Place

CALLER, US, BOT, QUEUE = (("127.0.0.1", port) for port in (5061, 5060, 5070, 5075))
Told: TypeAlias = tuple[float, Place, str]


def dialog(opener: Place, *told: Told) -> Dialog:
    """A dialog of messages: when, from where, and the text with ``|`` between its lines."""
    made = Dialog(opener)
    for when, source, text in told:
        head, _, body = text.partition("||")
        made.said.append(Said(when, source, read(f"{head}||{body}".replace("|", "\r\n").encode())))
    return made
