# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports each event of a call once: to its story, the log and the metrics."""

from __future__ import annotations

import time

from agent.core import story
from agent.core.admission import Admitted
from agent.core.moments import SignalState
from agent.core.node import NodeStatus
from agent.core.quality import in_words
from agent.core.records import CallRecord, Channel
from agent.core.refusals import Refusals, RefusedInvite
from agent.core.sides import Side
from agent.core.trace_context import Parent
from agent.delivery.courier import SignalEvent
from agent.sip.traffic import Traffic
from agent.telemetry.logs import call_facts, logger
from agent.telemetry.metrics import Metrics
from agent.telemetry.stories import Stories
from agent.telemetry.tracing import Tracing

_log = logger("switchboard")


class Chronicle:
    """Tells what happens to calls.

    Args:
        metrics: count it.
        stories: of calls.
        tracing: makes traces of calls; None: nobody wants any.

    Attributes:
        refusals: the newest INVITEs that were refused.
    """

    def __init__(self, metrics: Metrics, stories: Stories, tracing: Tracing | None = None) -> None:
        self._metrics = metrics
        self._stories = stories
        self._tracing = tracing
        self.refusals = Refusals()

    def bound(self, call_id: str, sip_call_id: str, side: Side) -> None:
        """A dialog belongs to a call: its SIP messages go into the call's story."""
        self._stories.bind(call_id, sip_call_id, side.value)

    def node(self, status: NodeStatus) -> None:
        """The node came into a state."""
        _log.info("node state", state=status.state.value, reason=status.reason)

    def admitted(self, call: CallRecord, verdict: Admitted) -> None:
        """An INVITE became a call."""
        rule = verdict.rule
        self._stories.about(call.call_id, call.project, call.number, call.contact_id)
        self.refusals.went_on(call.sip_call_id)
        self._note(
            call.call_id,
            "decision",
            f"{story.ADMITTED}carrier {verdict.carrier.name}, rule {rule.pattern} ({rule.file}:{rule.line}), "
            f"project {verdict.project.project}, contact {verdict.contact_id or 'unknown'}",
        )
        _log.info(
            "call admitted",
            call_id=call.call_id,
            sip_call_id=call.sip_call_id,
            contact_id=call.contact_id,
            carrier=call.carrier,
            project=call.project,
            number=call.number,
            rule=f"{rule.file}:{rule.line}",
        )

    def joins(self, call_id: str, parent: Parent) -> None:
        """A call is part of somebody else's trace."""
        self._note(call_id, "decision", f"the caller's trace goes on: {parent}")
        if self._tracing is not None and self._tracing.on:
            self._tracing.joins(call_id, parent)

    def refused(self, refused: RefusedInvite) -> None:
        """An INVITE was refused."""
        self._stories.about(refused.call_id, refused.project, refused.number)
        self._stories.over(refused.call_id)
        self._note(refused.call_id, "decision", f"{story.REFUSED}: {refused.detail}")
        self._metrics.invite_answered(refused.project, refused.reason)
        self.refusals.add(refused)
        _log.warning(
            "call refused",
            call_id=refused.call_id,
            sip_call_id=refused.sip_call_id,
            source=refused.source,
            number=refused.number,
            project=refused.project,
            code=refused.code,
            reason=refused.reason,
            detail=refused.detail,
        )

    def carried(self, call: CallRecord, *, relayed: bool, why: str) -> None:
        """A call's audio goes straight across from now on, or through the mixer, because of `why`."""
        self._metrics.audio_carried(call.project, "relay" if relayed else "mix")
        way = "audio is relayed" if relayed else "audio is mixed"
        self._note(call.call_id, "audio", f"{way}: {why}" if why else way)

    def leg_over(self, call: CallRecord | None, side: Side | None, traffic: Traffic) -> None:
        """A leg is gone; `call` and `side` are None for one of a call that is over already."""
        self._metrics.rtp_measured(traffic.received, traffic.lost, traffic.jitter, traffic.round_trip)
        if call is not None and side is not None:
            codec = f" ({traffic.codec})" if traffic.codec else ""
            self._note(call.call_id, "audio", f"{side.value}: {in_words(traffic)}{codec}")

    def over(self, call: CallRecord) -> None:
        """A call ended."""
        self._stories.over(call.call_id)
        if self._tracing is not None and self._tracing.on:
            self._tracing.over(call)
        _log.info(
            "call over",
            call_id=call.call_id,
            contact_id=call.contact_id,
            project=call.project,
            end=call.end,
            reason=call.reason,
            seconds=round((call.ended or time.time()) - call.began, 3),
        )

    def dropped(self, call_id: str) -> None:
        """Nothing more of a call is stored: too much waits for the storage."""
        self._metrics.moment_dropped()
        _log.error(
            "too much waits for the storage: the next process tells this call as failed",
            call_id=call_id,
            project=call_facts().get("project", ""),
        )

    def not_stored(self, call: CallRecord, error: Exception) -> None:
        """A call's new state could not be made durable."""
        _log.error(
            "call not updated",
            call_id=call.call_id,
            project=call.project,
            state=call.state,
            error=str(error),
        )

    def signal(self, event: SignalEvent) -> None:
        """A signal changed its state; the courier logs it itself."""
        signal = event.signal
        self._note(signal.call_id, signal.channel.value, _in_words(event))
        if self._tracing is not None and self._tracing.on:
            self._tracing.signal(signal)
        if signal.channel is not Channel.SIGNAL:
            self._posted(event)
            return
        seconds = time.time() - signal.recorded
        if signal.state is SignalState.SENDING and not signal.attempts:
            self._metrics.signal_started(signal.moment.value, seconds)
        if signal.state.final:
            self._metrics.signal_settled(signal.project, signal.moment.value, event.outcome, seconds)

    def _posted(self, event: SignalEvent) -> None:
        """A webhook or a transcript changed its state."""
        signal = event.signal
        if signal.state.final and signal.channel is Channel.WEBHOOK:
            self._metrics.webhook_settled(signal.project, event.outcome)
        elif signal.state.final:
            self._metrics.transcript_settled(signal.project, event.outcome)

    def _note(self, call_id: str, kind: str, text: str) -> None:
        self._stories.note(call_id, time.time(), kind, text)


def _in_words(event: SignalEvent) -> str:
    signal, attempt = event.signal, event.attempt
    line = signal.state.value
    if signal.channel is Channel.SIGNAL:
        line = f"{signal.moment.value} {line}"
    if attempt is None:
        return line
    status = f" {attempt.status}" if attempt.status else ""
    return f"{line}: {attempt.outcome}{status} {attempt.detail}".rstrip()
