# SPDX-License-Identifier: GPL-3.0-or-later
"""The trace of one call: what its story, record and signals say, as spans. Pure.

A trace is made once a call is over, of what is kept of it anyway: a call that goes on pays nothing for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from agent.core import story
from agent.core.chosen import ROOT, span_id, trace_id
from agent.core.trace_context import parent_of

Value: TypeAlias = str | int | float | bool
_GOOD: Final = 200
_BAD: Final = 300
_FIRST_FINAL: Final = 200
_EVENTS_AT_MOST: Final = 100


@dataclass(frozen=True, slots=True)
class Span:
    """One span (OpenTelemetry, Trace API). Times are in seconds since the epoch.

    Attributes:
        name: what is done.
        key: which of its trace it is; `agent.core.chosen.span_id` makes its id of that.
        parent: the key of the span that it is part of; empty for the call itself.
        began: when it began.
        ended: when it ended.
        attributes: what is known of it.
        fault: what went wrong; None where nothing did, or nobody can tell.
        events: moments in it, and what happened then.
        asked: the traceparent of whoever asked for it; empty where nobody said.
    """

    name: str
    key: str
    parent: str
    began: float
    ended: float
    attributes: Mapping[str, Value] = field(default_factory=dict)
    fault: str | None = None
    events: Sequence[tuple[float, str]] = ()
    asked: str = ""


@dataclass(frozen=True, slots=True)
class SipMessage:
    """A SIP message of the call; `side` is the leg, `sent` whether it was ours."""

    side: str
    when: float
    sent: bool
    sip_call_id: str
    cseq: str
    start_line: str

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        first, _, rest = self.start_line.partition(" ")
        code = rest[:3]
        return int(code) if first == "SIP/2.0" and code.isdigit() else 0

    @property
    def method(self) -> str:
        """Of the request, or of that which it answers."""
        return self.cseq.rpartition(" ")[2]


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of a call that is over, as plain values that JSON carries.

    Attributes:
        call: its record, see `CallRecord.shown`.
        decisions: when, and what was decided or happened.
        messages: see `SipMessage`, a row each; repeated ones are left out.
        signals: of the outbox: ``channel``, ``moment``, ``state``, ``recorded``, and ``attempts``, each with
            ``began``, ``ended``, ``outcome``, ``status``, ``detail``.
        parent: the traceparent of the caller, where the call is part of its trace.
    """

    call: Mapping[str, Any]
    decisions: Sequence[tuple[float, str]]
    messages: Sequence[tuple[str, float, bool, str, str, str]]
    signals: Sequence[Mapping[str, Any]]
    parent: str | None = None

    def line(self) -> bytes:
        """As one line of JSON, which `told` reads."""
        parts = (self.call, self.decisions, self.messages, self.signals, self.parent)
        return json.dumps(parts).encode() + b"\n"


def told(line: str) -> Told:
    """What `Told.line` wrote."""
    return Told(*json.loads(line))


@dataclass(frozen=True, slots=True)
class Ids:
    """By which a span is known.

    Attributes:
        trace: id of its trace.
        own: its own id.
        parent: that of its parent; None where it has none.
        remote: whether the parent is a span of somebody else.
        link: trace id and span id of a span elsewhere that it came of; None where it came of none.
    """

    trace: bytes
    own: bytes
    parent: bytes | None
    remote: bool = False
    link: tuple[bytes, bytes] | None = None


def ids(told: Told, span: Span) -> Ids:
    """The ids of one span of a call's trace."""
    call_id = str(told.call["call_id"])
    caller = None if told.parent is None else parent_of([told.parent])
    trace = trace_id(call_id) if caller is None else bytes.fromhex(caller.trace)
    own = span_id(call_id, span.key)
    if not span.parent:
        return Ids(trace, own, None if caller is None else bytes.fromhex(caller.span), caller is not None)
    parent = span_id(call_id, span.parent)
    asked = parent_of([span.asked]) if span.asked else None
    if asked is None:
        return Ids(trace, own, parent)
    asker = bytes.fromhex(asked.trace), bytes.fromhex(asked.span)
    if asker[0] == trace:
        return Ids(trace, own, asker[1], remote=True)
    return Ids(trace, own, parent, link=asker)


def spans(of: Told) -> list[Span]:
    """The trace, the call itself first."""
    return list(_Trace(of).spans())


