# SPDX-License-Identifier: GPL-3.0-or-later
"""What comes in by itself: pjsua2's library and account, which call back with INVITEs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import pjsua2

from agent.core.headers import parse
from agent.sip import events as on


class Intake(Protocol):
    """Who takes what comes in."""

    def emit(self, event: on.StackEvent) -> None:
        """Queue an event."""

    def take(self, prm: Any) -> None:
        """Take an INVITE out of pjsua's callback."""

    @property
    def took(self) -> Callable[[str, Exception], None]:
        """Told of an error that was contained: what it happened in, and the error."""


class Endpoint(pjsua2.Endpoint):
    """The library; it says which INVITEs it refused by itself."""

    def __init__(self, intake: Intake) -> None:
        super().__init__()
        self._intake = intake

    def onRejectedIncomingCall(self, prm: Any) -> None:
        """An INVITE was answered before it became a call."""
        try:
            message = parse(prm.rdata.wholeMsg)
            self._intake.emit(on.RefusedByStack(source_of(prm), message, prm.statusCode, prm.reason))
        except Exception as error:  # noqa: BLE001 - native code can make nothing of it
            self._intake.took("intake", error)


class IncomingAccount(pjsua2.Account):
    """The local account that all calls belong to."""

    def __init__(self, intake: Intake) -> None:
        super().__init__()
        self._intake = intake

    def onIncomingCall(self, prm: Any) -> None:
        """A new INVITE passed the guard."""
        try:
            self._intake.take(prm)
        except Exception as error:  # noqa: BLE001 - pjsua2 refuses a call that nobody took
            self._intake.took("intake", error)


def source_of(prm: Any) -> str:
    """The address that a request came from, without its port."""
    address: str = prm.rdata.srcAddress
    return address.rpartition(":")[0].strip("[]")
