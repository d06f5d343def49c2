# SPDX-License-Identifier: GPL-3.0-or-later
"""A small voice agent: answers SIP, speaks a WAV file, hears, and hands the caller back after a while.

Each thing it does is one JSON object a line on standard output.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Coroutine
from dataclasses import asdict
from pathlib import Path
from typing import Any

import aiohttp

from agent.core.errors import SipError
from agent.core.hosts import loopback
from agent.core.model import Agent
from agent.core.node import NodeState, NodeStatus
from agent.core.units import Address, bracketed
from agent.simulators.hearing import measure_file
from agent.sip import events as sip
from agent.sip.leg import Leg
from agent.sip.players import Player, Recording
from agent.sip.stack import Stack

_LOOKS_AT_FILE = 40
_LOOK_SECONDS = 0.05
_VOICE = Path("build/audio/voice-agent.wav")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which options the simulator takes."""
    add = parser.add_argument
    add("--listen", default="127.0.0.1:5070", metavar="HOST:PORT", help="where to take calls (UDP and TCP)")
    add("--rtp-ports", default="30000-31999", metavar="LOW-HIGH", help="UDP ports for RTP")
    add("--codecs", default="PCMU,PCMA", help="codecs, the preferred one first")
    add("--calls", type=int, default=200, help="the most calls at once")
    add("--speak", type=Path, metavar="WAV", help=f"what it says; {_VOICE} where that is there, else a tone")
    add("--record", type=Path, metavar="FOLDER", help="keep what it heard, one WAV file a call")
    add(
        "--hand-off-after", type=float, metavar="SECONDS", help="hand the caller back so long after answering"
    )
    add("--hang-up-after", type=float, metavar="SECONDS", help="hang up so long after answering")
    add("--api", default="http://127.0.0.1:8080", metavar="URL", help="the agent's handoff API")
    add("--api-key", default="demo-api-key", metavar="KEY", help="its key")
    add("--account", default="acme", help="account in the API's path")
    add("--project", default="acme-care", help="project in the API's path")
    add("--destination", default="CUSTOMER_CARE", help="handoff destination")
    add("--skill", default="4711", help="handoff skill")
    add("--reason", default="CALLER_ASKED", help="handoff reason")
    add("--allow-remote", action="store_true", help="listen on an address that other machines reach")


async def run(options: argparse.Namespace) -> int:
    """Take calls until SIGINT or SIGTERM. Returns the exit code."""
    host, _, port = options.listen.rpartition(":")
    host = host.strip("[]")
    if not options.allow_remote and not loopback(host):
        sys.stderr.write(f"{host} is reached by other machines: add --allow-remote if that is meant\n")
        return 2
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with tempfile.TemporaryDirectory(prefix="handoff-voice-agent-") as folder:
        async with aiohttp.ClientSession() as session:
            agent = VoiceAgent(options, Address(host, int(port)), options.record or Path(folder), session)
            try:
                agent.start()
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
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._call_ids: dict[int, str] = {}
        self._recordings: dict[int, Path] = {}
        self._stack = Stack(
            _settings(options, address), self._report, trace=lambda _: None, lag=lambda _: None
        )

    def start(self) -> None:
        """Take calls from loopback, or from anywhere when that was allowed."""
        everyone = "0.0.0.0/0 ::/0"
        sources = everyone if self._options.allow_remote else "127.0.0.0/8 ::1/128"
        self._stack.start(sources, reject_strangers=True)
        self._stack.apply(NodeStatus(NodeState.READY, "ready", None))
        said = self._options.speak or (_VOICE if _VOICE.exists() else None)
        self._speech = Player(said) if said else self._stack.comfort.player("tone")
        _say("listening", address=f"sip:{bracketed(self._address.host)}:{self._address.port}")

    async def stop(self) -> None:
        """Hang up what is up and end."""
        for timer in self._timers.values():
            timer.cancel()
        for task in self._tasks:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._speech is not None:
            self._speech.close()
        self._stack.close()

    def _report(self, event: sip.StackEvent) -> None:
        if isinstance(event, sip.RefusedByStack):
            _say("refused", status=event.status, reason=event.text)
            return
        leg = event.leg
        match event:
            case sip.IncomingCall():
                self._answer(leg, event)
            case sip.Confirmed():
                self._talk(leg)
            case sip.Digit():
                _say("digit", call_id=self._call_ids.get(leg.key, ""), digit=event.digit)
            case sip.Ended():
                self._over(leg, event)

    def _answer(self, leg: Leg, event: sip.IncomingCall) -> None:
        message = event.message
        self._call_ids[leg.key] = message.first("x-call-id")
        shown = {name: value for name, value in message.headers if name.startswith("x-")}
        _say("call", call_id=message.first("x-call-id"), headers=shown, source=event.source)
        leg.ring(180, media=False)
        leg.answer()

    def _talk(self, leg: Leg) -> None:
        call_id = self._call_ids[leg.key]
        _say("answered", call_id=call_id)
        leg.hear(self._speech)
        path = self._recordings[leg.key] = self._folder / f"{call_id or leg.key}.wav"
        leg.record(Recording(path))
        loop = asyncio.get_running_loop()
        if self._options.hand_off_after is not None:
            self._timers[leg.key] = loop.call_later(
                self._options.hand_off_after, self._start_hand_off, call_id
            )
        elif self._options.hang_up_after is not None:
            self._timers[leg.key] = loop.call_later(self._options.hang_up_after, leg.hang_up)

    def _start_hand_off(self, call_id: str) -> None:
        self._keep(self._hand_off(call_id))

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_off(self, call_id: str) -> None:
        options = self._options
        url = f"{options.api}/v1/{options.account}/{options.project}/handoffs"
        body = {
            "call_id": call_id,
            "destination": options.destination,
            "skill": options.skill,
            "reason": options.reason,
            "data": {"summary": "The caller asked for a human about a bill."},
        }
        try:
            async with self._session.post(url, json=body, headers={"x-api-key": options.api_key}) as answer:
                _say("handed_off", call_id=call_id, status=answer.status, answer=await answer.json())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            _say("handoff_failed", call_id=call_id, error=str(error))

    def _over(self, leg: Leg, event: sip.Ended) -> None:
        if timer := self._timers.pop(leg.key, None):
            timer.cancel()
        call_id = self._call_ids.pop(leg.key, "")
        self._keep(self._sum_up(call_id, event, self._recordings.pop(leg.key, None)))

    async def _sum_up(self, call_id: str, event: sip.Ended, path: Path | None) -> None:
        heard = {}
        if path is not None:
            await self._finished(path)
            heard = asdict(measure_file(path))
            if self._options.record is None:
                path.unlink(missing_ok=True)
        _say("over", call_id=call_id, status=event.status, rtp=asdict(event.leg.traffic), heard=heard)

    async def _finished(self, path: Path) -> None:
        """Wait until the media thread has closed the file: it writes the length last."""
        for _ in range(_LOOKS_AT_FILE):
            if measure_file(path).seconds:
                return
            await asyncio.sleep(_LOOK_SECONDS)


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


def _say(event: str, **facts: object) -> None:
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()
