# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell of one call: feeds its state machine and carries out what comes back."""

from __future__ import annotations

import secrets
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping

from agent.calls.asker import Asker, refuse
from agent.calls.clocks import Clocks
from agent.calls.destinations import Destinations
from agent.calls.invite import InviteTransaction
from agent.calls.legs import Legs
from agent.calls.media_watch import MediaWatch
from agent.calls.prompt_watch import PromptWatch
from agent.calls.record import DurableRecord
from agent.calls.services import Services
from agent.core import events as on
from agent.core import story
from agent.core.asking import Ask
from agent.core.brief import Brief
from agent.core.call import LASTING, Machine, State, whereabouts
from agent.core.errors import SipError, StorageError
from agent.core.events import Action, Event, Side, Timer
from agent.core.methods import Method, OnFailure
from agent.core.model import Snapshot, Target
from agent.core.reasons import End, Reason
from agent.core.records import CallRecord, Handoff, Way
from agent.sip.events import Ended
from agent.sip.leg import Leg
from agent.sip.players import Player
from agent.sip.resolver import Hop
from agent.telemetry.logs import of_call

_SERVER_INTERNAL_ERROR = 500


class LiveCall:
    """One call from admission to its end.

    Args:
        brief: the call's facts.
        snapshot: the configuration it started with, which it keeps.
        leg: the caller's leg.
        services: the rest of the agent.
        arrived: when the INVITE came, by the loop's clock.
        dialled: called with each leg that the call dials, and its side: its events belong to this call.
        closed: called once, when the call is over.
    """

    def __init__(
        self,
        brief: Brief,
        snapshot: Snapshot,
        leg: Leg,
        services: Services,
        *,
        arrived: float,
        dialled: Callable[[LiveCall, Leg, Side], None],
        closed: Callable[[LiveCall], None],
    ) -> None:
        self._brief = brief
        self._services = services
        self._dialled = dialled
        self._closed = closed
        self._project = brief.admitted.project
        self._destinations = Destinations(brief, services.targets_down())
        self._machine = Machine(brief.plan)
        self._record = DurableRecord(brief, services, leg.sip_call_id)
        self._legs = Legs(leg, self._comfort)
        self._invite = InviteTransaction(leg, self._project.project, services.metrics, arrived)
        self._clocks = Clocks(snapshot.agent.limits, self._project, self._fired)
        self._asker: Asker | None = None
        self._prompt: PromptWatch | None = None
        self._hops: tuple[Hop, ...] = ()  # of the target that is being dialled
        self._terminal_at = 0.0
        self._media = snapshot.agent.media
        leg.latch = self._media.latch_of(nat=brief.admitted.carrier.nat)
        self._events: deque[Event] = deque()
        self._acting = False
        self._over = False
        self._watch = MediaWatch(
            snapshot.agent.media.silence_timeout, self._legs.legs, self._media_lost, self._took
        )

    @property
    def record(self) -> CallRecord:
        """The call as it is stored."""
        return self._record.record

    @property
    def state(self) -> State:
        """Where the call stands."""
        return self._machine.state

    @property
    def end(self) -> End:
        """How the call ends, as things stand: by which terminal moment, or the caller's hanging up."""
        return End(self.record.end) if self.record.end else self._machine.end

    @property
    def handed_off(self) -> str:
        """Id of the handoff that is the call's terminal moment; empty where another one is, or none yet."""
        handoff = self._handoff if self.end is End.HANDOFF else None
        return handoff.handoff_id if handoff else ""

    @property
    def warnings(self) -> tuple[tuple[str, str], ...]:
        """What had to be cut of the handoff's p1..p9: the name, and what became of it."""
        return self._record.warnings

    @property
    def asking_headers(self) -> Mapping[str, str]:
        """Headers of the voice agent's BYE or REFER that ask for a handoff: field → name."""
        return self._project.handoff.headers

    def begin(self) -> None:
        """Start with the first actions."""
        with of_call(self.record.call_id, self.record.project):
            self._perform(self._machine.begin())

    def handle(self, event: Event) -> None:
        """Let the state machine take an event; raises nothing.

        One that comes of an action is taken when the actions beside it are through.
        """
        self._events.append(event)
        if self._acting:
            return
        self._acting = True
        try:
            with of_call(self.record.call_id, self.record.project):
                while self._events:
                    self._take(self._events.popleft())
        finally:
            self._acting = False

    def _take(self, event: Event) -> None:
        if self._over:
            return
        before = self._machine.state
        try:
            actions = self._machine.handle(event)
        except Exception as error:  # noqa: BLE001 - nobody must be left on the line by a mistake of ours
            self._took("machine", error)
            self._abandon()
            return
        self._perform(actions)
        if self._machine.state is not before:
            self._contain("news", lambda: self._services.ring(self.record.call_id, self.record.contact_id))
            if self._machine.state in LASTING:
                self._contain("record", lambda: self._record.save(self._machine.state))

    def side_of(self, leg: int) -> Side | None:
        """Which side the leg of this key is on now; None for one that was given up."""
        return self._legs.side_of(leg)

    def dialled_as(self, leg: int) -> Side:
        """Which side the leg of this key is on, or was on before it was given up."""
        return self._legs.dialled_as(leg)

    def answered(self, side: Side, *, audio: bool) -> None:
        """A leg that we dialled sent its 2xx, by which audio can flow or not."""
        if not audio:
            words = f"{story.NO_ANSWER}no audio can flow by the 200 of the {side.value}"
            self._contain("news", lambda: self.note("decision", words))
        self.handle(on.AgentAnswered(audio) if side is Side.AGENT else on.TargetAnswered(audio))

    def leg_ended(self, ended: Ended) -> None:
        """A leg is gone, the present one of its side or an earlier one."""
        side, attempt = self._legs.ended(ended.leg)
        if ended.lost:
            words = f"{story.LOST}{side.value}, {ended.status} {ended.text}".rstrip()
            self._contain("news", lambda: self.note("decision", words))
        self.handle(on.LegEnded(side, ended.status, attempt, ended.lost))

    # -- the handoff is asked for ----------------------------------------------------------------------------

    @property
    def longest_decision(self) -> float:
        """How long it may take, in seconds, until it is known who has the caller; 0 where that is certain."""
        settings = self._project.handoff
        if settings.on_signal_failure is not OnFailure.KEEP:
            return 0.0
        return settings.deadline + (settings.finish_prompt.at_most if settings.finish_prompt else 0.0) + 1.0

    async def hand_off(self, ask: Ask) -> Asker | None:
        """Let the voice agent hand the caller back (HTTP).

        Returns:
            Who waits for it, once handoff and signal are durable; None when a terminal moment came before.

        Raises:
            StorageError: they could not be made durable; the call goes on as it was.
        """
        asker = self._ask(ask, Way.HTTP)
        return asker if asker is not None and await asker.recorded() else None

    def asked(self, ask: Ask, way: Way, *, refer_to: str = "", subscription: int = 0) -> None:
        """The voice agent asks on its leg: by REFER, INFO or BYE."""
        self.note("decision", f"the voice agent asks for a handoff by {way.value.upper()}")
        asked = self._ask(ask, way, refer_to=refer_to, subscription=subscription)
        if asked is None:
            self.note("decision", f"no handoff any more: the call is {self.state.value}")
            if (leg := self._legs.legs.get(Side.AGENT)) is not None:
                refuse(leg, way, subscription, whereabouts(self.state))

    def _ask(self, ask: Ask, way: Way, *, refer_to: str = "", subscription: int = 0) -> Asker | None:
        if not self._machine.takes_handoff:
            return None
        handoff_id = f"h-{secrets.token_hex(8)}"
        handoff = self._brief.handoff(ask, way, handoff_id, time.time(), refer_to=refer_to)
        if refer_to and not handoff.target:
            self.note("decision", f"Refer-To {refer_to} is not dialled: the project's own target counts")
        asker = self._asker = Asker(handoff, self._legs.legs.get(Side.AGENT), subscription)
        self.handle(on.HandoffAsked(handoff))
        return asker

    def note(self, kind: str, text: str) -> None:
        """Add a line to the call's story."""
        self._record.note(kind, text)

    # -- actions -----------------------------------------------------------------------------------------

    def _perform(self, actions: Iterable[Action]) -> None:
        """Carry out each action; what can't be done ends none of the others."""
        for action in actions:
            try:
                self._perform_one(action)
            except Exception as error:  # noqa: BLE001 - whatever a verb raises
                self._took("action", error)
                self.note("decision", f"{type(action).__name__} failed: {error}")
                self._after_failure(action)

    def _after_failure(self, action: Action) -> None:
        """What takes the place of an action that failed; a leg that can't be ended was given up by `Legs`."""
        match action:
            case on.Start():
                self.handle(on.TimerFired(action.timer))  # a clock that can't run has run out
            case _:
                self.handle(on.ActionFailed(action))

    def _took(self, where: str, error: Exception) -> None:
        record = self.record
        self._services.contained.took(where, error, call_id=record.call_id, project=record.project)

    def _contain(self, where: str, work: Callable[[], object]) -> None:
        record = self.record
        self._services.contained.run(where, work, call_id=record.call_id, project=record.project)

    def _perform_one(self, action: Action) -> None:  # noqa: C901, PLR0912 - one line for each action
        match action:
            case on.Record():
                self._services.run(self._make_durable())
            case on.Tell():
                self._services.run(self._tell(action))
            case on.Begin():
                self._record.begin_held()
            case on.AwaitSilence():
                self._await_silence()
            case on.Dial():
                self._legs.when_released(lambda: self._services.run(self._dial(action)))
            case on.Relay():
                self._invite.ring(action.status, media=action.media)
            case on.AnswerCaller():
                self._answer()
            case on.RefuseCaller():
                self._refuse(action.reason)
            case on.HangUp():
                self._legs.hang_up(action.side)
            case on.Play():
                self._legs.play(action.audio)
            case on.SendDtmf():
                self._legs.send_dtmf(action.side, action.digit, action.milliseconds)
            case on.CancelSignals():
                self._record.cancel(action.moment)
            case on.Report():
                self._report(taken=action.taken)
            case on.Refer():
                self._legs.when_released(lambda: self._refer(action.target))
            case on.Returned():
                self._returned(action.method)
            case on.Start():
                self._clocks.start(action.timer, action.seconds)
            case on.Stop():
                self._stop(action.timer)
            case on.Close():
                self._close(action.end, action.reason)

    async def _make_durable(self) -> None:
        try:
            await self._record.open()
        except Exception as error:  # an internal error must not leave a caller in silence either
            self.note("decision", f"not recorded: {error}")
            self.handle(on.NotRecorded())
            self._record.close_unopened()
            if isinstance(error, StorageError):
                return
            raise
        self.handle(on.Recorded())

    async def _tell(self, action: on.Tell) -> None:
        self._terminal_at = time.monotonic()
        self.note("decision", f"{action.moment.value}: {action.reason.text}")
        asker = self._asker
        try:
            first, sent = await self._record.tell(action, lambda: self._machine.holds_signal)
        except Exception as error:  # as above
            self.note("decision", f"{action.moment.value} not recorded: {error}")
            if self._machine.owes_moment:
                self._record.tell_later()
            else:
                self._record.take_back()
            if asker is not None:
                asker.resolve(error)
            self.handle(on.NotTold())
            if self._machine.takes_handoff:
                self._asker = None  # it may ask again; else its target may still be one to go back to
            if not isinstance(error, StorageError):
                raise
        else:
            if asker is not None:
                asker.resolve(first)
            self.handle(on.Told(sent))
        finally:
            self._record.told()

    async def _dial(self, action: on.Dial) -> None:
        side, targets = action.side, self._destinations.of(action.side, self._handoff)
        target, headers = targets[action.target], self._destinations.headers(side, self._handoff)
        again = "" if not action.address else ", its next address"
        self.note("decision", f"dial {target.uri} ({action.target + 1} of {len(targets)}{again})")
        try:
            hop = await self._hop(action, target)
            if hop is None:
                return  # given up while its name was looked up
            leg = self._services.stack.dial(
                target.address,
                hop,
                headers,
                local_user=self._brief.caller_user,
                max_forwards=self._brief.hops_left,
                latch=self._media.latch_of(nat=target.nat),
            )
        except Exception as error:  # noqa: BLE001 - the next target is tried, whatever it is
            self._unreached(target.uri, error)
            self.handle(on.LegEnded(side, 503, action.attempt))
            return
        leg.takes_handoffs = side is Side.AGENT
        self._legs.add(side, leg, action.attempt)
        self._dialled(self, leg, side)

    async def _hop(self, action: on.Dial, target: Target) -> Hop | None:
        hops = self._hops if action.address else await self._services.locate(target)
        if not self._machine.wants(action.side, action.attempt):
            return None
        self._hops = hops
        if action.address:
            self._services.resolver.silent(hops[action.address - 1])
        else:
            self.handle(on.Located(action.side, action.attempt, len(hops)))
        hop = hops[action.address]
        if hop.address != target.address.host:
            self.note("decision", f"{target.address.host} is at {hop}")
        return hop

    def _refer(self, target: int) -> None:
        if self._over:
            return  # the caller hung up while the voice agent was let go of
        targets = self._destinations.of(Side.TARGET, self._handoff)
        uri = targets[target].uri
        self.note("decision", f"{story.REFERRED}{uri} ({target + 1} of {len(targets)})")
        try:
            self._legs.caller.refer(uri, self._destinations.headers(Side.TARGET, self._handoff))
        except Exception as error:  # noqa: BLE001 - as in `_dial`
            self._unreached(uri, error)
            self.handle(on.TransferProgress(_SERVER_INTERNAL_ERROR, final=True))

    def _unreached(self, uri: str, error: Exception) -> None:
        if not isinstance(error, SipError):
            self._took("action", error)
        self.note("decision", f"{uri}: {error}")

    @property
    def _handoff(self) -> Handoff | None:
        return self._asker.handoff if self._asker else None

    def _answer(self) -> None:
        if self._invite.answer(self._brief.answer_headers()):
            self._record.save(self._machine.state, answered=time.time())
            self._watch.begin()

    def _refuse(self, reason: Reason) -> None:
        self.note("decision", f"{story.REFUSED} with {reason.code} {reason.text}")
        self._invite.refuse(reason)

    def _report(self, *, taken: bool) -> None:
        if self._asker is None:
            return
        if not taken:
            self.note("decision", "the voice agent is told that it keeps the caller")
        self._asker.tell(taken=taken)

    def _returned(self, method: Method) -> None:
        self.note("decision", f"{story.GIVEN_BACK}{method.value}")
        self._services.metrics.media_returned(method.value, time.monotonic() - self._terminal_at)

    def _comfort(self) -> Player | None:
        choice = self._project.handoff.comfort_audio
        self.note("audio", f"the caller hears comfort audio ({choice})")
        try:
            return self._services.stack.comfort.player(choice)
        except Exception as error:  # noqa: BLE001 - silence is better than no way back
            self._took("comfort", error)
            self.note("audio", f"comfort audio is silent: {error}")
            return None

    def _await_silence(self) -> None:
        settings, agent = self._project.handoff.finish_prompt, self._legs.legs.get(Side.AGENT)
        if settings is not None and agent is not None:
            self._prompt = PromptWatch(agent, settings.silence, self._prompt_finished, self._took)

    # -- clocks and watches ------------------------------------------------------------------------------

    def _stop(self, timer: Timer) -> None:
        self._clocks.stop(timer)
        if timer is Timer.PROMPT and self._prompt is not None:
            self._prompt.end()
            self._prompt = None

    def _prompt_finished(self) -> None:
        self.note("audio", "the voice agent has fallen silent")
        self.handle(on.PromptFinished())

    def _fired(self, timer: Timer) -> None:
        self.note("decision", f"{story.TIMER}{timer.value} ran out")
        self.handle(on.TimerFired(timer))

    def _media_lost(self, side: Side) -> None:
        self.note("audio", f"{story.NO_RTP}the {side.value} any more")
        self.handle(on.MediaLost(side))

    # -- end ---------------------------------------------------------------------------------------------

    def _close(self, end: End, reason: Reason) -> None:
        self._over = True
        self._watch.end()
        # Where nothing else did: the caller gave up, or was lost.
        result = reason if reason is Reason.NO_PRACK else Reason.CANCELLED
        self._contain("action", lambda: self._invite.settle(result))
        if (asker := self._asker) is not None:
            self._contain("action", lambda: asker.tell(taken=False))  # where nobody did: the caller is gone
        ended = {"ended": time.time(), "end": end.value, "reason": reason.value}
        self._contain("record", lambda: self._record.save(State.ENDED, **ended))
        self.note("decision", f"over: {end.value}, {reason.text}")
        self._gone(end)

    def _abandon(self) -> None:
        """Let go of everybody. The call stays up on disk: the next process tells the script."""
        self._over = True
        self._watch.end()
        self._stop(Timer.PROMPT)
        for timer in Timer:
            self._clocks.stop(timer)
        self._contain("action", lambda: self._invite.give_up(Reason.INTERNAL))
        for side in tuple(self._legs.legs):
            self._contain("action", lambda side=side: self._legs.hang_up(side))  # type: ignore[misc]  # bound now
        self._gone(End.FAILED)

    def _gone(self, end: End) -> None:
        if self._record.opened:
            self._contain("record", lambda: self._services.metrics.call_ended(self.record.project, end.value))
        self._contain("action", lambda: self._closed(self))
