# SPDX-License-Identifier: GPL-3.0-or-later
"""Relayed audio under a sanitizer: joins, parts, re-INVITEs, digits and ends at random, under load.

    .venv/bin/python -m tests.fuzz.relays [--flavour asan] [--calls 300] [--at-once 12] [--seed 1]

Each call has a caller and a voice agent that send RTP all the time, of either law of G.711 or of G.722 (which
is mixed). What happens in a call is drawn from the seed, and so is which legs are tapped. Exit code 1 after
a finding, which is printed: a fault that the sanitizer saw, a traceback, an end of the agent, a call that
failed or was left behind.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import socket
import struct
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.simulators.g711 import FRAME
from agent.simulators.messages import WireMessage, read
from tests.calls.harness.dialog import HandCaller
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import CARE, VOICE_AGENT
from tests.calls.harness.rtp import EVENT
from tests.calls.harness.sip_socket import SipSocket, audio_port
from tests.calls.harness.waiting import eventually
from tests.fuzz.rig import Finding, Rig

CODECS = {0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000"}
_DRAWN = (0, 0, 0, 8, 8, 9)  # mostly what is relayed
_FRAME_SECONDS = 0.02
_LONG = 60.0  # seconds for an answer: under ThreadSanitizer all takes ten times as long


def sdp(port: int, codec: int, direction: str = "sendrecv") -> str:
    """An offer or answer of one codec, with digits."""
    return (
        "v=0\r\no=soak 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {codec} {EVENT}\r\na=rtpmap:{codec} {CODECS[codec]}\r\n"
        f"a=rtpmap:{EVENT} telephone-event/8000\r\na={direction}\r\n"
    )


@dataclass(eq=False)
class Voice:
    """Audio of one end: a packet each time it is told to; what comes is thrown away."""

    codec: int
    target: int = 0
    silent: bool = False
    digits: int = 0
    socket: socket.socket = field(default_factory=lambda: socket.socket(type=socket.SOCK_DGRAM))
    _sent: int = 0

    def __post_init__(self) -> None:
        """Open a port."""
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)  # noqa: FBT003 - the socket's own signature

    @property
    def port(self) -> int:
        """Where it takes audio."""
        return int(self.socket.getsockname()[1])

    def speak(self) -> None:
        """Send the next packet, and empty the socket."""
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            while True:
                self.socket.recv(2048)
        if not self.target or self.silent:
            return
        body, kind = bytes([0xD5]) * FRAME, self.codec
        if self.digits:
            self.digits -= 1
            body, kind = struct.pack("!BBH", 5, 0x80 if self.digits < 3 else 0, FRAME), EVENT
        head = struct.pack("!BBHII", 0x80, kind, self._sent & 0xFFFF, self._sent * FRAME, self.port)
        self._sent += 1
        with contextlib.suppress(BlockingIOError, ConnectionRefusedError):
            self.socket.sendto(head + body, ("127.0.0.1", self.target))


class VoiceAgents:
    """All voice agents, behind one SIP socket."""

    def __init__(self, wire: SipSocket, chance: random.Random) -> None:
        self.wire = wire
        self.voices: dict[str, Voice] = {}
        self._invites: dict[str, WireMessage] = {}
        self._chance = chance
        wire.on_request = self._asked

    def _asked(self, data: bytes) -> None:
        asked = read(data)
        if asked.method == "ACK":
            return
        call_id = asked.first("Call-ID")
        if asked.method != "INVITE":
            self._answer(asked, "")
            if asked.method == "BYE":
                self._forget(call_id)
            return
        self._invites.setdefault(call_id, asked)
        voice = self.voices.setdefault(call_id, Voice(self._chance.choice(_DRAWN)))
        voice.target = audio_port(asked.body) if "m=audio" in asked.body else voice.target
        self._answer(asked, sdp(voice.port, voice.codec))

    def hang_up(self) -> None:
        """One of them does."""
        call_id = self._chance.choice(tuple(self._invites))
        invite = self._invites[call_id]
        lines = (
            f"BYE {invite.first('Contact').strip('<>')} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.wire.address}:{self.wire.port};branch=z9hG4bK{uuid.uuid4().hex};rport",
            f"From: {invite.first('To')};tag=soak",
            f"To: {invite.first('From')}",
            f"Call-ID: {call_id}",
            "CSeq: 1 BYE",
            "Max-Forwards: 70",
            "Content-Length: 0",
            "",
            "",
        )
        self.wire.send("\r\n".join(lines).encode())
        self._forget(call_id)

    def _forget(self, call_id: str) -> None:
        self._invites.pop(call_id, None)
        if voice := self.voices.pop(call_id, None):
            voice.socket.close()

    def _answer(self, asked: WireMessage, body: str) -> None:
        to = asked.first("To")
        lines = (
            "SIP/2.0 200 OK",
            *(f"{name}: {asked.first(name)}" for name in ("Via", "From", "Call-ID", "CSeq")),
            f"To: {to}" + ("" if "tag=" in to else ";tag=soak"),
            f"Contact: <sip:bot@{self.wire.address}:{self.wire.port}>",
            *(("Content-Type: application/sdp",) if body else ()),
            f"Content-Length: {len(body)}",
            "",
            body,
        )
        self.wire.send("\r\n".join(lines).encode())


class Soak:
    """Calls of one seed, and what became of them."""

    def __init__(self, house: House, agents: VoiceAgents, chance: random.Random) -> None:
        self.house = house
        self.done = 0
        self._agents = agents
        self._chance = chance
        self._phones: set[Voice] = set()

    async def speak(self) -> None:
        """Every end's packet each 20 ms, for ever."""
        due = time.monotonic()
        while True:
            for voice in (*self._phones, *self._agents.voices.values()):
                voice.speak()
            due = max(due + _FRAME_SECONDS, time.monotonic() - 0.2)
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def call(self) -> None:
        """One call from INVITE to BYE, with some changes on the way."""
        chance, voice = self._chance, Voice(self._chance.choice(_DRAWN[:-1]))
        self._phones.add(voice)
        try:
            async with SipSocket(self.house.plan.sip) as wire:
                uri = f"sip:{CARE}@127.0.0.1:{self.house.plan.sip}"
                caller = HandCaller(wire, uri, tuple(identity(new_contact()).split("\r\n")), voice.port)
                wire.on_request = caller.takes
                caller.invite(body=sdp(voice.port, voice.codec))
                await caller.answered("INVITE", 200, 480, 486, 500, 503, within=_LONG)
                if not caller.answers("INVITE", 200):
                    return
                voice.target = audio_port(caller.answers("INVITE", 200)[0].body)
                caller.in_dialog("ACK", 1)
                for number in range(2, 2 + chance.randrange(6)):
                    await asyncio.sleep(chance.random() * 0.4)
                    await self._change(caller, voice, number)
                caller.in_dialog("BYE", 20)
                await caller.answered("BYE", 200, 481, within=_LONG)
                self.done += 1
        finally:
            self._phones.discard(voice)
            voice.socket.close()

    async def _change(self, caller: HandCaller, voice: Voice, number: int) -> None:
        chance = self._chance
        what = chance.choice(("hold", "resume", "codec", "info", "digit", "silence", "end"))
        if what in ("hold", "resume", "codec"):
            if what == "codec":
                voice.codec = chance.choice((0, 8))
            direction = "sendrecv" if what != "hold" else chance.choice(("inactive", "sendonly", "recvonly"))
            answered = len(caller.answers("INVITE", 200))
            caller.in_dialog("INVITE", number, body=sdp(voice.port, voice.codec, direction))
            for _ in range(100):
                if len(caller.answers("INVITE", 200)) > answered:
                    caller.in_dialog("ACK", number)
                    return
                await asyncio.sleep(0.02)
        elif what == "info":
            body = "Signal=7\r\nDuration=200\r\n"
            caller.in_dialog("INFO", number, body=body, content_type="application/dtmf-relay")
        elif what == "digit":
            voice.digits = chance.randrange(4, 20)
        elif what == "silence":
            voice.silent = not voice.silent
        elif self._agents.voices:
            self._agents.hang_up()


