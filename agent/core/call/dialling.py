# SPDX-License-Identifier: GPL-3.0-or-later
"""Hunting: one target after the other, each at one address after the other, until somebody answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agent.core.actions import Dial, HangUp, Start, Stop, Timer
from agent.core.call.call import Call
from agent.core.call.states import UNREACHED
from agent.core.call.table import Actions
from agent.core.events import AgentProgress, LegEnded, Located, TargetProgress, TimerFired
from agent.core.sides import Side

TRYING: Final = 100
STOP_DIALLING: Final = (Stop(Timer.RING), Stop(Timer.RESPONSE), Stop(Timer.TRYING))


def located(call: Call, event: Located) -> Actions:
    """The target that is being dialled has so many addresses."""
    if call.wants(event.side, event.attempt):
        call.addresses = event.addresses
    return []


@dataclass(frozen=True, slots=True)
class Hunt:
    """The targets of one side: voice agents (`opening`), or where the caller goes back to (`going_back`).

    Attributes:
        side: which one is dialled.
        targets: how many a call has.
        nobody: what follows when none of them answers.
    """

    side: Side
    targets: Callable[[Call], int]
    nobody: Callable[[Call], Actions]

    def next(self, call: Call) -> Actions:
        """Dial the next target, if there is one."""
        if call.tried == self.targets(call):
            return self.nobody(call)
        call.next_target()
        return self._dial(call)

    def progress(self, call: Call, event: AgentProgress | TargetProgress) -> Actions:
        """Somebody is there: the other addresses need not be tried."""
        call.addresses = call.address + 1
        if event.status == TRYING:
            return [Stop(Timer.RESPONSE), Start(Timer.TRYING)]
        return [Stop(Timer.RESPONSE), Stop(Timer.TRYING)]

    def useless(self, call: Call) -> Actions:
        """No audio can flow by the answer."""
        return [Stop(Timer.TRYING), HangUp(self.side), *self.next(call)]

    def ended(self, call: Call, event: LegEnded) -> Actions:
        """A leg is gone: that of the target that is being dialled, or an earlier one."""
        if not call.wants(event.side, event.attempt):
            return []
        return [Stop(Timer.TRYING), *(self._on(call) if event.status in UNREACHED else self.next(call))]

    def timer(self, call: Call, event: TimerFired) -> Actions:
        """Nobody was heard in time."""
        # Whoever said 100 gets the rest of the ring time where nobody else is left to be tried.
        waits_on = event.timer is Timer.TRYING and call.tried == self.targets(call)
        if event.timer in (Timer.RESPONSE, Timer.TRYING) and not waits_on:
            return [HangUp(self.side), *self._on(call)]
        if event.timer is Timer.RING:
            return [HangUp(self.side), *self.nobody(call)]
        return []

    def _on(self, call: Call) -> Actions:
        """Nobody was heard at this address of the target."""
        return self._dial(call) if call.next_address() else self.next(call)

    def _dial(self, call: Call) -> Actions:
        attempt = call.next_attempt(self.side)
        return [Dial(self.side, call.tried - 1, attempt, call.address), Start(Timer.RESPONSE)]
