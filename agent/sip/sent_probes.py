# SPDX-License-Identifier: GPL-3.0-or-later
"""OPTIONS that this node has sent, until an answer or the end of the wait for one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pjsua2

from agent.core.containing import Containing
from agent.core.errors import SipError
from agent.core.model import Agent
from agent.core.uris import SipUri
from agent.sip import native
from agent.sip.resolver import Hop

_REQUEST_TIMEOUT = 408


class SentProbes:
    """Probes that wait.

    Args:
        settings: the node's, for the address that it sends from.
        contained: takes what goes wrong in who is told of an answer.
    """

    def __init__(self, settings: Agent, contained: Containing) -> None:
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._contained = contained
        self._waiting: dict[int, Callable[[int], None]] = {}

    def send(self, target: SipUri, hop: Hop, seconds: float, done: Callable[[int], None]) -> None:
        """Send OPTIONS to the address `hop` of `target`; `done` is told the status that came.

        It is 408 when none did for so many seconds.

        Raises:
            SipError: the stack would not send it.
        """
        host = native.host_towards(self._settings, hop)
        with native.pinned(target, hop):
            number = pjsua2.handoff_probe_send(target.text, f"<sip:handoff-agent@{host}>")
        if number < 0:
            raise SipError(f"can't probe {target.text}")
        self._waiting[number] = done
        self._loop.call_later(seconds, self._answered, number, _REQUEST_TIMEOUT)

    def look(self) -> None:
        """Tell of the answers that came since the last look."""
        for number, status in native.probes():
            self._contained.run("probe", self._answered, number, status)

    def _answered(self, number: int, status: int) -> None:
        if (done := self._waiting.pop(number, None)) is not None:
            done(status)
