# SPDX-License-Identifier: GPL-3.0-or-later
"""What surrounds a call: legs, timers, the record. It knows which events may come and what may be asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.core import actions as do
from agent.core import events as on
from agent.core.actions import Action, Audio, Timer
from agent.core.call import Machine, Plan, State
from agent.core.events import Event
from agent.core.frozen import NOTHING
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.records import Handoff
from agent.core.sides import Side

HANDOFF = Handoff("h-1", "c-1", "acme", "care", "4711", 0.0, parameters=NOTHING, data=NOTHING)
ELSEWHERE = replace(HANDOFF, target="sip:queue@cc.example")

PROMISES = {
    "close": "a call is closed once, and nothing comes after it",
    "told": "one terminal moment is confirmed per call at most, and asked for one at a time",
    "answer": "the caller is answered once at most, and only while its INVITE waits for an answer",
    "refuse": "the caller is refused once at most, never after an answer and never after a CANCEL",
    "agent": "the voice agent's leg is hung up only where there is one",
    "queue": "the leg to a target is hung up only where there is one",
    "dial": "no one is dialled twice, two at a time, or for a caller who is gone",
    "refer": "a REFER goes to a caller who is up and answered, without the voice agent, one at a time",
    "caller": "the caller's leg is hung up only where it is up and answered",
    "audio": "the caller hears voice agent, target or comfort audio from the answer to the end",
    "digits": "a digit is sent only between two legs that are up",
    "timers": "no timer outlives its call",
    "legs": "no leg outlives its call, and there are never three",
    "invite": "each INVITE gets its final answer, unless the caller takes it back",
    "cancel": "what waits to be signalled is taken back when the caller hangs up",
    "lost": "the script of a caller whose leg was lost is told, and nothing taken back from it",
    "withdrawn": "a signal that was taken back does not leave, even if it becomes durable later",
    "begin": "a signal that waits for the end of the prompt is begun once, and before the call is over",
    "release": "the voice agent goes only when the script is told, or could not be, or at the deadline",
    "report": "the voice agent is told once what became of its handoff: taken, or kept while it is there",
    "kept": "a caller is kept only by a voice agent that is there, and knows it",
    "returned": "a caller is given back once",
    "ended": "who was to be ended talks to nobody any more",
    "end": "a call's end is the moment that was told, or the caller's hanging up",
    "record": "a call is recorded once, before anything else",
    "unheard": "who could not be answered, or does not hear the other end, talks to nobody any more",
}
GIVEN_BACK = frozenset(
    {State.RETURNING, State.REFERRING, State.DIALLING_BACK, State.TRANSFERRED}
    | {State.STORING_REFERRING, State.STORING_RETURNING}
)
TALKING = frozenset(
    {State.BRIDGED, State.FINISHING, State.FINISHING_UNSIGNALLED, State.KEPT, State.STORING_KEPT}
    | {State.TRANSFERRED}
)
SPENT = frozenset({State.KEPT, State.STORING_KEPT})
"""The one terminal moment was told to nobody, and there is no other."""
UP = ("dialled", "answered")


class Broken(Exception):  # noqa: N818 - a promise is broken
    """A promise of `PROMISES` does not hold."""

    def __init__(self, promise: str, text: str) -> None:
        super().__init__(f"{PROMISES[promise]}: {text}")
        self.promise = promise


@dataclass(frozen=True, slots=True)
class Dialled:
    """The legs of one dialled side.

    Attributes:
        attempt: the present one's number; 0 before the first.
        target: which target it goes to, from 0.
        address: which of the target's addresses, from 0.
        addresses: how many that has; 0 until its name was looked up.
        leg: the present one: dialled, answered, gone. The end of one that is gone may still be reported.
    """

    attempt: int = 0
    leg: str = ""
    target: int = -1
    address: int = 0
    addresses: int = 0

    @property
    def up(self) -> bool:
        """Whether there is a leg that must be hung up."""
        return self.leg in UP

    def ends(self, side: Side) -> Iterator[on.LegEnded]:
        """The ends that may come; all earlier targets are alike."""
        for attempt in {1, self.attempt} if self.attempt else ():
            answered = attempt == self.attempt and self.leg == "answered"
            yield on.LegEnded(side, 200 if answered else 503, attempt)
            if answered:
                yield on.LegEnded(side, 408, attempt, lost=Reason.AGENT_LOST)
            elif self.addresses > 1 and attempt == self.attempt:
                yield on.LegEnded(side, 486, attempt)  # the others' kind goes on to the next address

    def located(self, side: Side) -> Iterator[on.Located]:
        """What the look-up of the target's name may give, which comes once; two addresses stand for many."""
        if self.leg == "dialled" and not self.addresses:
            yield on.Located(side, self.attempt, 2)

    def after_end(self, attempt: int) -> Dialled:
        """The side once the leg of this attempt ended."""
        return replace(self, leg="gone") if attempt == self.attempt else self

    def dialled(self, dial: do.Dial) -> Dialled:
        """The side with another leg: to the next address of the same target, or to the next target."""
        again = dial.target == self.target and dial.address == self.address + 1 < self.addresses
        _demand(again or (dial.target == self.target + 1 and not dial.address), "dial", "out of turn")
        _demand(dial.attempt == self.attempt + 1, "dial", "numbers are given once")
        known = self.addresses if again else 0
        return Dialled(dial.attempt, "dialled", dial.target, dial.address, known)


