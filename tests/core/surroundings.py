# SPDX-License-Identifier: GPL-3.0-or-later
"""What surrounds a call: legs, timers, the record. It knows which events may come and what may be asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from agent.core import events as on
from agent.core.call import State
from agent.core.events import Action, Audio, Event, Side, Timer
from agent.core.frozen import NOTHING
from agent.core.moments import Moment
from agent.core.reasons import End, Reason
from agent.core.records import Handoff

HANDOFF = Handoff("h-1", "c-1", "acme", "care", "4711", 0.0, parameters=NOTHING, data=NOTHING)

PROMISES = {
    "close": "a call is closed once, and nothing comes after it",
    "told": "one terminal moment is confirmed per call at most, and asked for one at a time",
    "answer": "the caller is answered once at most, and only while its INVITE waits for an answer",
    "refuse": "the caller is refused once at most, never after an answer and never after a CANCEL",
    "agent": "the voice agent's leg is hung up only where there is one",
    "dial": "no one is dialled twice, two at a time, or for a caller who is gone",
    "caller": "the caller's leg is hung up only where it is up and answered",
    "audio": "the caller hears the voice agent or comfort audio from the answer to the end",
    "digits": "a digit is sent only between two legs that are up",
    "timers": "no timer outlives its call",
    "legs": "no leg outlives its call",
    "invite": "each INVITE gets its final answer, unless the caller takes it back",
    "cancel": "what waits to be signalled is taken back when the caller hangs up",
    "end": "a call's end is the moment that was told, or the caller's hanging up",
    "record": "a call is recorded once, before anything else",
}


class Broken(Exception):  # noqa: N818 - a promise is broken
    """A promise of `PROMISES` does not hold."""

    def __init__(self, promise: str, text: str) -> None:
        super().__init__(f"{PROMISES[promise]}: {text}")
        self.promise = promise


@dataclass(frozen=True)
class World:
    """What the surroundings of a call know of it.

    Attributes:
        agents: by attempt from 1: dialled, answered, left (hung up by us, its end is still to come), ended.
        tell: the terminal moment that is being made durable.
        confirmed: the terminal moment that is durable.
        waiting: moments whose signal may still be taken back or settle.
    """

    record: str = ""  # asked, done, failed
    invite: str = "open"  # open, answered, refused
    caller: str = "up"  # up, left (hung up by us), gone
    gave_up: bool = False  # gone by itself, before it was given back
    agents: tuple[str, ...] = ()
    timers: frozenset[Timer] = frozenset()
    audio: Audio = Audio.NOTHING
    tell: Moment | None = None
    confirmed: Moment | None = None
    waiting: frozenset[Moment] = frozenset()
    closed: End | None = None

    @property
    def agent(self) -> str:
        """The present voice agent's leg."""
        return self.agents[-1] if self.agents else ""

    # -- what may happen -----------------------------------------------------------------------------------

    def events(self, state: State) -> Iterator[Event]:
        """Every event that may come now."""
        yield from self._of_legs()
        if self.record == "asked":
            yield from (on.Recorded(), on.NotRecorded())
        if self.tell is not None:
            yield from (on.Told(sent=True), on.Told(sent=False), on.NotTold())
        yield from map(on.SignalSettled, sorted(self.waiting))
        yield from map(on.TimerFired, sorted(self.timers))
        if state is State.BRIDGED:  # `takes_handoff`, which the shell asks
            yield on.HandoffAsked(HANDOFF)
        yield on.EndAsked(Reason.OPERATOR)

    def _of_legs(self) -> Iterator[Event]:
        if self.agent == "dialled":
            yield from (on.AgentProgress(180), on.AgentProgress(183, media=True), on.AgentAnswered())
        if self.agent == "answered":
            yield on.DtmfReceived(Side.AGENT, "5")
        for attempt, leg in enumerate(self.agents, 1):
            if leg != "ended":
                yield on.LegEnded(Side.AGENT, 200 if leg == "answered" else 503, attempt)
        if self.caller != "gone":
            yield on.LegEnded(Side.CALLER, 200 if self.invite == "answered" else 487)
        if self.invite == "answered" and self.caller == "up":
            yield from (on.MediaLost(Side.CALLER), on.DtmfReceived(Side.CALLER, "5"))

    def after(self, event: Event, state: State) -> World:
        """The world once the event happened, before the call, which is in `state`, has acted on it."""
        match event:
            case on.Recorded():
                return replace(self, record="done", waiting=self.waiting | {Moment.ARRIVAL})
            case on.NotRecorded():
                return replace(self, record="failed")
            case on.AgentAnswered():
                return replace(self, agents=(*self.agents[:-1], "answered"))
            case on.LegEnded(side=Side.CALLER):
                # In RETURNING the BYE is the contact centre's: it takes the caller, and its script waits.
                left = self.caller == "up" and state is not State.RETURNING
                return replace(self, caller="gone", gave_up=left)
            case on.LegEnded(attempt=attempt):
                return replace(self, agents=(*self.agents[: attempt - 1], "ended", *self.agents[attempt:]))
            case on.Told(sent=sent):
                begun = {self.tell} if sent and self.tell else set()
                return replace(self, tell=None, confirmed=self.tell, waiting=self.waiting | begun)
            case on.NotTold():
                return replace(self, tell=None)
            case on.SignalSettled(moment=moment):
                return replace(self, waiting=self.waiting - {moment})
            case on.TimerFired(timer=timer):
                return replace(self, timers=self.timers - {timer})
        return self

    # -- what the call may ask -----------------------------------------------------------------------------

    def perform(self, action: Action) -> World:
        """The world once the action is carried out.

        Raises:
            Broken: the call may not ask that now.
        """
        _demand(self.closed is None, "close", f"{action} after Close")
        match action:
            case on.Record():
                _demand(not self.record, "record", "Record twice")
                return replace(self, record="asked")
            case on.Start(timer=timer):
                return replace(self, timers=self.timers | {timer})
            case on.Stop(timer=timer):
                return replace(self, timers=self.timers - {timer})
            case on.Play(audio=audio):
                _demand(self.caller == "up", "audio", "Play to a caller who is gone")
                return replace(self, audio=audio)
            case on.CancelSignals():
                return replace(self, waiting=frozenset())
            case on.Tell(moment=moment):
                _demand(self.tell is None, "told", "Tell while one is under way")
                _demand(self.confirmed is None, "told", f"Tell after {self.confirmed} was confirmed")
                _demand(moment.terminal, "told", f"Tell of {moment}")
                return replace(self, tell=moment)
            case on.Close(end=end):
                return self._closed(end)
        return self._signalled(action)

    def _signalled(self, action: Action) -> World:
        match action:
            case on.Dial(target=target, attempt=attempt):
                _demand(attempt == len(self.agents) + 1 == target + 1, "dial", f"{action} out of turn")
                _demand(self.agent in ("", "left", "ended"), "dial", "two voice agents at a time")
                _demand(self.caller == "up" and self.invite == "open", "dial", "there is no one to answer")
                return replace(self, agents=(*self.agents, "dialled"))
            case on.Relay():
                _demand(self.caller == "up" and self.invite == "open", "answer", "Relay to no INVITE")
            case on.AnswerCaller():
                _demand(self.caller == "up" and self.invite == "open", "answer", f"{self}")
                return replace(self, invite="answered")
            case on.RefuseCaller(reason=reason):
                _demand(self.caller == "up" and self.invite == "open", "refuse", f"{self}")
                _demand(400 <= reason.code <= 699, "refuse", f"{reason} has no code")
                return replace(self, invite="refused", caller="left")
            case on.HangUp(side=Side.CALLER):
                _demand(self.caller == "up" and self.invite == "answered", "caller", f"{self}")
                return replace(self, caller="left")
            case on.HangUp():
                _demand(self.agent in ("dialled", "answered"), "agent", f"it is {self.agent or 'not there'}")
                return replace(self, agents=(*self.agents[:-1], "left"))
            case on.SendDtmf(side=side):
                up = self.caller == "up" and self.invite == "answered" and self.agent == "answered"
                _demand(up, "digits", f"to {side}")
        return self

    def _closed(self, end: End) -> World:
        _demand(self.record in ("done", "failed"), "record", "Close before the record is settled")
        _demand(self.agent not in ("dialled", "answered"), "legs", "the voice agent's leg is left up")
        _demand(self.caller != "up", "legs", "the caller's leg is left up")
        _demand(self.invite != "open" or self.caller == "gone", "invite", "left without an answer")
        told = self.confirmed or self.tell
        _demand(end is End.CALLER or told is None or end.value == told.value, "end", f"{end} after {told}")
        _demand(end is not End.CALLER or self.caller == "gone", "end", "the caller did not hang up")
        _demand(end is not End.CALLER or not self.confirmed, "end", f"{self.confirmed} was confirmed")
        if self.gave_up:
            _demand(not self.waiting, "cancel", f"{set(self.waiting)} left to be sent")
            _demand(self.tell is None, "cancel", f"{self.tell} is made durable and sent all the same")
        return replace(self, closed=end)

    def at_rest(self) -> None:
        """What must hold whenever the call has nothing more to do.

        Raises:
            Broken: it does not.
        """
        if self.closed is not None:
            _demand(not self.timers, "timers", f"{set(self.timers)} left running")
            return
        if self.invite == "answered" and self.caller == "up":
            _demand(self.audio is not Audio.NOTHING, "audio", "the caller hears nothing")
            together = self.audio is not Audio.BRIDGED or self.agent == "answered"
            _demand(together, "audio", f"bridged to a voice agent that is {self.agent}")


def _demand(holds: bool, promise: str, text: str) -> None:  # noqa: FBT001 - it reads as a sentence
    if not holds:
        raise Broken(promise, text)
