# SPDX-License-Identifier: GPL-3.0-or-later
"""The captures of this process: what begins one, what ends it, how many there may be."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from agent.core.errors import AgentError
from agent.core.model.capture import CaptureSettings
from agent.identifiers import fresh
from agent.telemetry.aside import aside
from agent.telemetry.capture import Capture, Tapper, Wanted
from agent.telemetry.capture_file import SUFFIX
from agent.telemetry.logs import logger
from agent.telemetry.messages import Messages

USUAL_SECONDS: Final = 600.0
"""How long a capture goes on, where nobody says."""
KEPT: Final = 100
"""Captures that are over and still listed; their files stay in the folder in any case."""
_OPEN_SECONDS: Final = 5.0
_LAST_SECONDS: Final = 2.0
QUIET_SECONDS: Final = 35.0
"""After the end of the one wanted call: its last transactions take 32 s at most (RFC 3261 17.1.1.2)."""

_log = logger("capture")


class CaptureRefusedError(AgentError):
    """A capture can't begin; `status` is HTTP's word for why."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


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
        attended: float | None = None,
    ) -> Capture:
        """Begin a capture; what came of the wanted call before goes into it as far as it is still there.

        Args:
            wanted: which calls.
            seconds: how long.
            size: of the file, in bytes.
            rtp: RTP and RTCP too.
            by: who wants it.
            attended: it ends when nobody has asked for it for so many seconds.

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
            attended=attended,
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
        """The one of this id, which is asked for by that; None when it is not known (any more)."""
        capture = self._captures.get(capture_id)
        if capture is not None:
            capture.asked = time.monotonic()
        return capture

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

    async def finish(self, capture: Capture) -> None:
        """End a capture; its file is whole then, unless its disk takes longer than a moment."""
        self.stop(capture)
        with suppress(TimeoutError):
            async with asyncio.timeout(_OPEN_SECONDS):
                await capture.written()

    async def delete(self, capture: Capture) -> None:
        """End a capture and delete its file.

        Raises:
            CaptureRefusedError: the file can't be deleted, or its disk does not answer.
        """
        self.stop(capture)
        try:
            await aside(lambda: capture.path.unlink(missing_ok=True), _OPEN_SECONDS)
        except OSError as error:  # a TimeoutError is one
            why = error.strerror or f"its disk does not answer within {_OPEN_SECONDS:g} s"
            raise CaptureRefusedError(f"{capture.path} can't be deleted: {why}", 507) from None
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
        if capture.attended is not None and time.monotonic() - capture.asked >= capture.attended:
            return f"nobody has asked for it for {capture.attended:g} s"
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
