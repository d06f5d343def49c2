# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures: SIP, and on request RTP and RTCP, of some calls to a pcap file, bounded in every way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from agent.core.errors import AgentError
from agent.core.model.capture import CaptureSettings
from agent.identifiers import fresh
from agent.telemetry.capture_file import SUFFIX, CaptureFile
from agent.telemetry.logs import logger
from agent.telemetry.messages import Messages, Seen
from agent.telemetry.pcap import HEADER, Datagram, packet
from agent.telemetry.stories import OfCall

USUAL_SECONDS: Final = 600.0
"""How long a capture goes on, where nobody says."""
KEPT: Final = 100
"""Captures that are over and still listed; their files stay in the folder in any case."""
_OPEN_SECONDS: Final = 5.0
_LAST_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.02
_CALLS_TOLD: Final = 20
QUIET_SECONDS: Final = 35.0
"""After the end of the one wanted call: its last transactions take 32 s at most (RFC 3261 17.1.1.2)."""

_log = logger("capture")


class CaptureRefusedError(AgentError):
    """A capture can't begin; `status` is HTTP's word for why."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


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
    ) -> None:
        self.wanted = wanted
        self.capture_id = path.name.removesuffix(SUFFIX)
        self.path = path
        self._tapper = tapper
        self._left_out: set[str] = set()
        self.by = by
        self.began = time.time()
        self.until = self.began + seconds
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


class Captures:
    """All captures of this process.

    Args:
        messages: hands SIP messages on.
        settings: as configured now; None: none may be.
        alive: whether a call of this id is up.
        tapper: taps RTP and RTCP; None: only SIP can be captured.
    """

    def __init__(
        self,
        messages: Messages,
        settings: Callable[[], CaptureSettings | None],
        alive: Callable[[str], bool],
        tapper: Tapper | None = None,
    ) -> None:
        self._messages = messages
        self._settings = settings
        self._alive = alive
        self._tapper = tapper
        self._captures: dict[str, Capture] = {}
        self._forgotten = 0

    @property
    def running(self) -> list[Capture]:
        """Those under way."""
        return [capture for capture in self._captures.values() if capture.ended is None]

    @property
    def dropped(self) -> int:
        """Packets that found no room, of all captures so far."""
        return self._forgotten + sum(capture.dropped for capture in self._captures.values())

    async def start(
        self,
        wanted: Wanted,
        *,
        seconds: float | None = None,
        size: int | None = None,
        rtp: bool = False,
        by: str = "",
    ) -> Capture:
        """Begin a capture; what came of the wanted call before goes into it as far as it is still there.

        Raises:
            CaptureRefusedError: it can't begin; one line says why.
        """
        settings = self._allowed(seconds, size)
        opened: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        capture = Capture(
            wanted,
            path=settings.folder / f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime())}-{fresh()[:8]}{SUFFIX}",
            seconds=min(USUAL_SECONDS, settings.longest) if seconds is None else seconds,
            size=settings.size if size is None else size,
            total=settings.total,
            tapper=self._tapper if rtp else None,
            by=by,
            begun=_tells(opened),
        )
        self._captures[capture.capture_id] = capture
        try:
            async with asyncio.timeout(_OPEN_SECONDS):
                fault = await opened
        except TimeoutError:
            fault = f"{settings.folder} does not answer within {_OPEN_SECONDS:g} s"
        except asyncio.CancelledError:
            self._give_up(capture)
            raise
        if fault is not None:
            self._give_up(capture)
            raise CaptureRefusedError(f"the capture's file can't be written: {fault}", 507)
        self._messages.add(capture)
        if wanted.call:
            self._messages.replay(capture)
        if capture.rtp and self._tapper is not None:
            self._tapper.begin_all(capture)
        self._tell("a capture begins", capture)
        return capture

    def find(self, capture_id: str) -> Capture | None:
        """The one of this id; None when it is not known (any more)."""
        return self._captures.get(capture_id)

    def all(self) -> list[Capture]:
        """Those that are known, newest first."""
        return list(reversed(self._captures.values()))

    def stop(self, capture: Capture, why: str = "stopped") -> None:
        """End a capture, if it is under way."""
        if capture.ended is not None:
            return
        self._messages.remove(capture)
        if capture.rtp and self._tapper is not None:
            self._tapper.end(capture)
        capture.end(why)
        self._tell("a capture has ended", capture)
        over = [one for one in self._captures.values() if one.ended is not None]
        for one in over[:-KEPT]:
            self._forget(one)

    def delete(self, capture: Capture) -> None:
        """End a capture and delete its file.

        Raises:
            CaptureRefusedError: the file can't be deleted.
        """
        self.stop(capture)
        try:
            capture.path.unlink(missing_ok=True)
        except OSError as error:
            raise CaptureRefusedError(f"{capture.path} can't be deleted: {error.strerror}", 507) from None
        self._forget(capture)

    def look(self) -> None:
        """End those whose time, room or call is over."""
        if self._tapper is not None:
            self._tapper.look()
        for capture in self.running:
            if (why := self._over(capture)) is not None:
                self.stop(capture, why)

    async def aclose(self) -> None:
        """End them all; the files are whole, as far as their disk lets us in a moment."""
        for capture in self.running:
            self.stop(capture, "the agent ends")
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                for capture in self.all():
                    await capture.written()
        except TimeoutError:
            _log.warning("the disk of captures does not answer: the end of some is missing")

    def _over(self, capture: Capture) -> str | None:
        if capture.fault is not None:
            return f"the file can't be written on: {capture.fault}"
        if capture.full:
            return f"it is full: {capture.size} bytes"
        if time.monotonic() >= capture.ends:
            return "its time is over"
        quiet = time.monotonic() - capture.last >= QUIET_SECONDS
        if quiet and capture.wanted.call and capture.calls and not any(map(self._alive, capture.calls)):
            return "its call is over"
        return None

    def _allowed(self, seconds: float | None, size: int | None) -> CaptureSettings:
        settings = self._settings()
        if settings is None:
            raise CaptureRefusedError(
                "captures are off: name a folder for them in agent.yaml, capture: {folder: …}, and reload",
                409,
            )
        if len(self.running) >= settings.at_once:
            raise CaptureRefusedError(
                f"{settings.at_once} captures are under way, as many as capture.at_once allows: stop one", 409
            )
        if seconds is not None and seconds > settings.longest:
            raise CaptureRefusedError(f"a capture may take {settings.longest:g} s (capture.longest)", 422)
        if size is not None and size > settings.size:
            raise CaptureRefusedError(f"a capture may take {settings.size} bytes (capture.size)", 422)
        return settings

    def _give_up(self, capture: Capture) -> None:
        capture.end("it could not begin")
        self._forget(capture)

    def _forget(self, capture: Capture) -> None:
        if self._captures.pop(capture.capture_id, None) is not None:
            self._forgotten += capture.dropped

    def _tell(self, event: str, capture: Capture) -> None:
        wanted = capture.wanted
        _log.warning(
            event,
            capture_id=capture.capture_id,
            wanted_call=wanted.call,
            project=wanted.project,
            number=wanted.number,
            rtp=capture.rtp,
            by=capture.by,
            file=str(capture.path),
            packets=capture.packets,
            dropped=capture.dropped,
            why=capture.why,
        )


def _tells(opened: asyncio.Future[str | None]) -> Callable[[str | None], None]:
    """What a thread may call to set the outcome of `opened`."""
    loop = asyncio.get_running_loop()

    def tell(fault: str | None) -> None:
        def settle() -> None:
            if not opened.done():
                opened.set_result(fault)

        try:
            loop.call_soon_threadsafe(settle)
        except RuntimeError:  # the loop has ended meanwhile
            return

    return tell