@dataclass(frozen=True, slots=True)
class World:
    """What the surroundings of a call know of it.

    Attributes:
        plan: what was planned for the call.
        arrivals: whether the project signals arrivals.
        names: whether the voice agent may name a target of its own.
        located: whether targets have host names with two addresses.
        gave_up: the caller is gone by itself, before it was given back.
        lost: its leg was lost while the script still waited to be told.
        back: how many targets there are to go back to.
        tell: the terminal moment that is being made durable.
        untold: it could not be.
        confirmed: the terminal moment that is durable.
        held: its signal waits until the voice agent has finished its prompt.
        waiting: moments whose signal is to be sent, or is on the wire.
        wire: those of them that were taken back, and may be on the wire all the same.
        withdrawn: what is being made durable was taken back already.
        report: what the voice agent was told of its handoff.
        referred: a REFER is out of which the outcome is not known.
        ended: somebody asked for the call's end.
        late: the record took too long, and the caller was refused: nobody else is told of such a call.
        fresh: what was just asked for and must not fail unnoticed.
        unheard: that failed.
    """

    plan: Plan
    arrivals: bool = True
    names: bool = True
    located: bool = False
    record: str = ""  # asked, done, failed
    invite: str = "open"  # open, answered, refused
    caller: str = "up"  # up, left (hung up by us), gone
    gave_up: bool = False
    lost: bool = False
    agent: Dialled = Dialled()
    queue: Dialled = Dialled()
    back: int = 0
    timers: frozenset[Timer] = frozenset()
    audio: Audio = Audio.NOTHING
    tell: Moment | None = None
    untold: bool = False
    confirmed: Moment | None = None
    held: bool = False
    waiting: frozenset[Moment] = frozenset()
    wire: frozenset[Moment] = frozenset()
    withdrawn: bool = False
    report: str = ""  # taken, kept
    referred: bool = False
    returned: bool = False
    ended: bool = False
    late: bool = False
    fresh: tuple[Action, ...] = ()
    unheard: bool = False
    closed: End | None = None

    @property
    def talks(self) -> bool:
        """Whether the caller is up and answered."""
        return self.caller == "up" and self.invite == "answered"

    # -- what may happen -----------------------------------------------------------------------------------

    def events(self, call: Machine) -> Iterator[Event]:
        """Every event that may come now."""
        yield from self._of_legs()
        if self.located:
            yield from (*self.agent.located(Side.AGENT), *self.queue.located(Side.TARGET))
        if self.record == "asked":
            yield from (on.Recorded(), on.NotRecorded())
        if self.tell is not None:
            yield from (on.Told(sent=True), on.Told(sent=False), on.NotTold())
        for moment in sorted(self.waiting | self.wire):
            yield from (on.SignalSettled(moment, accepted=True), on.SignalSettled(moment, accepted=False))
        yield from map(on.TimerFired, sorted(self.timers))
        if Timer.PROMPT in self.timers:
            yield on.PromptFinished()
        if call.takes_handoff:
            yield on.HandoffAsked(HANDOFF)
            if self.names:
                yield on.HandoffAsked(ELSEWHERE)
        yield on.EndAsked(Reason.OPERATOR)
        yield from map(on.ActionFailed, self.fresh)

    def _of_legs(self) -> Iterator[Event]:
        if self.agent.leg == "dialled":
            yield from (on.AgentProgress(100), on.AgentProgress(180), on.AgentProgress(183, media=True))
            yield from (on.AgentAnswered(), on.AgentAnswered(audio=False))
        if self.queue.leg == "dialled":
            yield from (on.TargetProgress(100), on.TargetProgress(180))
            yield from (on.TargetAnswered(), on.TargetAnswered(audio=False))
        yield from self.agent.ends(Side.AGENT)
        yield from self.queue.ends(Side.TARGET)
        if self.agent.attempt and self.agent.leg != "dialled":
            yield on.DtmfReceived(Side.AGENT, "5")  # also late, when it is gone
        if self.queue.leg == "answered":
            yield on.DtmfReceived(Side.TARGET, "5")
        if self.caller != "gone":
            yield on.LegEnded(Side.CALLER, 200 if self.invite == "answered" else 487)
        if self.talks:
            yield on.LegEnded(Side.CALLER, 408, lost=Reason.SESSION_EXPIRED)
        elif self.caller == "up" and self.agent.attempt:
            yield on.LegEnded(Side.CALLER, 504, lost=Reason.NO_PRACK)
        if self.talks:
            yield from (on.MediaLost(Side.CALLER), on.DtmfReceived(Side.CALLER, "5"))
        if self.referred and self.caller == "up":
            yield on.TransferProgress(202, final=False)
            yield from (on.TransferProgress(200, final=True), on.TransferProgress(603, final=True))
            yield on.TransferProgress(500, final=True, retry_after=5)

    def after(self, event: Event, call: Machine) -> World:
        """The world once the event happened, before the call has acted on it."""
        return replace(self._once(event, call), fresh=())

    def _once(self, event: Event, call: Machine) -> World:
        match event:
            case on.Recorded():
                arrival = {Moment.ARRIVAL} if self.arrivals else set()
                return replace(self, record="done", waiting=self.waiting | arrival)
            case on.NotRecorded():
                return replace(self, record="failed")
            case on.Located(side=side, addresses=addresses):
                return self._located(side, addresses)
            case on.AgentAnswered():
                return replace(self, agent=replace(self.agent, leg="answered"))
            case on.TargetAnswered():
                return replace(self, queue=replace(self.queue, leg="answered"))
            case on.LegEnded(side=Side.CALLER, lost=lost):
                # In these states the BYE is the contact centre's: it takes the caller, and its script waits.
                left = self.caller == "up" and call.state not in GIVEN_BACK
                waits = bool(lost) and left and call.state not in SPENT
                return replace(self, caller="gone", gave_up=left and not waits, lost=waits, referred=False)
            case on.LegEnded(side=Side.AGENT, attempt=attempt):
                return replace(self, agent=self.agent.after_end(attempt))
            case on.LegEnded(attempt=attempt):
                return replace(self, queue=self.queue.after_end(attempt))
            case on.TransferProgress(final=final):
                return replace(self, referred=not final)
        return self._after_word(event, call)

    def _located(self, side: Side, addresses: int) -> World:
        if side is Side.AGENT:
            return replace(self, agent=replace(self.agent, addresses=addresses))
        return replace(self, queue=replace(self.queue, addresses=addresses))

    def _after_word(self, event: Event, call: Machine) -> World:
        match event:
            case on.TimerFired(timer=timer):
                late = self.late or timer is Timer.RECORD
                return replace(self, timers=self.timers - {timer}, late=late)
            case on.EndAsked():
                return replace(self, ended=True)
            case on.HandoffAsked(handoff=handoff):
                return replace(self, back=self.plan.back + bool(handoff.target), report="", untold=False)
            case on.Told(sent=sent):
                held = sent and call.holds_signal
                begun = {self.tell} if sent and self.tell and not held else set()
                told = replace(self, tell=None, confirmed=self.tell, held=held)
                return replace(told, waiting=self.waiting | begun)
            case on.NotTold():
                return replace(self, tell=None, untold=True, withdrawn=False)
            case on.SignalSettled(moment=moment):
                return replace(self, waiting=self.waiting - {moment}, wire=self.wire - {moment})
            case on.ActionFailed(action=do.AnswerCaller()):
                return replace(self, invite="open", unheard=True)
            case on.ActionFailed():
                return replace(self, unheard=True)
        return self

    # -- what the call may ask -----------------------------------------------------------------------------

    def perform(self, action: Action, cause: Event | None = None) -> World:
        """The world once the action is carried out that the call asks for because of an event.

        Raises:
            Broken: the call may not ask that now.
        """
        _demand(self.closed is None, "close", "something after Close")
        match action:
            case do.Start(timer=timer):
                return replace(self, timers=self.timers | {timer})
            case do.Stop() | do.StopAll():
                stopped = {action.timer} if isinstance(action, do.Stop) else self.timers
                return replace(self, timers=self.timers - stopped) if stopped & self.timers else self
            case do.Record():
                _demand(not self.record, "record", "Record twice")
                return replace(self, record="asked")
            case do.Play(audio=audio):
                _demand(self.caller == "up", "audio", "Play to a caller who is gone")
                across = self.talks and audio in (Audio.BRIDGED, Audio.TRANSFERRED)
                return replace(self, audio=audio, fresh=(*self.fresh, action) if across else self.fresh)
            case do.Returned():
                _demand(self.talks and not self.agent.up, "returned", "there is nobody to give back")
                _demand(not self.returned, "returned", "twice")
                return replace(self, returned=True)
            case do.Close(end=end):
                return self._closed(end)
            case do.Tell() | do.Begin() | do.AwaitSilence() | do.CancelSignals() | do.Report():
                return self._told(action)
            case do.HangUp(side=side):
                return self._hung_up(side, cause)
            case do.SendDtmf(side=side):
                return self._sent_digit(side, cause)
        return self._signalled(action)

    def _told(self, action: Action) -> World:
        match action:
            case do.Tell(moment=moment):
                _demand(self.tell is None, "told", "Tell while one is under way")
                _demand(self.confirmed is None, "told", "Tell once one was confirmed")
                _demand(moment.terminal, "told", "Tell of the arrival")
                return replace(self, tell=moment)
            case do.AwaitSilence():
                listens = self.agent.leg == "answered" and Timer.PROMPT in self.timers
                _demand(listens and self.talks, "begin", "there is nobody to listen to, or no end of it")
            case do.Begin():
                _demand(self.held, "begin", "nothing waits for it")
                return replace(self, held=False, waiting=self.waiting | {Moment.HANDOFF})
            case do.CancelSignals(moment=moment):
                taken = self.waiting if moment is None else self.waiting & {moment}
                _demand(not self.held, "begin", "what was never begun can't be taken back")
                withdrawn = self.withdrawn or (self.tell is not None and moment in (None, self.tell))
                world = replace(self, waiting=self.waiting - taken, wire=self.wire | taken)
                return replace(world, withdrawn=withdrawn)
            case do.Report(taken=taken_back):
                there = self.agent.leg == "answered"
                _demand(
                    taken_back or (there and not self.report), "report", "it is not there, or knows already"
                )
                _demand(self.report != "taken", "report", "twice")
                return replace(self, report="taken" if taken_back else "kept")
        return self

    def _hung_up(self, side: Side, cause: Event | None) -> World:
        match side:
            case Side.CALLER:
                _demand(self.talks, "caller", "it is not up and answered")
                return replace(self, caller="left", referred=False)
            case Side.TARGET:
                _demand(self.queue.up, "queue", self.queue.leg)
                return replace(self, queue=replace(self.queue, leg="gone"))
        _demand(self.agent.up, "agent", self.agent.leg)
        untold = (self.tell and not self.withdrawn) or self.held or self.confirmed in self.waiting
        at_once = isinstance(cause, on.EndAsked) or cause == on.TimerFired(Timer.DEADLINE)
        _demand(not (untold and self.talks) or at_once, "release", "it is hung up too early")
        return replace(self, agent=replace(self.agent, leg="gone"))

    def _sent_digit(self, side: Side, cause: Event | None) -> World:
        across = Side.TARGET if self.audio is Audio.TRANSFERRED else Side.AGENT
        leg = self.queue if across is Side.TARGET else self.agent
        _demand(self.talks and leg.leg == "answered", "digits", "one of them is not up")
        came_from = cause.side if isinstance(cause, on.DtmfReceived) else None
        _demand({came_from, side} == {across, Side.CALLER}, "digits", "from or to one who does not take part")
        return self

    def _signalled(self, action: Action) -> World:
        waits = self.caller == "up" and self.invite == "open"
        match action:
            case do.Dial(side=Side.AGENT, target=target):
                _demand(target < self.plan.targets, "dial", "there is no such target")
                _demand(not self.agent.up, "dial", "two voice agents at a time")
                _demand(waits, "dial", "there is no one to answer")
                return replace(self, agent=self.agent.dialled(action))
            case do.Dial(target=target):
                _demand(target < self.back, "dial", "there is no such target")
                _demand(not self.queue.up and not self.agent.up, "dial", "a third leg")
                _demand(self.talks, "dial", "there is no one to answer")
                return replace(self, queue=self.queue.dialled(action))
            case do.Refer(target=target):
                _demand(target < self.back, "refer", "there is no such target")
                _demand(
                    self.talks and not self.agent.up and not self.referred,
                    "refer",
                    "nobody to refer, or one is out",
                )
                return replace(self, referred=True)
            case do.Relay():
                _demand(waits, "answer", "Relay to no INVITE")
            case do.AnswerCaller():
                _demand(waits, "answer", "there is no INVITE to answer")
                return replace(self, invite="answered", fresh=(*self.fresh, action))
            case do.RefuseCaller(reason=reason):
                _demand(waits, "refuse", "there is no INVITE to refuse")
                _demand(400 <= reason.code <= 699, "refuse", "the reason has no code")
                return replace(self, invite="refused", caller="left")
        return self

    def _closed(self, end: End) -> World:
        _demand(self.record in ("done", "failed"), "record", "Close before the record is settled")
        _demand(self.invite != "open" or self.caller == "gone", "invite", "left without an answer")
        _demand(not self.agent.up, "legs", "the voice agent's leg is left up")
        _demand(not self.queue.up, "legs", "the target's leg is left up")
        _demand(self.caller != "up", "legs", "the caller's leg is left up")
        told = self.confirmed or self.tell
        _demand(
            end is End.CALLER or told is None or end.value == told.value, "end", "another one than was told"
        )
        known = told or self.untold or self.record == "failed" or self.late
        _demand(end is End.CALLER or bool(known), "end", "nobody was told")
        _demand(end is not End.CALLER or self.caller == "gone", "end", "the caller did not hang up")
        _demand(end is not End.CALLER or not self.confirmed, "end", "a moment was confirmed")
        _demand(not self.held, "begin", "it waits for ever")
        _demand(not (self.withdrawn and self.tell), "withdrawn", "it becomes durable and is sent")
        if self.lost:
            _demand(bool(self.confirmed or self.untold), "lost", "nobody told it")
            _demand(self.confirmed not in self.wire, "lost", "taken back")
        if self.gave_up:
            _demand(not self.waiting, "cancel", "left to be sent")
            _demand(self.tell is None, "cancel", "made durable and sent all the same")
        return replace(self, closed=end)

    def at_rest(self, call: Machine) -> None:
        """What must hold whenever the call has nothing more to do.

        Raises:
            Broken: it does not.
        """
        _demand(not (self.withdrawn and self.confirmed in self.waiting), "withdrawn", "it is sent")
        if self.closed is not None:
            _demand(not self.timers, "timers", "left running")
            return
        if self.talks:
            _demand(self.audio is not Audio.NOTHING, "audio", "the caller hears nothing")
            heard = {Audio.BRIDGED: self.agent, Audio.TRANSFERRED: self.queue}.get(self.audio)
            _demand(heard is None or heard.leg == "answered", "audio", "nobody is there")
            unheard = heard is None and "answered" in (self.agent.leg, self.queue.leg)
            _demand(not unheard, "audio", "somebody is there, and not heard")
        _demand(not (self.agent.up and self.queue.up), "legs", "a third leg")
        _demand(not self.ended or call.state not in TALKING, "ended", call.state)
        _demand(not self.unheard or call.state not in TALKING, "unheard", call.state)
        if call.state in (State.KEPT, State.STORING_KEPT):
            knows = self.agent.leg == "answered" and self.report == "kept"
            _demand(knows and self.talks, "kept", "it is not there, or does not know")
        if call.state in GIVEN_BACK and call.terminal is Moment.HANDOFF:
            _demand(self.report == "taken", "report", "nobody told it")


def _demand(holds: bool, promise: str, text: str) -> None:  # noqa: FBT001 - it reads as a sentence
    if not holds:
        raise Broken(promise, text)
