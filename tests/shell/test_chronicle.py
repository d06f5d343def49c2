# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told of signals, webhooks and transcripts: each in its own metrics and words."""

from __future__ import annotations

import json
import time

import pytest

from agent.calls.chronicle import Chronicle
from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, Channel, Signal
from agent.core.sides import Side
from agent.delivery.courier import SignalEvent
from agent.telemetry.metrics import Metrics
from agent.telemetry.stories import Stories
from tests.core.examples import record

SECRET = "what the caller said"


def told(
    channel: Channel, state: SignalState, attempt: Attempt | None = None
) -> tuple[str, list[tuple[str, str]]]:
    """The metrics and the call's story after one event."""
    metrics, stories = Metrics(), Stories()
    stories.bind("c-1", "sip-1", Side.CALLER.value)
    ids = ("s-1", "c-1", "acme", "acme-care", "4711")
    now = time.time()
    signal = Signal(
        *(*ids, Moment.HANDOFF, {"body": SECRET}, now, now + 60, state),
        attempts=() if attempt is None else (attempt,),
        channel=channel,
    )
    Chronicle(metrics, stories).signal(SignalEvent(signal, attempt))
    story = stories.story("c-1")
    assert story is not None
    assert SECRET not in str(story)
    return metrics.render()[0].decode(), [(entry.kind, entry.text) for entry in story]


@pytest.mark.parametrize(
    ("channel", "line"),
    [
        (Channel.WEBHOOK, 'handoff_webhooks_total{project="acme-care",outcome="bad_request"} 1.0'),
        (Channel.TRANSCRIPT, 'handoff_transcripts_total{project="acme-care",outcome="bad_request"} 1.0'),
    ],
)
def test_the_end_of_a_webhook_or_a_transcript_is_not_counted_as_a_signal_s(
    channel: Channel, line: str
) -> None:
    refused = Attempt(1.0, 2.0, "bad_request", 404, "HTTP 404")
    metrics, story = told(channel, SignalState.REFUSED, refused)
    assert line in metrics
    assert "handoff_signals_total{" not in metrics
    assert story == [(channel.value, "refused: bad_request 404 HTTP 404")]


@pytest.mark.parametrize("channel", [Channel.WEBHOOK, Channel.TRANSCRIPT])
def test_its_beginning_is_no_signal_s_start(channel: Channel) -> None:
    metrics, story = told(channel, SignalState.SENDING)
    assert "handoff_signal_start_seconds_count{" not in metrics
    assert story == [(channel.value, "sending")]


def test_a_signal_is_told_with_its_moment() -> None:
    metrics, story = told(Channel.SIGNAL, SignalState.ACCEPTED, Attempt(1.0, 2.0, "accepted", 202))
    assert 'handoff_signals_total{project="acme-care",moment="handoff",outcome="accepted"} 1.0' in metrics
    assert "handoff_webhooks_total{" not in metrics
    assert story == [("signal", "handoff accepted: accepted 202")]


def test_a_call_that_was_let_go_of_without_an_end_lasted_until_now(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Chronicle(Metrics(), Stories()).over(record(began=time.time() - 5, ended=None))
    (line,) = capsys.readouterr().err.splitlines()
    assert 5 <= json.loads(line)["seconds"] < 3600
