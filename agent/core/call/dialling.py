# SPDX-License-Identifier: GPL-3.0-or-later
"""What dialling the voice agent (`opening`) and dialling a target to go back to (`going_back`) share."""

from __future__ import annotations

from typing import Final

from agent.core.call.call import Call
from agent.core.call.table import Actions
from agent.core.events import Located, Stop, Timer

TRYING: Final = 100
STOP_DIALLING: Final = (Stop(Timer.RING), Stop(Timer.RESPONSE), Stop(Timer.TRYING))


def located(call: Call, event: Located) -> Actions:
    """The target that is being dialled has so many addresses."""
    if call.wants(event.side, event.attempt):
        call.addresses = event.addresses
    return []
