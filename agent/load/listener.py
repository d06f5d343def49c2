# SPDX-License-Identifier: GPL-3.0-or-later
"""One call of our own beside the load, whose audio is measured packet by packet, by the kernel's clock."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import socket
import struct
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, Final

from agent.core.errors import AgentError
from agent.core.units import bracketed
from agent.load.targets import Target, check
from agent.simulators.arrival import SPACE, arrived, stamp
from agent.simulators.g711 import FRAME

_HEADER: Final = struct.Struct("!BBHII")
_PACKET_SECONDS: Final = 0.02
_CATCH_UP: Final = 5
_T1: Final = 0.5
_ANSWER_SECONDS: Final = 10.0
_BYE_SECONDS: Final = 2.0
_OK: Final = 200
_FINAL: Final = 200
_BYTES: Final = 4096
_CYCLE: Final = 1 << 16
_SILENCE: Final = bytes([0xFF, 0x7F]) * (FRAME // 2)
_ADDRESS: Final = re.compile(r"^c=IN IP[46] (\S+)", re.MULTILINE)
_AUDIO: Final = re.compile(r"^m=audio (\d+) ", re.MULTILINE)


@dataclass
class Heard:
    """What came back of audio so far.

    Attributes:
        received: RTP packets, each once.
        expected: packets that the far end sent, by their sequence numbers.
        longest: seconds of the longest time between two packets.
        recent: the same since it was last asked for.
        over: the far end ended the call.
    """

    received: int = 0
    expected: int = 0
    longest: float = 0.0
    recent: float = 0.0
    over: bool = False
    _source: int | None = None
    _first: int = 0
    _highest: int = 0
    _before: int = 0
    _last: float | None = None
    _seen: set[int] = field(default_factory=set)

    @property
    def lost(self) -> int:
        """Packets that never came."""
        return max(0, self.expected - self.received)

    def take(self, packet: bytes, at: float) -> None:
        """A packet came at that time (seconds, of any clock that runs evenly)."""
        if len(packet) < _HEADER.size or packet[0] >> 6 != 2:  # noqa: PLR2004 - the version of RTP
            return
        _, _, number, _, source = _HEADER.unpack_from(packet)
        if self._last is not None:
            self.longest = max(self.longest, at - self._last)
            self.recent = max(self.recent, at - self._last)
        self._last = at
        if source != self._source:
            self._begin(source, number)
        extended = number + (self._highest - number + _CYCLE // 2) // _CYCLE * _CYCLE
        if extended in self._seen or extended < self._first:
            return
        self._seen.add(extended)
        self._highest = max(self._highest, extended)
        if len(self._seen) > 2 * _CATCH_UP * 1000:
            self._seen = {one for one in self._seen if one > self._highest - _CATCH_UP * 1000}
        self.received += 1
        self.expected = self._before + self._highest - self._first + 1

    def asked(self) -> float:
        """The longest gap since this was asked last."""
        recent, self.recent = self.recent, 0.0
        return recent

    def _begin(self, source: int, number: int) -> None:
        self._source, self._before = source, self.expected
        self._first = self._highest = number
        self._seen = set()


class _Dialog(asyncio.DatagramProtocol):
    """The datagrams of one SIP call; answers are matched by their CSeq."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()
        self.requests: asyncio.Queue[bytes] = asyncio.Queue()

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        (self.answers if data.startswith(b"SIP/2.0") else self.requests).put_nowait(data)


