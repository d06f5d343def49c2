# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a test call: dials a voice agent as a call would, listens, speaks, presses a digit, hangs up.

It has a SIP stack of its own, so it runs in a process of its own: the command ``test-call``, or a child
of the agent (``python -m agent.simulators.synthetic``, the order on standard input, the result on output).
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from agent.core.errors import AgentError, SipError
from agent.core.model import Agent, Media
from agent.core.node import READY
from agent.core.synthetic import Callee, Order, Result, doubts, faults
from agent.core.units import Listen, PortRange, bracketed, listen
from agent.core.uris import SipUri, sip_uri
from agent.names.names import Names
from agent.simulators.talk import Talk
from agent.sip import events as sip
from agent.sip.guard import Doors
from agent.sip.leg import Leg
from agent.sip.resolver import Hop, Resolver
from agent.sip.stack import Stack
from agent.telemetry import logs

SPEECH: Final = Path(__file__).with_name("test_call.wav")
_HOPS_LEFT: Final = 70
_PORTS: Final = range(10_000, 65_000)
_TRIES: Final = 200
_random: Final = random.SystemRandom()
_NOBODY: Final = "127.0.0.1/32"
"""Who may send us calls: the guard wants somebody. None is answered."""


class Caller:
    """One test call.

    Args:
        order: what it is to do.
        up: called once the call is up, with the Call-ID of its INVITE.
    """

    def __init__(self, order: Order, up: Callable[[str], None] | None = None) -> None:
        self._order = order
        self._up = up
        self._events: asyncio.Queue[sip.StackEvent] = asyncio.Queue()
        self._informed: list[str] = []
        self._tried: list[tuple[str, str]] = []

    async def call(self) -> Result:
        """Make the call.

        Raises:
            AgentError: it could not be made at all: no port, no speech.
        """
        order, node = self._order, self._order.node
        talk = Talk(order, Path(order.speech) if order.speech else SPEECH, self._informed)
        listening = _listening(node)
        settings = _settings(node, listening)
        stack = Stack(settings, self._trace, lambda _: None)
        async with Names(node["dns"]) as names:
            try:
                stack.start(self._events.put_nowait, Doors(_NOBODY, reject_unknown=True))
                stack.apply(READY)
                resolver = Resolver(names, listening)
                result = Result(order.project)
                for callee in order.callees:
                    found = await self._dial(stack, resolver, callee)
                    if found is not None:
                        leg, seconds = found
                        result = replace(result, answered_by=callee.uri, answered_after=round(seconds, 3))
                        if self._up is not None:
                            self._up(leg.sip_call_id)
                        result = await talk.hold(result, leg, self._next)
                        break
                result = replace(result, tried=tuple(self._tried))
                return replace(result, wrong=tuple(faults(result)), unclear=tuple(doubts(result)))
            finally:
                stack.close()

    # -- dialling --------------------------------------------------------------------------------------------

    async def _dial(self, stack: Stack, resolver: Resolver, callee: Callee) -> tuple[Leg, float] | None:
        """The leg that was answered and after how many seconds; None where it was not."""
        target = sip_uri(callee.uri)
        try:
            hops = await resolver.locate(target)
        except SipError as error:
            self._tried.append((callee.uri, str(error)))
            return None
        for hop in hops:
            answered = await self._invite(stack, target, hop, callee, hops)
            if answered is not None:
                return answered
        return None

    async def _invite(
        self, stack: Stack, target: SipUri, hop: Hop, callee: Callee, hops: tuple[Hop, ...]
    ) -> tuple[Leg, float] | None:
        loop, order = asyncio.get_running_loop(), self._order
        began = loop.time()
        try:
            leg = stack.dial(
                target,
                hop,
                order.headers,
                local_user="test-call",
                max_forwards=_HOPS_LEFT,
                others=hops,
                latch=callee.latch,  # type: ignore[arg-type] # it was one when the order was written
            )
        except SipError as error:
            self._tried.append((f"{callee.uri} at {hop}", str(error)))
            return None
        until, said = began + order.response_timeout, f"nothing within {order.response_timeout:g} s"
        while True:
            event = await self._next(leg, until)
            if isinstance(event, sip.Confirmed):
                self._tried.append((callee.uri, "answered"))
                return leg, loop.time() - began
            if isinstance(event, sip.Provisional):
                until, said = began + order.ring, f"rang, no answer within {order.ring:g} s"
            elif isinstance(event, sip.Ended) or event is None:
                said = said if event is None else f"{event.status} {event.text}"
                self._tried.append((callee.uri, said))
                leg.hang_up(at_once=True)
                return None

    async def _next(self, leg: Leg, until: float) -> sip.StackEvent | None:
        """The next event of a leg; None when there is none until then."""
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(until - loop.time()):
                while True:
                    event = await self._events.get()
                    if event.leg == leg.key:
                        return event
        return None

    def _trace(self, records: list[str]) -> None:
        """Keep what is said about INFO: records of the trace have the start line and CSeq's method."""
        for record in records:
            fields = record.split("\t")
            if any(field.endswith("INFO") or field.startswith("INFO ") for field in fields):
                self._informed += [one for one in fields if one.startswith(("INFO ", "SIP/2.0 "))]


def _listening(node: Mapping[str, Any]) -> tuple[Listen, ...]:
    """Free ports of the addresses that the node listens on, one for each transport, none of them RTP's."""
    kept = Media.model_validate(node["media"]).rtp_ports
    found: dict[tuple[str, str], Listen] = {}
    for text in node["listen"]:
        one = listen(text)
        key = (one.transport, one.host)
        if key not in found:
            found[key] = Listen(one.transport, one.host, _free_port(one, kept))
    return tuple(found.values())


def _free_port(one: Listen, kept: PortRange) -> int:
    family = socket.AF_INET6 if ":" in one.host else socket.AF_INET
    kind = socket.SOCK_DGRAM if one.transport == "udp" else socket.SOCK_STREAM
    ports = [port for port in _PORTS if not kept.low <= port <= kept.high]
    why = "media.rtp_ports takes all of them"
    for port in _random.sample(ports, min(_TRIES, len(ports))):
        with socket.socket(family, kind) as tried:
            try:
                tried.bind((one.host, port))
            except OSError as error:
                why = error.strerror or str(error)
            else:
                return port
    raise AgentError(f"no port is free on {one.host}: {why}")


def _settings(node: Mapping[str, Any], listening: tuple[Listen, ...]) -> Agent:
    return Agent.model_validate(
        {
            "node": "test-call",
            "sip": {
                "listen": [f"{one.transport}://{bracketed(one.host)}:{one.port}" for one in listening],
                "public_address": node["public_address"],
                "tls": node["tls"],
            },
            "media": node["media"],
            "limits": {"calls": 1},
        }
    )


def main() -> int:
    """Read an order, make the call, write the result. Returns the exit code: 0 made, 2 could not be made."""
    order = Order.from_json(sys.stdin.buffer.read())
    try:
        with logs.silent():
            result = asyncio.run(Caller(order).call())
    except AgentError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(result.to_json() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
