# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a call must be durable before it goes on: the call itself, and its terminal moment."""

from __future__ import annotations

from agent.calls.asking import Asking
from agent.calls.parts import Parts
from agent.core import actions as do
from agent.core import events as on
from agent.core.errors import StorageError


class Storing:
    """Waits for the storage, and lets the call's machine know what came of it.

    Args:
        parts: the call.
        asking: told whether a handoff is durable.
    """

    def __init__(self, parts: Parts, asking: Asking) -> None:
        self._call = parts
        self._asking = asking

    async def open(self) -> None:
        """Make the call durable. An error that is not the storage's is raised once the call knows of it."""
        call = self._call
        try:
            await call.record.open()
        except Exception as error:  # an internal error must not leave a caller in silence either
            call.note("decision", f"not recorded: {error}")
            call.handle(on.NotRecorded())
            call.record.close_unopened()
            if isinstance(error, StorageError):
                return
            raise
        call.handle(on.Recorded())

    async def tell(self, action: do.Tell) -> None:
        """Make a terminal moment durable; errors as with `open`."""
        call, asker = self._call, self._asking.asker
        call.note("decision", f"{action.moment.value}: {action.reason.text}")
        try:
            first, sent = await call.record.tell(action, lambda: call.machine.holds_signal)
        except Exception as error:  # as above
            call.note("decision", f"{action.moment.value} not recorded: {error}")
            if call.machine.owes_moment:
                call.record.tell_later()
            else:
                call.record.take_back()
            if asker is not None:
                asker.resolve(error)
            call.handle(on.NotTold())
            if call.machine.takes_handoff:
                self._asking.forget()  # else its target may still be one to go back to
            if not isinstance(error, StorageError):
                raise
        else:
            if asker is not None:
                asker.resolve(first)
            call.handle(on.Told(sent))
        finally:
            call.record.told()
