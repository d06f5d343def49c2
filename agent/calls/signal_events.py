# SPDX-License-Identifier: GPL-3.0-or-later
"""What becomes of signals: told to the call's story, to those who wait for news, and to the call itself."""

from __future__ import annotations

from collections.abc import Callable

from agent.calls.chronicle import Chronicle
from agent.calls.contained import Contained
from agent.calls.register import Register
from agent.core import events as on
from agent.core.moments import SignalState
from agent.core.records import Channel
from agent.delivery.courier import SignalEvent


class SignalEvents:
    """Takes what the courier reports.

    Args:
        register: knows the calls that are up.
        chronicle: told of each event.
        ring: wakes those who wait for news of a call or a contact.
        contained: takes what goes wrong in telling: the call hears of its signal all the same.
    """

    def __init__(
        self, register: Register, chronicle: Chronicle, ring: Callable[..., None], contained: Contained
    ) -> None:
        self._register = register
        self._chronicle = chronicle
        self._ring = ring
        self._contained = contained

    def take(self, event: SignalEvent) -> None:
        """Take one change of an entry of the outbox."""
        signal = event.signal
        run = self._contained.of_call(signal.call_id, signal.project).run
        run("news", self._chronicle.signal, event)
        if signal.channel is not Channel.SIGNAL:
            return  # no call waits for what becomes of a webhook or a transcript
        run("news", self._ring, signal.call_id, signal.contact_id)
        call = self._register.by_id(signal.call_id)
        if call is not None and signal.state.final:
            accepted = signal.state is SignalState.ACCEPTED
            call.handle(on.SignalSettled(signal.moment, accepted))
