# SPDX-License-Identifier: GPL-3.0-or-later
"""A port of the plan behind which one voice agent after another stands, each at a port of its own.

The agent repeats what was not answered for 32 s (RFC 3261 section 17.1), and SIPp takes whatever comes first
for its call. So what belongs to an earlier call goes to the one that had it, gone or not, never to a later
one: requests inside a dialog go to the port in its Contact, and what comes here is told apart by its Call-ID.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

_CALL_ID = re.compile(rb"^(?:call-id|i)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE | re.MULTILINE)
_RPORT = re.compile(rb";rport(?=[;\r])")
_LARGEST = 65535


class Door:
    """The UDP port ``address``:``port`` as the agent at 127.0.0.1:``agent`` knows it.

    What a voice agent sends passes here too, as SIPp answers whence it was asked.
    """

    def __init__(self, address: str, port: int, agent: int) -> None:
        self._outside, self._agent = (address, port), ("127.0.0.1", agent)
        self._behind: dict[bytes, int] = {}  # by Call-ID

    @contextmanager
    def open(self, behind: int) -> Iterator[None]:
        """Let new calls through to this port of the same address.

        A thread does it: a test that asks something over HTTP keeps its loop from passing messages on.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
            wire.bind(self._outside)
            passing = Thread(target=self._pass, args=(wire, behind), daemon=True)
            passing.start()
            try:
                yield
            finally:
                wire.sendto(b"", self._outside)  # wakes the thread, which ends
                passing.join()

    def _pass(self, wire: socket.socket, behind: int) -> None:
        while True:
            data, source = wire.recvfrom(_LARGEST)
            if source == self._outside:
                return
            if source != self._agent:
                # Without rport its answer goes past the door too, and can't be overtaken by what follows it.
                wire.sendto(data if data.startswith(b"SIP/2.0") else _RPORT.sub(b"", data, 1), self._agent)
            elif found := _CALL_ID.search(data):
                owner = self._behind.setdefault(found[1], behind)
                wire.sendto(data, (self._outside[0], owner))