class Listener:
    """The measured call.

    Args:
        target: whom it calls, by UDP.
        number: what it dials.
        headers: more lines of its INVITE: contact id, token.
        owned: hosts besides loopback that audio may be sent to.
    """

    def __init__(
        self, target: Target, number: str, headers: tuple[str, ...], owned: frozenset[str] = frozenset()
    ) -> None:
        self.heard = Heard()
        self._target, self._number, self._headers, self._owned = target, number, headers, owned
        self._mark = secrets.token_hex(8)
        self._tag = ""
        self._next = ""
        self._routes: list[str] = []
        self._audio: socket.socket | None = None
        self._far: tuple[str, int] = ("", 0)
        self._tasks: set[asyncio.Task[None]] = set()

    async def call(self) -> None:
        """Place the call, and speak and listen from then on.

        Raises:
            AgentError: it is not answered, or its audio would go to a host that may not be loaded.
        """
        loop = asyncio.get_running_loop()
        self._audio = audio = socket.socket(
            socket.AF_INET6 if ":" in self._target.address else socket.AF_INET, socket.SOCK_DGRAM
        )
        self._transport, self._dialog = await loop.create_datagram_endpoint(
            _Dialog, remote_addr=(self._target.address, self._target.port)
        )
        self._here = self._transport.get_extra_info("sockname")[:2]
        stamp(audio)
        audio.bind((self._here[0], 0))
        audio.setblocking(False)  # noqa: FBT003 - the socket's own signature
        answer = await self._answered(self._request("INVITE", 1, _offer(audio.getsockname()[:2])), 1)
        if _status(answer) != _OK:
            self._send(self._request("ACK", 1))
            raise AgentError(f"the measured call was refused: {answer.splitlines()[0]}")
        self._learn(answer)
        self._send(self._request("ACK", 1))
        loop.add_reader(audio, self._hear)
        self._begin(self._speak())
        self._begin(self._serve())

    async def end(self) -> None:
        """Hang up."""
        if self._audio is None:
            return
        if self._tag and not self.heard.over:
            with contextlib.suppress(AgentError):
                await self._answered(self._request("BYE", 2), 2, _BYE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        asyncio.get_running_loop().remove_reader(self._audio)
        self._audio.close()
        self._audio = None
        self._transport.close()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.add(asyncio.get_running_loop().create_task(work))

    def _learn(self, answer: str) -> None:
        self._tag = _header(answer, "To")
        contact = _header(answer, "Contact")
        self._next = contact.partition("<")[2].partition(">")[0] or contact.partition(";")[0]
        self._routes = [value for value in reversed(_headers(answer, "Record-Route")) if value]
        address, port = _ADDRESS.search(answer), _AUDIO.search(answer)
        if address is None or port is None:
            raise AgentError("the measured call was answered without audio")
        check(address[1], address[1], self._owned)
        self._far = (address[1], int(port[1]))

    async def _answered(self, request: bytes, number: int, seconds: float = _ANSWER_SECONDS) -> str:
        wait, until = _T1, time.monotonic() + seconds
        provisional = False
        self._send(request)
        while time.monotonic() < until:
            try:
                data = await asyncio.wait_for(self._dialog.answers.get(), min(wait, until - time.monotonic()))
            except TimeoutError:
                if not provisional:
                    self._send(request)
                wait *= 2
                continue
            answer = data.decode(errors="replace").replace("\r\n", "\n")
            if not _header(answer, "CSeq").startswith(f"{number} "):
                continue
            if _status(answer) >= _FINAL:
                self._tag = self._tag or _header(answer, "To")
                return answer
            provisional = True
        raise AgentError(f"the measured call was not answered within {seconds:g} s")

    async def _speak(self) -> None:
        """Send 20 ms of silence every 20 ms; what is late is made up for, a little."""
        number, time_stamp, source = secrets.randbelow(_CYCLE), 0, secrets.randbits(32)
        due = time.monotonic()
        while True:
            for _ in range(_CATCH_UP):
                if due > time.monotonic():
                    break
                packet = _HEADER.pack(0x80, 0, number, time_stamp, source) + _SILENCE
                with contextlib.suppress(OSError):
                    if self._audio is not None:
                        self._audio.sendto(packet, self._far)
                number, time_stamp = (number + 1) % _CYCLE, (time_stamp + FRAME) & 0xFFFFFFFF
                due += _PACKET_SECONDS
            due = max(due, time.monotonic() - _PACKET_SECONDS)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _serve(self) -> None:
        """Answer what the far end asks inside the call."""
        while True:
            request = (await self._dialog.requests.get()).decode(errors="replace").replace("\r\n", "\n")
            method = request.partition(" ")[0]
            if method == "ACK":
                continue
            taken = method in ("BYE", "OPTIONS", "INFO", "NOTIFY")
            self._send(_reply(request, "200 OK" if taken else "488 Not Acceptable Here"))
            if method == "BYE":
                self.heard.over = True

    def _hear(self) -> None:
        while self._audio is not None:
            try:
                data, ancillary, _, _ = self._audio.recvmsg(_BYTES, SPACE)
            except (BlockingIOError, ConnectionError):
                return
            self.heard.take(data, arrived(ancillary))

    def _send(self, message: bytes) -> None:
        self._transport.sendto(message)

    def _request(self, method: str, number: int, body: str = "") -> bytes:
        here = f"{bracketed(self._here[0])}:{self._here[1]}"
        there = f"sip:{self._number}@{bracketed(self._target.address)}:{self._target.port}"
        branch = (
            f"z9hG4bK{self._mark}{number if method != 'ACK' else f'{number}ack' if self._next else number}"
        )
        lines = [
            f"{method} {self._next or there} SIP/2.0",
            f"Via: SIP/2.0/UDP {here};branch={branch};rport",
            *(f"Route: {route}" for route in self._routes),
            f'From: "Load" <sip:load@{here}>;tag={self._mark}',
            f"To: {self._tag or f'<{there}>'}",
            f"Call-ID: {self._mark}@load",
            f"CSeq: {number} {method}",
            f"Contact: <sip:load@{here}>",
            "Max-Forwards: 70",
        ]
        if method == "INVITE":
            lines += [*self._headers, "Content-Type: application/sdp"]
        lines += [f"Content-Length: {len(body.encode())}", "", body]
        return "\r\n".join(lines).encode()


def _offer(here: tuple[str, int]) -> str:
    family = 6 if ":" in here[0] else 4
    lines = (
        "v=0", f"o=load 1 1 IN IP{family} {here[0]}", "s=-", f"c=IN IP{family} {here[0]}", "t=0 0",
        f"m=audio {here[1]} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", "a=ptime:20", "a=sendrecv", "",
    )  # fmt: skip
    return "\r\n".join(lines)


def _reply(request: str, status: str) -> bytes:
    same = [
        f"{name}: {value}"
        for name in ("Via", "From", "To", "Call-ID", "CSeq")
        for value in _headers(request, name)
    ]
    return "\r\n".join([f"SIP/2.0 {status}", *same, "Content-Length: 0", "", ""]).encode()


def _status(answer: str) -> int:
    word = answer.split(" ", 2)[1]
    return int(word) if word.isdigit() else 0


def _headers(message: str, name: str) -> list[str]:
    head = message.partition("\n\n")[0].splitlines()[1:]
    found = (line.partition(":") for line in head)
    return [value.strip() for key, _, value in found if key.strip().lower() == name.lower()]


def _header(message: str, name: str) -> str:
    return next(iter(_headers(message, name)), "")
