# SPDX-License-Identifier: GPL-3.0-or-later
"""The call as a pure state machine: events in, actions out; no I/O, no clock.

`states` names where a call can stand, `call` is what it remembers, `machine` moves it; the other modules are
its reactions, one for each stretch of the way: `opening`, `bridged`, `telling`, `going_back`.
"""

from __future__ import annotations

from agent.core.call.machine import Machine
from agent.core.call.states import LASTING, UNREACHED, Plan, State, whereabouts

__all__ = ["LASTING", "UNREACHED", "Machine", "Plan", "State", "whereabouts"]
