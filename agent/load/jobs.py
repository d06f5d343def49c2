# SPDX-License-Identifier: GPL-3.0-or-later
"""What each SIPp of a run does: callers, a flood beside them, the voice agent."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from agent.load.plan import Plan
from agent.load.ports import Ports
from agent.load.sipp import CONTROL_ADDRESS, SCENARIOS, Job
from agent.load.targets import Target, source_towards
from agent.simulators.g711 import RATE, encode

GRACE_SECONDS: Final = 40.0
"""A call that hangs is given up by SIPp itself after its last retransmission (32 s, RFC 3261 section 17)."""
SPEECH: Final = "speech.wav"
"""What the scenario of a caller with audio streams, in the folder of its SIPp."""
_DIGITS: Final = 8
_TONE: Final = (19, 7)  # samples of a period: nothing that a silence detector takes for silence


@dataclass(frozen=True, slots=True)
class Route:
    """Whom the calls are for.

    Attributes:
        target: where they are sent.
        number: what they dial; `nobody` is a number in no map, for a flood.
        token: the connector token, perhaps empty.
        answers_at: where SIPp is the voice agent; None where another one answers.
        scenario: the caller's, instead of the profile's.
    """

    target: Target
    number: str
    token: str = field(default="", repr=False)
    nobody: str = "0000000000"
    answers_at: tuple[str, int] | None = None
    scenario: Path | None = None


class Jobs:
    """Makes the jobs of one run after another, each with ports and contact ids of its own.

    Args:
        route: whom the calls are for.

    Raises:
        AgentError: there is no way to the target.
    """

    def __init__(self, route: Route) -> None:
        self._route = route
        self._source = source_towards(route.target)
        self._ports, self._control = Ports(self._source), Ports(CONTROL_ADDRESS)
        self._prefix = str(int(time.time()) % 10**_DIGITS).zfill(_DIGITS)

    def callers(self, plan: Plan, number: int) -> Job:
        """The callers of a run, which has this number."""
        scenario = self._route.scenario or SCENARIOS / plan.profile.scenario
        job = self._calling("callers", scenario, plan, self._route.number, f"{number:02}")
        if not plan.profile.media or self._route.scenario is not None:
            return job  # a scenario of the user's own brings its audio with it
        options = ("-mp", str(self._ports.several(2 * plan.at_once + 4).low))
        return replace(job, options=options, streams=True)

    def flood(self, plan: Plan, number: int) -> Job | None:
        """Those who call a number that nobody has, where the profile has any."""
        if not plan.profile.flood:
            return None
        rate = plan.profile.flood
        flood = plan.at(rate, plan.length)
        room = max(plan.at_once, round(rate * 2))
        scenario = SCENARIOS / "caller_refused.xml"
        job = self._calling("flood", scenario, flood, self._route.nobody, f"{number:02}")
        return replace(job, at_once=room, hold=0.0)

    def voice_agent(self, plan: Plan) -> Job | None:
        """The voice agent, where SIPp plays it."""
        if self._route.answers_at is None:
            return None
        address, port = self._route.answers_at
        ports = Ports(address)
        media = plan.profile.media
        return Job(
            name="voice-agent",
            scenario=SCENARIOS / plan.profile.voice_agent,
            address=address,
            port=port,
            control=self._control.one(),
            hold=plan.hold if "hands_off" in plan.profile.voice_agent else 0.0,
            keys=(("rtp_port", "9"),),
            options=("-rtp_echo", "-mp", str(ports.several(4).low)) if media else (),
        )

    def _calling(self, name: str, scenario: Path, plan: Plan, number: str, run: str) -> Job:
        return Job(
            name=name,
            scenario=scenario,
            address=self._source,
            port=self._ports.one(),
            control=self._control.one(),
            target=self._route.target,
            rate=plan.ramp.at(0.0) or 0.001,
            calls=plan.calls,
            at_once=plan.at_once,
            hold=plan.hold,
            keys=(("number", number), ("contact_prefix", f"{self._prefix}{run}"), ("rtp_port", "9")),
            secrets=(("token", self._route.token),),
            seconds=plan.length + plan.hold + 2 * GRACE_SECONDS,
        )


def tone() -> bytes:
    """Two seconds of u-law audio that no silence detector takes for silence."""
    first, second = _TONE
    samples = array(
        "h", (6000 * (1 if n % first < first // 2 else -1) + 2000 * (n % second - 3) for n in range(2 * RATE))
    )
    return encode(samples)
