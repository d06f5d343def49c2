# SPDX-License-Identifier: GPL-3.0-or-later
"""A SIP stack without SIP: it notes what the shell asks of it, fails when told to, and plays the far ends.

The fakes are the real classes with every verb overridden, so mypy holds them to the real signatures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import cast

from agent.core.digits import USUAL
from agent.core.headers import Message
from agent.core.leg_ends import lost_caller
from agent.core.model import Latch
from agent.core.node import NodeStatus
from agent.core.reasons import Reason
from agent.core.uris import SipUri
from agent.sip import events as on
from agent.sip.audio import LegAudio
from agent.sip.leg import Leg
from agent.sip.leg_state import LegState
from agent.sip.players import Comfort, Player, Recording
from agent.sip.resolver import Hop
from agent.sip.stack import Stack
from agent.sip.traffic import Traffic

_OK = 200


class Verbs:
    """What was asked of the stack, in order, and which of it fails.

    Attributes:
        trail: the verbs, such as ``caller.answer``.
        plan: what the n-th call of a verb does: raise this, or have no effect and say so.
    """

    def __init__(self) -> None:
        self.trail: list[str] = []
        self.plan: dict[tuple[str, int], Exception | None] = {}

    def called(self, verb: str) -> bool:
        """A verb is called; False when it is to have no effect, and to say so."""
        self.trail.append(verb)
        place = verb, self.trail.count(verb)
        if place not in self.plan:
            return True
        planned = self.plan[place]
        if planned is not None:
            raise planned
        return False


class FakeLeg(Leg):
    """A leg whose far end the test plays.

    Attributes:
        role: whose it is: caller, agent or target.
        got: what its far end got from us, in short.
        heard: what its far end hears.
        silent: whether its far end brings no RTP.
        loud: how loud its far end is.
        leaving: whether it was ended, from either side.
        in_vain: the status that ends it where an answer of ours has no effect.
        traffic: all its RTP, as it is told with its end.
    """

    def __init__(self, verbs: Verbs, emit: Callable[[on.LegEvent], None], role: str, call_id: str) -> None:
        LegState.__init__(self, lambda _: cast("LegAudio", None))
        self._verbs = verbs
        self._emit = emit
        self.role = role
        self.sip_call_id = call_id
        self.got: list[str] = []
        self.heard: Leg | Player | None = None
        self.tapped = 0
        self.silent = False
        self.loud = 0
        self.leaving = False
        self.hop: Hop | None = None  # where it was dialled
        self.codec = ""  # which was offered first
        self.heeded: tuple[str, ...] = ()  # from where its far end may speak besides
        self.in_vain = 487
        self.traffic = Traffic()
        self._received = 0

    def __repr__(self) -> str:
        return f"<{self.role}'s leg>"

    @property
    def up(self) -> bool:
        """Whether neither side has ended it."""
        return self.alive and not self.leaving

    # -- verbs ---------------------------------------------------------------------------------------------

    def dial(
        self, account: int, uri: str, headers: Iterable[tuple[str, str]], *, local_uri: str, max_forwards: int
    ) -> int:
        """Note it."""
        self._called("dial")
        self.got.append(_words(f"INVITE {uri} from {local_uri} hops {max_forwards}", headers))
        return account

    def heeds(self, addresses: Iterable[str]) -> None:
        """Note it."""
        self.heeded = tuple(addresses)

    def ring(self, status: int, *, media: bool) -> None:
        """Note it."""
        self._called("ring")
        self.got.append(f"{status}{' with media' if media else ''}")

    def answer(self, headers: Iterable[tuple[str, str]] = ()) -> bool:
        """Note it; the ACK follows, or else the CANCEL that was quicker, or the stack's own end."""
        if not self._called("answer") or not self.up:
            lost = lost_caller(self.in_vain, "", answered=False, confirmed=False)
            self.ends(self.in_vain, lost=lost)
            return False
        self.got.append(_words("200", headers))
        self.answered = True
        self._emit(on.Confirmed(self.key))
        return True

    def refuse(self, status: int, text: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        """Note it; the end follows."""
        self._called("refuse")
        self.got.append(_words(f"{status} {text}", headers))
        self.ends(status)

    def hang_up(self, headers: Iterable[tuple[str, str]] = (), *, at_once: bool = False) -> None:
        """Note it; the end follows."""
        _ = at_once
        self._called("hang_up")
        if self.up:
            self.got.append(_words("BYE" if self.answered else "CANCEL", headers))
            self.ends(_OK if self.answered else 487)

    def when_left(self, then: Callable[[], None]) -> None:
        """At once: no BYE waits here."""
        _ = self
        then()

    def give_up(self) -> None:
        """Note it; the end follows."""
        self._called("give_up")
        self.ends(503)

    def refer(self, uri: str, headers: Iterable[tuple[str, str]]) -> None:
        """Note it."""
        self._called("refer")
        self.got.append(_words(f"REFER {uri}", headers))

    def notify(self, subscription: int, status: int) -> None:
        """Note it."""
        self._called("notify")
        self.got.append(f"NOTIFY {status} of {subscription}")

    def notified(self) -> None:
        """Nothing waits for it here."""

    def inform(self, body: str) -> None:
        """Note it."""
        self._called("inform")
        self.got.append(f"INFO {body}")

    def send_dtmf(self, digit: str, milliseconds: int) -> None:
        """Note it."""
        self._called("send_dtmf")
        self.got.append(f"digit {digit}{f' for {milliseconds} ms' if milliseconds != USUAL else ''}")

    def hear(self, source: Leg | Player | None) -> None:
        """Note it."""
        self._called("hear")
        self.heard = source

    def tap(self, number: int) -> None:
        """Note it."""
        self._called("tap")
        self.tapped = number

    def record(self, recording: Recording) -> None:
        """Nobody in the shell of calls records."""
        raise NotImplementedError

    def dispose(self) -> None:
        """It is over."""
        self.alive = False

    @property
    def level(self) -> int:
        """As loud as the test says."""
        return self.loud

    def measure(self) -> Traffic:
        """A packet more each time, unless its far end is silent."""
        self._called("measure")
        self._received += not self.silent
        return Traffic(received=self._received, heard=self._received)

    # -- its far end ---------------------------------------------------------------------------------------

    def ends(self, status: int, bye: Message | None = None, lost: Reason | None = None) -> None:
        """It is over: the stack tells so."""
        if self.up:
            self.leaving = True
            self._emit(on.Ended(self.key, status, "", bye, self.traffic, lost=lost))

    def rings(self, status: int = 180, *, media: bool = False) -> None:
        """Its far end answers provisionally."""
        if self.up and not self.answered:
            self._emit(on.Provisional(self.key, status, media))

    def picks_up(self, *, audio: bool = True) -> None:
        """Its far end answers."""
        if self.up and not self.answered:
            self.answered = True
            self._emit(on.Confirmed(self.key, audio))

    def _called(self, verb: str) -> bool:
        return self._verbs.called(f"{self.role}.{verb}")


class FakePlayer(Player):
    """Comfort audio that nobody plays."""

    def __init__(self, choice: str) -> None:
        self.choice = choice
        self.slot, self.generation = 1, 0


class FakeComfort(Comfort):
    """Gives comfort audio."""

    def __init__(self, verbs: Verbs) -> None:
        super().__init__(lambda _, __: None)
        self._verbs = verbs

    def prepare(self, choices: Iterable[str]) -> None:
        """Nothing is to be made."""

    def player(self, choice: str) -> Player | None:
        """A player, but for silence."""
        self._verbs.called("comfort.player")
        return None if choice == "silence" else FakePlayer(choice)


class FakeStack(Stack):
    """Gives legs; the test brings INVITEs and plays all far ends.

    Attributes:
        report: takes what the stack reports.
        applied: the node's states that the guard was told.
        all: every leg there was, in order.
    """

    def __init__(self) -> None:
        self.verbs = Verbs()
        self.comfort = FakeComfort(self.verbs)
        self.report: Callable[[on.StackEvent], None] = lambda _: None
        self.applied: list[NodeStatus] = []
        self.all: list[FakeLeg] = []
        self._up: dict[int, FakeLeg] = {}

    def apply(self, status: NodeStatus) -> None:
        """Note it."""
        self.verbs.called("stack.apply")
        self.applied.append(status)

    def dial(
        self,
        target: SipUri,
        hop: Hop,
        headers: Iterable[tuple[str, str]],
        *,
        local_user: str,
        max_forwards: int,
        latch: Latch = "strict",
        others: Iterable[Hop] = (),
        codec: str = "",
    ) -> Leg:
        """A new leg: to the voice agent, unless the URI is that of a queue."""
        leg = self._new("target" if target.user.startswith("queue") else "agent")
        leg.hop, leg.latch, leg.codec = hop, latch, codec
        try:
            leg.dial(0, target.text, headers, local_uri=local_user, max_forwards=max_forwards)
            leg.heeds(other.address for other in others)
        except Exception:
            self._over(leg)
            raise
        return leg

    def leg(self, key: int) -> Leg:
        """As the real one: there until its end was reported."""
        return self._up[key]

    @property
    def legs_alive(self) -> int:
        """Legs whose end was not reported."""
        return len(self._up)

    def emit(self, event: on.StackEvent) -> None:
        """Report it in the loop's next turn, as the real one does."""
        asyncio.get_running_loop().call_soon(self._hand_over, event)

    def invite(self, source: str, message: Message) -> FakeLeg:
        """A caller comes."""
        leg = self._new("caller")
        self.emit(on.IncomingCall(leg.key, source, message))
        return leg

    def of(self, role: str) -> FakeLeg | None:
        """The newest leg of this role."""
        return next((leg for leg in reversed(self.all) if leg.role == role), None)

    def _new(self, role: str) -> FakeLeg:
        leg = FakeLeg(self.verbs, self.emit, role, f"sip-{len(self.all) + 1}")
        self.all.append(leg)
        self._up[leg.key] = leg
        return leg

    def _over(self, leg: FakeLeg) -> None:
        leg.leaving = True
        leg.dispose()
        self._up.pop(leg.key, None)

    def _hand_over(self, event: on.StackEvent) -> None:
        if not isinstance(event, on.RefusedByStack):
            leg = self._up.get(event.leg)
            if leg is None:
                return
            if isinstance(event, on.Ended):
                self._over(leg)
            elif isinstance(event, on.Confirmed):
                leg.confirmed = True
        self.report(event)


def _words(start: str, headers: Iterable[tuple[str, str]]) -> str:
    return ", ".join([start, *(f"{name}: {value}" for name, value in headers)])