@contextlib.asynccontextmanager
async def _spoken(soak: Soak) -> AsyncIterator[None]:
    speaking = asyncio.ensure_future(soak.speak())
    try:
        yield
    finally:
        speaking.cancel()
        await asyncio.gather(speaking, return_exceptions=True)


async def run(flavour: str, calls: int, at_once: int, seed: int) -> tuple[int, int]:
    """Carry them all.

    Returns:
        how many went through (the agent may refuse some), and how often two legs were joined.

    Raises:
        Finding: the agent did what it must not.
    """
    rig = Rig(Path(tempfile.mkdtemp(prefix="relays-")), flavour)
    rig.house.agent.within = (sys.executable, "-m", "tests.fuzz.tapped", str(seed))
    chance = random.Random(seed)  # noqa: S311 - repeatable
    places = asyncio.Semaphore(at_once)
    rig.cxone.start()
    try:
        rig.house.start()
        async with SipSocket(rig.house.plan.sip, VOICE_AGENT, rig.house.plan.first) as wire:
            soak = Soak(rig.house, VoiceAgents(wire, chance), chance)

            async def one() -> None:
                async with places:
                    rig.look()
                    await soak.call()

            async with _spoken(soak):
                results = await asyncio.gather(*(one() for _ in range(calls)), return_exceptions=True)
            await eventually(lambda: not rig.house.leftovers(), 60, "no call, leg or signal left")
            rig.look()
            wrong = next((result for result in results if isinstance(result, BaseException)), None)
            if wrong is not None:
                raise wrong if isinstance(wrong, Finding) else Finding(str(wrong), rig.house.agent.tail())
            joins = int(total(rig.house.metrics(), "handoff_media_paths_total", path="relay"))
        return soak.done, joins
    finally:
        rig.house.agent.kill()
        rig.cxone.process.kill()


def main() -> int:
    """Parse the options, run, tell."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--flavour", choices=("asan", "tsan"), default="asan")
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--at-once", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    try:
        done, joins = asyncio.run(run(options.flavour, options.calls, options.at_once, options.seed))
    except Finding as finding:
        sys.stdout.write(f"finding: {finding}\n{finding.report}\n")
        return 1
    sys.stdout.write(f"{done} of {options.calls} calls, {joins} joins (seed {options.seed}), nothing found\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
