# SPDX-License-Identifier: GPL-3.0-or-later
"""One capture: SIP, and on request RTP and RTCP, of some calls to a pcap file, bounded in every way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from agent.telemetry.capture_file import SUFFIX, CaptureFile
from agent.telemetry.messages import Seen
from agent.telemetry.pcap import HEADER, Datagram, packet
from agent.telemetry.stories import OfCall

_LOOK_SECONDS: Final = 0.02
_CALLS_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls: one of these is set.

    Attributes:
        call: call id, contact id or SIP Call-ID.
        project: name of a project.
        number: the dialled number, as the map has it.
    """

    call: str = ""
    project: str = ""
    number: str = ""

    @classmethod
    def of_number(cls, text: str) -> Wanted:
        """Calls to a number, however it is written.

        Raises:
            ValueError: there is no digit in it.
        """
        digits = "".join(filter("0123456789".__contains__, text))
        if not digits:
            raise ValueError(f"{text!r} is no number")
        return cls(number=digits)

    def takes(self, call: OfCall) -> bool:
        """Whether it is one of them."""
        if self.call:
            return self.call in (call.call_id, call.contact_id, call.sip_call_id)
        if self.project:
            return call.project == self.project
        return call.number.lstrip("+") == self.number


class Tapper(Protocol):
    """Who taps RTP and RTCP of legs; `agent.calls.taps.Taps` is one."""

    def begin(self, capture: Capture, call: OfCall) -> None:
        """A capture wants the leg of this SIP message."""

    def begin_all(self, capture: Capture) -> None:
        """A capture wants the legs that are up already, of the calls that it wants."""

    def end(self, capture: Capture) -> None:
        """A capture is about to end."""

    def look(self) -> None:
        """Looked after once a second."""


class Capture:
    """One capture; `Captures` starts and ends it."""

    def __init__(
        self,
        wanted: Wanted,
        *,
        path: Path,
        seconds: float,
        size: int,
        total: int,
        tapper: Tapper | None,
        by: str,
        begun: Callable[[str | None], None],
        attended: float | None = None,
    ) -> None:
        self.wanted = wanted
        self.capture_id = path.name.removesuffix(SUFFIX)
        self.path = path
        self._tapper = tapper
        self._left_out: set[str] = set()
        self.by = by
        self.began = time.time()
        self.until = self.began + seconds
        self.attended = attended
        self.asked = time.monotonic()
        self.ends = time.monotonic() + seconds  # a clock that is set back makes it last no longer
        self.size = size
        self.bytes = len(HEADER)
        self.full = False  # whether the next packet found no room
        self.packets = 0
        self.dropped = 0
        self.calls: dict[str, None] = {}
        self.ended: float | None = None
        self.why = ""
        self.last = time.monotonic()
        self._file = CaptureFile(path, total=total, most=size, begun=begun)
        self._file.put(HEADER)

    @property
    def rtp(self) -> bool:
        """Whether RTP and RTCP are wanted, too."""
        return self._tapper is not None

    @property
    def fault(self) -> str | None:
        """What is wrong with its file."""
        return self._file.fault

    @property
    def whole(self) -> int:
        """Bytes of whole packets that are in the file by now: so much of it may be read."""
        return self._file.whole

    def wants(self, call: OfCall) -> bool:
        """Whether messages of a call belong here."""
        return self.ended is None and self.wanted.takes(call)

    def take(self, seen: Seen) -> None:
        """A SIP message of such a call."""
        self.calls.setdefault(seen.call.call_id)
        if self._tapper is not None:
            self._tapper.begin(self, seen.call)
        source, target = seen.ends
        self.put(packet(Datagram(int(seen.record.microseconds), source, target, seen.payload)))

    def missed(self, packets: int = 1) -> None:
        """Some could not be read any more."""
        self.dropped += packets

    def leave_out(self, sip_call_id: str) -> None:
        """Of a leg there will be no RTP: as many as may be are tapped."""
        self._left_out.add(sip_call_id)

    def put(self, data: bytes, packets: int = 1) -> None:
        """Packets as they stand in the file."""
        if self.ended is not None or self.full:
            return
        if self.bytes + len(data) > self.size:
            self.full = True  # it ends at the next look; a smaller one must not come behind this one
            return
        if self._file.put(data):
            self.bytes += len(data)
            self.packets += packets
            self.last = time.monotonic()
        else:
            self.dropped += packets

    def end(self, why: str) -> None:
        """Take nothing more; what waits is still written."""
        self.ended, self.why = time.time(), why
        self._file.close()

    async def written(self) -> None:
        """Wait until all of one that has ended is in its file."""
        while not self._file.done:
            await asyncio.sleep(_LOOK_SECONDS)

    def shown(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "capture_id": self.capture_id,
            "call": self.wanted.call,
            "project": self.wanted.project,
            "number": self.wanted.number,
            "rtp": self.rtp,
            "legs_without_rtp": len(self._left_out),
            "by": self.by,
            "began": self.began,
            "until": self.until,
            "ended": self.ended,
            "why": self.why,
            "file": str(self.path),
            "size": self.size,
            "bytes": self.size if self.full else self.bytes,
            "packets": self.packets,
            "dropped": self.dropped,
            "calls": len(self.calls),
            "call_ids": list(self.calls)[:_CALLS_TOLD],
        }
