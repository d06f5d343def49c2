# SPDX-License-Identifier: GPL-3.0-or-later
"""SIPp as one end of a call: started, cued, waited for, and its message log read."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.calls.harness.door import Door
from tests.calls.harness.messages import SipMessage, once, read_messages
from tests.calls.harness.ports import free_port, free_rtp_port, is_bound
from tests.calls.harness.waiting import LONG, eventually

SCENARIOS = Path(__file__).parents[3] / "sip_scenarios"


@dataclass
class Sipp:
    """One SIPp process that plays one scenario, usually once.

    Attributes:
        scenario: path of the XML file below sip_scenarios/.
        remote: port of the agent on 127.0.0.1; None makes a server (a voice agent).
        keys: values of the scenario's ``[keywords]``; a value may hold several header lines, joined by CR LF.
        talk: length of pauses that the scenario leaves open (``-d``), milliseconds.
        calls: calls to make or take before SIPp ends by itself; 0 goes on until stopped.
        transport: SIPp's ``-t``: u1 UDP, t1 TCP.
        limit: seconds in which SIPp has to end; a browser may look at its call on a busy machine.
        door: where the agent knows a voice agent, which is then behind it at a port of its own.
    """

    scenario: str
    remote: int | None = None
    keys: Mapping[str, str] = field(default_factory=dict)
    talk: int = 0
    calls: int = 1
    transport: str = "u1"
    port: int = field(default_factory=free_port)
    rtp_port: int = field(default_factory=free_rtp_port)
    address: str = "127.0.0.1"
    options: tuple[str, ...] = ()
    limit: float = 120.0
    door: Door | None = None
    _process: asyncio.subprocess.Process | None = None
    logs: ClassVar[Path | None] = None
    """Where each run gets a folder for its logs; the system's folder for temporary files if None."""

    def __post_init__(self) -> None:
        """Choose names that no other run has."""
        self._open = contextlib.ExitStack()
        self.unique = uuid.uuid4().hex[:12]
        self.folder = Path(tempfile.mkdtemp(prefix=f"{Path(self.scenario).stem}-", dir=self.logs))

    @property
    def call_id(self) -> str:
        """The Call-ID of the first call that this SIPp makes (not of one that it takes)."""
        return f"1-{self.unique}@{self.address}"

    async def __aenter__(self) -> Self:
        """Start SIPp; a server is returned when its socket is bound."""
        with (self.folder / "screen.log").open("wb") as screen:
            self._process = await asyncio.create_subprocess_exec(
                *self._command(),
                cwd=self.folder,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=screen,
                stderr=screen,
            )
        try:
            if self.remote is None:
                await eventually(self._listens, what=f"{self.scenario} listens on {self.port}")
            if self.door is not None:
                self._open.enter_context(self.door.open(self.port))
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End SIPp if it runs still."""
        self._open.close()
        await self.stop()

    async def finished(self) -> int:
        """Wait until SIPp ended by itself and return its exit code: 0 when each call went by the scenario."""
        assert self._process is not None
        try:
            return await asyncio.wait_for(self._process.wait(), self.limit)
        except TimeoutError:
            raise AssertionError(f"{self.scenario} did not end\n{self.report()}") from None

    async def succeeds(self) -> None:
        """Wait for the end and fail with the whole story unless all went by the scenario."""
        code = await self.finished()
        assert code == 0, f"{self.scenario} ended with {code}\n{self.report()}"

    async def stop(self) -> None:
        """End the process: first as SIPp likes it, then surely."""
        if self._process is None or self._process.returncode is not None:
            return
        for number in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._process.wait(), 10)
                return

    @property
    def running(self) -> bool:
        """Whether the process has not ended yet."""
        return self._process is not None and self._process.returncode is None

    def messages(self) -> list[SipMessage]:
        """All messages so far; the log is read anew each time."""
        return read_messages(self.folder / "messages.log")

    def sent(self, label: str) -> list[SipMessage]:
        """Messages that left this SIPp, by label (``INVITE``, ``200 INVITE``)."""
        return [message for message in self.messages() if message.sent and message.label == label]

    def received(self, label: str) -> list[SipMessage]:
        """Messages that reached this SIPp, by label, each once however often it was repeated."""
        return once(message for message in self.messages() if not message.sent and message.label == label)

    async def saw(self, label: str, count: int = 1, within: float = LONG) -> SipMessage:
        """Wait until ``count`` messages of that label arrived; return the last of them."""
        what = f"{self.scenario} got {label}"
        try:
            # Often: whoever was called speaks only once the test has seen the INVITE.
            await eventually(lambda: len(self.received(label)) >= count, within, what, 0.02)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.report()}") from None
        return self.received(label)[count - 1]

    def cue(self, method: str = "MESSAGE", body: str = "", **headers: str) -> None:
        """Let a scenario that waits for a cue go on: a datagram with the Call-ID that SIPp goes by.

        Args:
            method: which cue; the scenario's first comment says what each does.
            body: text that the scenario puts into its own message, where it takes one.
            headers: values of X- headers by what follows the X-, likewise.
        """
        call_id = self.call_id if self.remote else self.received("INVITE")[0].header("Call-ID")
        text = (
            f"{method} sip:cue@{self.address}:{self.port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{uuid.uuid4().hex}\r\n"
            f"From: <sip:test@127.0.0.1>\r\nTo: <sip:cue@127.0.0.1>\r\nCall-ID: {call_id}\r\n"
            + "".join(f"X-{name.title()}: {value}\r\n" for name, value in headers.items())
            + f"CSeq: 1 {method}\r\nMax-Forwards: 70\r\nContent-Length: {len(body.encode())}\r\n\r\n{body}"
        )
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            out.sendto(text.encode(), (self.address, self.port))

    def report(self) -> str:
        """Ladder, errors and last screen, for the text of a failed assertion."""
        arrows = [f"  {'-->' if message.sent else '<--'} {message.start_line}" for message in self.messages()]
        errors = self.folder / "errors.log"
        return "\n".join(
            (
                *arrows,
                errors.read_text(errors="replace")[-3000:] if errors.exists() else "",
                f"logs: {self.folder}",
            )
        )

    def _listens(self) -> bool:
        assert self._process is not None
        if self._process.returncode is not None:
            raise AssertionError((self.folder / "screen.log").read_text(errors="replace")[-2000:])
        return is_bound(self._process.pid, self.port, tcp=self.transport.startswith("t"))

    def _command(self) -> list[str]:
        keys = {"rtp_port": str(self.rtp_port), **self.keys}
        pairs = [part for key, value in keys.items() for part in ("-key", key, value)]
        ends = ["-m", str(self.calls)] if self.calls else []
        return [
            "sipp",
            *([f"127.0.0.1:{self.remote}"] if self.remote else []),
            *("-sf", str(SCENARIOS / self.scenario), "-i", self.address, "-bind_local", "-p", str(self.port)),
            *(
                "-t",
                self.transport,
                "-cid_str",
                f"%u-{self.unique}@{self.address}",
                *ends,
                "-d",
                str(self.talk),
            ),
            *("-cp", str(free_port()), "-nostdin", "-mi", self.address, "-timeout", f"{int(self.limit)}s"),
            *(
                "-timeout_error",
                "-trace_msg",
                "-message_file",
                "messages.log",
                "-trace_err",
                "-error_file",
                "errors.log",
            ),
            *("-trace_stat", "-stf", "statistics.csv", "-fd", "1", "-deadcall_wait", "0"),
            *pairs,
            *self.options,
        ]