class _Trace:
    def __init__(self, told: Told) -> None:
        self._call = told.call
        self._decisions = sorted((when, text) for when, text in told.decisions)
        self._messages = sorted((SipMessage(*row) for row in told.messages), key=lambda one: one.when)
        self._signals = told.signals
        invite = next(
            (one.when for one in self._messages if one.side == "caller" and one.method == "INVITE"), None
        )
        self._began: float = min(self._call["began"], invite or self._call["began"])
        self._ended: float = self._call["ended"] or self._call["began"]

    def spans(self) -> Iterator[Span]:
        parts = [
            *self._admission(),
            *self._record(),
            *self._dialled(),
            *self._bridged(),
            *self._handoff(),
            *self._of_signals(),
        ]
        yield self._whole(parts)
        yield from parts

    def _whole(self, parts: Sequence[Span]) -> Span:
        call = self._call
        names = (
            "call_id",
            "contact_id",
            "project",
            "account",
            "carrier",
            "node",
            "sip_call_id",
            "end",
            "reason",
        )
        return Span(
            name=ROOT,
            key=ROOT,
            parent="",
            began=self._began,
            ended=max(
                (self._ended, *(part.ended for part in parts))
            ),  # NICE may answer after the caller has gone
            attributes={f"handoff.{name}": call[name] for name in names if call.get(name)},
            fault=call["reason"] if call["end"] == "failed" else None,
            events=self._decisions[:_EVENTS_AT_MOST],
        )

    def _admission(self) -> Iterator[Span]:
        when = self._first(story.ADMITTED)
        if when is not None:
            yield Span("admission", "admission", ROOT, self._began, when)

    def _record(self) -> Iterator[Span]:
        """Until the call is durable, which is when it goes on."""
        admitted, dialled = self._first(story.ADMITTED), self._first(story.DIALLED)
        if admitted is not None and dialled is not None:
            yield Span("record", "record", ROOT, admitted, dialled)

    def _dialled(self) -> Iterator[Span]:
        dialled = [(when, text) for when, text in self._decisions if text.startswith(story.DIALLED)]
        for index, (when, text) in enumerate(dialled):
            before = dialled[index + 1][0] if index + 1 < len(dialled) else float("inf")
            target = text.removeprefix(story.DIALLED).partition(" ")[0]
            yield self._dial(index, when, before, target)

    def _dial(self, index: int, when: float, before: float, target: str) -> Span:
        """One INVITE of ours, to its final answer."""
        invite = next((one for one in self._invites() if when <= one.when < before), None)
        answer = None
        if invite is not None:
            answer = next(
                (
                    one
                    for one in self._messages
                    if one.sip_call_id == invite.sip_call_id
                    and one.method == "INVITE"
                    and one.status >= _FIRST_FINAL
                ),
                None,
            )
        attributes: dict[str, Value] = {
            "handoff.target": target,
            "handoff.leg": invite.side if invite else "",
        }
        fault = None
        if answer is None:
            fault = "no answer"
        else:
            attributes["sip.response.status_code"] = answer.status
            if answer.status >= _BAD:
                fault = answer.start_line.partition(" ")[2]
        ended = answer.when if answer is not None else min(before, self._ended)
        return Span(f"dial {target}", f"dial {index}", ROOT, when, max(when, ended), attributes, fault)

    def _invites(self) -> Iterator[SipMessage]:
        """The first INVITE of each leg that we dialled."""
        seen: set[str] = set()
        for one in self._messages:
            if one.sent and not one.status and one.method == "INVITE" and one.side != "caller":
                if one.sip_call_id not in seen:
                    yield one
                seen.add(one.sip_call_id)

    def _bridged(self) -> Iterator[Span]:
        """From our 200 until one of the two has gone."""
        answered = self._call["answered"]
        if answered is not None:
            byes = (
                one.when
                for one in self._messages
                if one.method == "BYE" and not one.status and one.side != "target" and one.when >= answered
            )
            yield Span("bridged", "bridged", ROOT, answered, max(answered, min((*byes, self._ended))))

    def _handoff(self) -> Iterator[Span]:
        """From the voice agent's wish until the caller is given back."""
        asked = self._first("handoff: ")
        if asked is None:
            return
        given = self._first(story.GIVEN_BACK, asked)
        way = next((text for _, text in self._decisions if text.startswith(story.GIVEN_BACK)), "")
        # The last one before it: others were told that there is no handoff any more.
        within = [
            text for when, text in self._decisions if when <= asked and text.startswith(story.ASKED_WITHIN)
        ]
        yield Span(
            "handoff",
            "handoff",
            ROOT,
            asked,
            max(asked, self._ended if given is None else given),
            {"handoff.method": way.removeprefix(story.GIVEN_BACK)} if way else {},
            None if given is not None else "the caller was not given back",
            asked=within[-1].removeprefix(story.ASKED_WITHIN) if within else "",
        )

    def _of_signals(self) -> Iterator[Span]:
        for index, signal in enumerate(self._signals):
            what = signal["channel"] if signal["channel"] != "signal" else signal["moment"]
            attempts = [one for one in signal["attempts"] if one["ended"] >= one["began"]]
            key, accepted = f"signal {index}", signal["state"] == "accepted"
            ended = max((signal["recorded"], *(one["ended"] for one in attempts)))
            attributes: dict[str, Value] = {
                "handoff.moment": signal["moment"],
                "handoff.signal.state": signal["state"],
                "handoff.signal.attempts": len(attempts),
            }
            fault = None if accepted or signal["state"] == "cancelled" else signal["state"]
            yield Span(f"signal {what}", key, ROOT, signal["recorded"], ended, attributes, fault)
            for number, attempt in enumerate(attempts):
                yield _attempt(attempt, f"{key} {number}", key)

    def _first(self, text: str, after: float = 0.0) -> float | None:
        """When the first decision that begins so was made."""
        return next((when for when, said in self._decisions if said.startswith(text) and when >= after), None)


def _attempt(attempt: Mapping[str, Any], key: str, parent: str) -> Span:
    attributes: dict[str, Value] = {"handoff.outcome": attempt["outcome"]}
    if attempt["status"] is not None:
        attributes["http.response.status_code"] = attempt["status"]
    good = attempt["status"] is not None and _GOOD <= attempt["status"] < _BAD
    fault = None if good else f"{attempt['outcome']} {attempt['detail']}".strip()
    return Span("attempt", key, parent, attempt["began"], attempt["ended"], attributes, fault)
