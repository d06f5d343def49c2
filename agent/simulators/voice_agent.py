# SPDX-License-Identifier: GPL-3.0-or-later
"""A small voice agent: answers SIP, speaks a WAV file, hears, and hands the caller back after a while.

Each thing it does is one JSON object a line on standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import aiohttp
from pydantic import ValidationError

from agent.core.errors import SipError
from agent.core.hosts import loopback
from agent.core.model import Agent
from agent.core.node import NodeState, NodeStatus
from agent.core.units import Address, bracketed
from agent.simulators import asking
from agent.simulators.arguments import one_of, seconds
from agent.simulators.conversation import Conversation, say
from agent.simulators.hearing import measure_file
from agent.simulators.manners import TOLD, Manner
from agent.sip import events as sip
from agent.sip.guard import Doors
from agent.sip.players import Player
from agent.sip.stack import Stack

_VOICE = Path("build/audio/voice-agent.wav")
_TONE_SECONDS = 4.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which options the simulator takes."""
    add = parser.add_argument
    add("--listen", default="127.0.0.1:5070", metavar="HOST:PORT", help="where to take calls (UDP and TCP)")
    add("--rtp-ports", default="30000-31999", metavar="LOW-HIGH", help="UDP ports for RTP")
    add("--codecs", default="PCMU,PCMA", help="codecs, the preferred one first")
    add("--calls", type=int, default=200, help="the most calls at once")
    add("--speak", type=Path, metavar="WAV", help=f"what it says; {_VOICE} where that is there, else a tone")
    add(
        "--manner",
        type=one_of(Manner),
        default=Manner.TALKS,
        metavar="MANNER",
        help="how it behaves: "
        + "; ".join(f"{manner}: {told}" for manner, told in TOLD.items())
        + " (default talks)",
    )
    add("--record", type=Path, metavar="FOLDER", help="keep what it heard, one WAV file a call")
    add(
        "--ring-for",
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="ring so long before answering (default 0)",
    )
    add("--hang-up-after", type=seconds, metavar="SECONDS", help="hang up so long after answering")
    add("--allow-remote", action="store_true", help="listen on an address that other machines reach")
    asking.add_arguments(parser)


async def run(options: argparse.Namespace) -> int:
    """Take calls until SIGINT or SIGTERM. Returns the exit code."""
    host, _, port = options.listen.rpartition(":")
    host = host.strip("[]")
    if not host or not (port.isascii() and port.isdigit()):
        sys.stderr.write(f"{options.listen!r} is not HOST:PORT, such as 127.0.0.1:5070\n")
        return 2
    if not options.allow_remote and not loopback(host):
        sys.stderr.write(f"{host} can be reached by other machines: use --allow-remote to allow that\n")
        return 2
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="handoff-voice-agent-") as folder:
        async with aiohttp.ClientSession() as session:
            try:
                agent = VoiceAgent(options, Address(host, int(port)), options.record or Path(folder), session)
                agent.start()
            except ValidationError as error:
                sys.stderr.write(f"{error.errors()[0]['msg'].removeprefix('Value error, ')}\n")
                return 2
            except SipError as error:
                sys.stderr.write(f"{error}\n")
                return 2
            await stop.wait()
            await agent.stop()
    return 0


class VoiceAgent:
    """The simulator: one stack, any number of calls."""

    def __init__(
        self, options: argparse.Namespace, address: Address, folder: Path, session: aiohttp.ClientSession
    ) -> None:
        self._options = options
        self._address = address
        self._folder = folder
        self._session = session
        self._speech: Player | None = None
        self._seconds = _TONE_SECONDS
        self._conversations: dict[int, Conversation] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stack = Stack(_settings(options, address), trace=lambda _: None, lag=lambda _: None)

    def start(self) -> None:
        """Take calls from loopback, or from anywhere when that was allowed."""
        everyone = "0.0.0.0/0 ::/0"
        sources = everyone if self._options.allow_remote else "127.0.0.0/8 ::1/128"
        self._stack.start(self._report, Doors(sources, reject_unknown=True))
        self._stack.apply(NodeStatus(NodeState.READY, "ready", None))
        said = self._options.speak or (_VOICE if _VOICE.exists() else None)
        self._stack.comfort.prepare(["tone"])
        self._speech = Player(said) if said else self._stack.comfort.player("tone")
        self._seconds = measure_file(said).seconds if said else _TONE_SECONDS
        say("listening", address=f"sip:{bracketed(self._address.host)}:{self._address.port}")

    async def stop(self) -> None:
        """Hang up what is up and end."""
        for conversation in self._conversations.values():
            conversation.end()
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._speech is not None:
            self._speech.close()
        self._stack.close()

    def _report(self, event: sip.StackEvent) -> None:
        if isinstance(event, sip.RefusedByStack):
            say("refused", status=event.status, reason=event.text)
            return
        if isinstance(event, sip.IncomingCall):
            self._take(event)
            return
        conversation = self._conversations.get(event.leg)
        if conversation is None:
            return
        match event:
            case sip.Confirmed():
                conversation.talk()
            case sip.Digit():
                say("digit", call_id=conversation.call_id, digit=event.digit)
            case sip.TransferProgress():
                conversation.heard_of_transfer(event)
            case sip.Informed():
                conversation.informed(event.body)
            case sip.Ended():
                del self._conversations[event.leg]
                self._keep(conversation.over(event))

    def _take(self, event: sip.IncomingCall) -> None:
        message = event.message
        call_id = message.first("x-call-id")
        shown = {name: value for name, value in message.headers if name.startswith("x-")}
        say("call", call_id=call_id, headers=shown, source=event.source)
        conversation = self._conversations[event.leg] = Conversation(
            self._stack.leg(event.leg),
            call_id,
            self._options,
            speech=self._speech,
            seconds=self._seconds,
            folder=self._folder,
            session=self._session,
        )
        conversation.begin()

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _settings(options: argparse.Namespace, address: Address) -> Agent:
    where = f"{bracketed(address.host)}:{address.port}"
    return Agent.model_validate(
        {
            "node": "voice-agent",
            "sip": {"listen": [f"udp://{where}", f"tcp://{where}"]},
            "media": {"rtp_ports": options.rtp_ports, "codecs": options.codecs.split(",")},
            "limits": {"calls": options.calls},
        }
    )
