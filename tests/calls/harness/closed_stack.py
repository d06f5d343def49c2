# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks everything of a stack that has ended, and of the legs that were up. A program: pjsip starts once.

Usage: closed_stack.py PORT TLS_PORT RTP_PORTS CERTIFICATE KEY WAV

It calls itself, ends the stack with both legs of that call up and a third one not answered yet, and prints a
line for each thing that it asks then: what was asked, and what came of it.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

from agent.core.errors import AgentError
from agent.core.model import Agent
from agent.core.node import NodeState, NodeStatus
from agent.core.uris import sip_uri
from agent.sip import events as on
from agent.sip import guard
from agent.sip.leg import Leg
from agent.sip.players import Recording
from agent.sip.resolver import Hop
from agent.sip.stack import Stack

HOST = "127.0.0.1"
READY = NodeStatus(NodeState.READY, "ready", None)


class Calls:
    """A stack that calls itself.

    Attributes:
        came: the legs that came in, in order.
        confirmed: the legs whose dialog is up.
        changed: set at each event.
        probed: set once the probe's time is over.
    """

    def __init__(self, arguments: list[str]) -> None:
        port, tls_port, rtp_ports, certificate, key, wav = arguments
        self.port, self.wav = int(port), Path(wav)
        settings = Agent.model_validate(
            {
                "node": "closed",
                "sip": {
                    "listen": [f"udp://{HOST}:{port}", f"tls://{HOST}:{tls_port}"],
                    "tls": {"certificate": certificate, "private_key": key},
                },
                "media": {"rtp_ports": rtp_ports},
                "limits": {"calls": 4},
            }
        )
        self.stack = Stack(settings, trace=lambda _: None, lag=lambda _: None)
        self.doors = guard.Doors(f"{HOST}/32", reject_unknown=True)
        self.came: list[Leg] = []
        self.confirmed: set[int] = set()
        self.changed, self.probed = asyncio.Event(), asyncio.Event()

    def report(self, event: on.StackEvent) -> None:
        """Note what comes."""
        if isinstance(event, on.IncomingCall):
            self.came.append(self.stack.leg(event.leg))
        elif isinstance(event, on.Confirmed):
            self.confirmed.add(event.leg)
        self.changed.set()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it."""
        async with asyncio.timeout(60):
            while not condition():
                self.changed.clear()
                await self.changed.wait()

    def dial(self) -> Leg:
        """Call ourselves."""
        target, hop = sip_uri(f"sip:self@{HOST}:{self.port}"), Hop("udp", HOST, self.port)
        return self.stack.dial(target, hop, (), local_user="self", max_forwards=70)

    def probe(self) -> None:
        """Ask ourselves for a sign of life."""
        target, hop = sip_uri(f"sip:self@{HOST}:{self.port}"), Hop("udp", HOST, self.port)
        self.stack.probe(target, hop, 0.0, lambda _: self.probed.set())


async def main(arguments: list[str]) -> None:
    """Call, close, ask."""
    calls = Calls(arguments)
    stack = calls.stack
    stack.start(calls.report, calls.doors)
    stack.apply(READY)
    stack.comfort.prepare(["tone"])
    tone = stack.comfort.player("tone")
    dialled = calls.dial()
    await calls.until(lambda: len(calls.came) == 1)
    (answered,) = calls.came
    answered.answer()
    await calls.until(lambda: {dialled.key, answered.key} <= calls.confirmed)
    answered.hear(tone)
    calls.dial()
    await calls.until(lambda: len(calls.came) == 2)
    ringing = calls.came[1]
    calls.probe()
    stack.close()
    _ask("close", stack.close)
    for name, verb in _of_stack(calls).items():
        _ask(name, verb)
    for whose, leg in {"dialled": dialled, "answered": answered, "ringing": ringing}.items():
        for name, verb in _of_leg(leg, dialled if leg is answered else answered, calls.wav).items():
            _ask(f"{name} of the leg that was {whose}", verb)
    await calls.probed.wait()  # later than whatever the verbs have put off to the loop's next turn


def _of_stack(calls: Calls) -> dict[str, Callable[[], object]]:
    stack = calls.stack
    return {
        "dial": calls.dial,
        "probe": calls.probe,
        "apply": lambda: stack.apply(READY),
        "let_in": lambda: stack.let_in(calls.doors),
        "renew_certificates": stack.renew_certificates,
        "comfort": lambda: stack.comfort.prepare(["tone", str(calls.wav)]),
        "legs_alive": lambda: stack.legs_alive,
        "native_calls": stack.native_calls,
        "invites_refused": guard.invites_refused,
        "names_refused": guard.names_refused,
    }


def _of_leg(leg: Leg, other: Leg, wav: Path) -> dict[str, Callable[[], object]]:
    return {
        "hang_up": lambda: leg.hang_up([("X-Why", "late")]),
        "hang_up at once": lambda: leg.hang_up(at_once=True),
        "refuse": lambda: leg.refuse(486, "Busy Here"),
        "notify": lambda: leg.notify(1, 200),
        "notified": leg.notified,
        "inform": lambda: leg.inform("{}"),
        "send_dtmf": lambda: leg.send_dtmf("5", 100),
        "refer": lambda: leg.refer(f"sip:queue@{HOST}", ()),
        "heeds": lambda: leg.heeds([HOST]),
        "ring": lambda: leg.ring(180, media=False),
        "ring with media": lambda: leg.ring(183, media=True),
        "answer": leg.answer,
        "hear": lambda: leg.hear(other),
        "hear nothing": lambda: leg.hear(None),
        "record": lambda: leg.record(Recording(wav.with_name("late.wav"))),
        "measure": leg.measure,
        "level": lambda: leg.level,
        "give_up": leg.give_up,
        "when_left": lambda: leg.when_left(lambda: None),
        "dispose": leg.dispose,
    }


def _ask(name: str, verb: Callable[[], object]) -> None:
    print(f"{name}:", end=" ", flush=True)  # noqa: T201 - a crash leaves its name behind
    try:
        outcome = verb()
    except AgentError as error:
        print(f"refused: {error}", flush=True)  # noqa: T201 - this is its answer
    except Exception as error:  # noqa: BLE001 - which is what is looked for
        print(f"BROKE: {error!r}", flush=True)  # noqa: T201 - the same
    else:
        print(f"fine: {outcome!r}", flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
