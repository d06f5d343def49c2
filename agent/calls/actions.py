# SPDX-License-Identifier: GPL-3.0-or-later
"""Carries out what the state machine of one call wants done."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from typing import Any

from agent.calls.asking import Asking
from agent.calls.clocks import Clocks
from agent.calls.dialling import Dialling
from agent.calls.invite import InviteTransaction
from agent.calls.media_watch import MediaWatch
from agent.calls.parts import Parts
from agent.calls.prompt_watch import PromptWatch
from agent.calls.storing import Storing
from agent.core import actions as do
from agent.core import events as on
from agent.core import story
from agent.core.actions import Action, Timer
from agent.core.links import back
from agent.core.methods import Method
from agent.core.model import Agent
from agent.core.reasons import End, Reason
from agent.core.sides import Side
from agent.sip.leg import Leg


class Actions:
    """The actions of one call, and the clocks and watches that they start.

    Args:
        parts: the call.
        agent: the node's settings, as the call began with them.
        asking: takes the voice agent's wish for a handoff.
        invite: the caller's.
        dialled: called with each leg that is dialled, and its side.
        run: starts a coroutine, and holds the call meanwhile.
        close: the call is over: how, and why.
    """

    def __init__(
        self,
        parts: Parts,
        agent: Agent,
        asking: Asking,
        invite: InviteTransaction,
        *,
        dialled: Callable[[Leg, Side], None],
        run: Callable[[Coroutine[Any, Any, None]], None],
        close: Callable[[End, Reason], None],
    ) -> None:
        project, timers = parts.brief.admitted.project, parts.services.timers
        self._call = parts
        self._asking = asking
        self._invite = invite
        self._run = run
        self._close = close
        self._storing = Storing(parts, asking)
        self._dialling = Dialling(parts, agent.media, asking, dialled, run)
        self._clocks = Clocks(agent.limits, project, back(self._fired), timers)
        legs, took, lost = parts.legs.legs, parts.contained.took, back(self._media_lost)
        self._watch = MediaWatch(agent.media.silence_timeout, legs, lost, took, timers)
        self._prompt = PromptWatch(project.handoff.finish_prompt, legs, back(self._prompt_finished), took)
        self._terminal_at = 0.0
        self._over = False

    def perform(self, actions: Iterable[Action]) -> None:
        """Carry out each action; what can't be done ends none of the others."""
        for action in actions:
            try:
                self._perform(action)
            except Exception as error:  # noqa: BLE001 - whatever a verb raises
                self._call.contained.took("action", error)
                self._call.note("decision", f"{type(action).__name__} failed: {error}")
                self._after_failure(action)

    def end(self) -> None:
        """Start nothing any more."""
        self._over = True
        self._watch.end()

    def stop_all(self) -> None:
        """Stop every clock."""
        self._clocks.stop_all()
        self._prompt.end()

    def _after_failure(self, action: Action) -> None:
        """What takes the place of an action that failed; a leg that can't be ended was given up by `Legs`."""
        match action:
            case do.Start():
                self._call.handle(on.TimerFired(action.timer))  # a clock that can't run has run out
            case _:
                self._call.handle(on.ActionFailed(action))

    def _perform(self, action: Action) -> None:  # noqa: C901, PLR0912 - one line for each action
        call = self._call
        match action:  # those that come most often first
            case do.Stop():
                self._clocks.stop(action.timer)
                if action.timer is Timer.PROMPT:
                    self._prompt.end()
            case do.Start():
                self._clocks.start(action.timer, action.seconds)
            case do.Play():
                call.legs.play(action.audio)
            case do.Relay():
                self._invite.ring(action.status, media=action.media)
            case do.HangUp():
                call.legs.hang_up(action.side)
            case do.CancelSignals():
                call.record.cancel(action.moment)
            case do.StopAll():
                self.stop_all()
            case do.Close():
                self._close(action.end, action.reason)
            case do.Record():
                self._run(self._storing.open())
            case do.Dial():
                call.legs.when_released(partial(self._dial, action))
            case do.AnswerCaller():
                self._answer()
            case do.Tell():
                self._terminal_at = time.monotonic()
                self._run(self._storing.tell(action))
            case do.Begin():
                call.record.begin_held()
            case do.AwaitSilence():
                self._prompt.begin()
            case do.RefuseCaller():
                self._refuse(action.reason)
            case do.SendDtmf():
                call.legs.send_dtmf(action.side, action.digit, action.milliseconds)
            case do.Report():
                self._asking.report(taken=action.taken)
            case do.Refer():
                call.legs.when_released(partial(self._refer, action.target))
            case do.Returned():
                self._returned(action.method)

    def _dial(self, action: do.Dial) -> None:
        if not self._over:  # the caller may have hung up while the voice agent was let go of
            self._dialling.dial(action)

    def _refer(self, target: int) -> None:
        if not self._over:  # as above
            self._dialling.refer(target)

    def _answer(self) -> None:
        call = self._call
        if self._invite.answer(call.brief.answer_headers()):
            call.record.save(call.machine.state, answered=time.time())
            self._watch.begin()

    def _refuse(self, reason: Reason) -> None:
        self._call.note("decision", f"{story.REFUSED} with {reason.code} {reason.text}")
        self._invite.refuse(reason)

    def _returned(self, method: Method) -> None:
        self._call.note("decision", f"{story.GIVEN_BACK}{method.value}")
        self._call.services.metrics.media_returned(method.value, time.monotonic() - self._terminal_at)

    # -- clocks and watches ------------------------------------------------------------------------------

    def _prompt_finished(self) -> None:
        self._call.note("audio", "the voice agent has fallen silent")
        self._call.handle(on.PromptFinished())

    def _fired(self, timer: Timer) -> None:
        self._call.note("decision", f"{story.TIMER}{timer.value} ran out")
        self._call.handle(on.TimerFired(timer))

    def _media_lost(self, side: Side) -> None:
        self._call.note("audio", f"{story.NO_RTP}the {side.value} any more")
        self._call.handle(on.MediaLost(side))
