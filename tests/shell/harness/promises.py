# SPDX-License-Identifier: GPL-3.0-or-later
"""What must hold of a call whatever fails, and which of it does not."""

from __future__ import annotations

from agent.calls.live_call import LiveCall
from agent.core.actions import Timer
from agent.core.reasons import Reason
from tests.shell.harness.shell import Shell
from tests.shell.harness.sip import FakeLeg

PROMISES = {
    "left": "a caller who is up talks to somebody, or a clock runs that ends it",
    "bounded": "who talks does so for the longest duration at most",
    "legs": "no leg outlives the far ends that hung up",
    "gone": "a call that is over is in no register and counts nowhere",
    "clocks": "nothing of a call that is over still runs",
    "loop": "no error reaches the loop, or those who look after it, but the one that was planned",
    "asked": "whoever asked for a handoff by HTTP has an answer",
    "once": "a call has one terminal signal at most, on disk and at NICE",
    "told": "a script is told of a call that did not end by its caller",
    "settled": "no signal of a call that is over is forgotten before its end",
    "recorded": "a call that is over is over on disk",
    "counted": "the gauge of calls that are up returns to zero",
}


class Promises:
    """Looks at a node again and again.

    Attributes:
        broken: the promises that did not hold at one of the looks.
    """

    def __init__(self, node: Shell) -> None:
        self.broken: set[str] = set()
        self._node = node

    def look(self) -> None:
        """Whenever nothing goes on any more but what waits for a clock or a far end."""
        for call in self._node.admitted:
            caller = self._node.stack.all[0]
            running = set(call._actions._clocks._running)
            if not caller.up:
                continue
            if not _talks(caller):
                self._demand("left", bool(running - {Timer.DURATION}))
            elif caller.answered:
                self._demand("bounded", bool(running))

    async def look_back(self, planned: type[Exception]) -> None:
        """When the far ends have hung up, the storage is well, and time has passed."""
        node = self._node
        self._demand("legs", not any(leg.up for leg in node.stack.all))
        self._demand("asked", all(asking.done() for asking in node.asked))
        self._demand("loop", not node.escaped and all(type(error) is planned for error in node.broke))
        self._demand("counted", not any(one.value for one in node.metrics._calls_active.values()))
        self._demand("settled", not node.courier.pending)
        for call in node.admitted:
            self._look_back_at(call)
            await self._look_up(call)

    def _look_back_at(self, call: LiveCall) -> None:
        register, record = self._node.register, call.record
        known = any(register.by_leg(leg.key) for leg in self._node.stack.all)
        counted = register.of_project(record.project) or register.contact_is_up(
            record.account, record.project, record.contact_id
        )
        self._demand("gone", not len(register) and not known and not counted)
        watch = call._actions._watch._timer
        self._demand("clocks", not call._actions._clocks._running and (watch is None or watch.work is None))

    async def _look_up(self, call: LiveCall) -> None:
        store, record = self._node.store, call.record
        signals = await store.signals_on_disk(record.call_id)
        terminal = [one for one in signals if one.moment.terminal]
        sent = [p1 for p1 in self._node.nice.sent if p1 != "arrival"]
        self._demand("once", len(terminal) <= 1 and len(sent) <= 1)
        self._demand("settled", all(one.state.final for one in signals))
        on_disk = await store.on_disk(record.call_id)
        self._demand("recorded", on_disk is None or on_disk.ended is not None)
        # Refused, or lost, before it came to anything.
        nothing = record.reason == Reason.NOT_READY.value or not call._record.opened
        untold = on_disk is not None and record.end not in ("", "caller") and not nothing
        self._demand("told", not untold or len(terminal) == 1)

    def _demand(self, promise: str, holds: bool) -> None:  # noqa: FBT001 - it reads as a sentence
        if not holds:
            self.broken.add(promise)


def _talks(caller: FakeLeg) -> bool:
    """Whether the caller and somebody hear each other."""
    other = caller.heard
    return isinstance(other, FakeLeg) and other.up and other.heard is caller
