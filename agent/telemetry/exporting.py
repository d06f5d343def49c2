# SPDX-License-Identifier: GPL-3.0-or-later
"""The process that makes spans of calls and sends them to an OTLP/HTTP receiver; for ``python -m``.

Its first line says where to (`Receiver`), each one after that tells a call that is over (`Told`). It says
on its output how many spans were exported or dropped. It ends with its input; the agent's loop neither waits
for it nor pays for what it does.
"""

from __future__ import annotations

import json
import logging
import queue
import re
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from agent.child import take_at_most
from agent.telemetry.spans import Span, Told, ids, spans, told

if TYPE_CHECKING:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

WAITING: Final = 2000
"""Calls that may wait while the receiver does not answer; the oldest go."""
BATCH: Final = 512
"""Spans in one request."""
PACE_SECONDS: Final = 1.0
"""How long a batch waits for company."""
_REQUEST_SECONDS: Final = 10.0
_MOST_MEMORY: Final = 512 * 1024 * 1024
_NANO: Final = 1_000_000_000
_LONGEST: Final = 300
_WORDS: Final = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (
            r"certificate verify failed: ([^()]*[^()\s])",
            "the receiver's certificate is not accepted: {0} (OTEL_EXPORTER_OTLP_CERTIFICATE names a CA)",
        ),
        (r"(?:SSLError|SSL:)[^']*'([^']{1,200})", "no TLS with the receiver: {0}"),
        (r"Connection refused", "nobody listens at the receiver's address"),
        (
            r"Name or service not known|name resolution|NameResolutionError",
            "the receiver's name is not known",
        ),
        (r"code: (\d{3})", "the receiver answers HTTP {0}"),
        (r"timed out|due to timeout", f"the receiver does not answer within {_REQUEST_SECONDS:g} s"),
    )
)


@dataclass(frozen=True, slots=True)
class Receiver:
    """Where spans go, and what all of them say.

    Attributes:
        endpoint: URL of the OTLP/HTTP receiver.
        headers: of each request.
        service: ``service.name``.
        node: ``service.instance.id``.
        version: ``service.version``.
    """

    endpoint: str
    headers: dict[str, str]
    service: str
    node: str
    version: str

    def line(self) -> bytes:
        """As the process reads it."""
        return json.dumps(asdict(self)).encode() + b"\n"


class _Waiting:
    """Calls that wait for their batch. Used by the thread that reads and the one that sends."""

    def __init__(self) -> None:
        self.calls: queue.Queue[Told | None] = queue.Queue()
        self.dropped = 0

    def read(self, lines: Iterable[str]) -> None:
        """Take calls until the input ends."""
        for line in lines:
            while self.calls.qsize() >= WAITING:
                try:
                    self.dropped += bool(self.calls.get_nowait())
                except queue.Empty:
                    break
            self.calls.put(told(line))
        self.calls.put(None)


class _Exports:
    def __init__(self, receiver: Receiver) -> None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - the extra
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - the extra

        self._exporter: OTLPSpanExporter = OTLPSpanExporter(
            endpoint=receiver.endpoint, headers=receiver.headers, timeout=_REQUEST_SECONDS
        )
        self._resource: Resource = Resource(
            {
                "service.name": receiver.service,
                "service.instance.id": receiver.node,
                "service.version": receiver.version,
            }
        )
        self._batch: list[ReadableSpan] = []
        self._calls = 0

    @property
    def full(self) -> bool:
        """Whether the batch has its size."""
        return len(self._batch) >= BATCH

    def add(self, call: Told) -> None:
        """The spans of one call."""
        self._calls += 1
        self._batch += (self._readable(call, span) for span in spans(call))

    def send(self) -> None:
        """Send the batch, however long that takes, and say what became of it."""
        from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415 - the extra

        (batch, self._batch), (calls, self._calls) = (self._batch, []), (self._calls, 0)
        if not batch:
            return
        _heard.clear()
        if self._exporter.export(batch) is SpanExportResult.SUCCESS:
            _say(exported=len(batch), calls=calls)
        else:
            _say(dropped=len(batch), calls=calls, why=_heard.why)

    def _readable(self, call: Told, span: Span) -> ReadableSpan:
        from opentelemetry.sdk.trace import Event, ReadableSpan  # noqa: PLC0415 - the extra
        from opentelemetry.sdk.util.instrumentation import InstrumentationScope  # noqa: PLC0415 - the extra
        from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags  # noqa: PLC0415

        known = ids(call, span)

        def context(span_id: bytes, trace: bytes = known.trace, *, remote: bool = False) -> SpanContext:
            return SpanContext(
                int.from_bytes(trace),
                int.from_bytes(span_id),
                is_remote=remote,
                trace_flags=TraceFlags(TraceFlags.SAMPLED),
            )

        return ReadableSpan(
            name=span.name,
            context=context(known.own),
            parent=None if known.parent is None else context(known.parent, remote=known.remote),
            resource=self._resource,
            attributes=dict(span.attributes),
            events=[Event(text, timestamp=int(when * _NANO)) for when, text in span.events],
            links=[] if known.link is None else [Link(context(known.link[1], known.link[0], remote=True))],
            kind=SpanKind[_kind(span)],
            status=Status(StatusCode.UNSET) if span.fault is None else Status(StatusCode.ERROR, span.fault),
            start_time=int(span.began * _NANO),
            end_time=int(span.ended * _NANO),
            instrumentation_scope=InstrumentationScope("handoff-agent"),
        )


class _Heard(logging.Handler):
    """What the library says of a receiver that takes nothing: the agent says why, in one line."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: list[str] = []

    def clear(self) -> None:
        """Forget what was said."""
        self._said.clear()

    @property
    def why(self) -> str:
        """Why it failed, as far as it said so."""
        return why_not("; ".join(self._said))

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record.getMessage())


_heard: Final = _Heard()


def why_not(said: str) -> str:
    """What the library said of an export that failed, in a line for operators."""
    for pattern, words in _WORDS:
        if found := pattern.search(said):
            return words.format(*found.groups())
    return f"the receiver does not take them: {' '.join(said.split())[:_LONGEST]}".removesuffix(": ")


def _kind(span: Span) -> str:
    if not span.parent:
        return "SERVER"
    return "CLIENT" if span.name == "attempt" or span.name.startswith("dial ") else "INTERNAL"


def main() -> int:
    """Read calls until there are no more, and send their spans."""
    take_at_most(_MOST_MEMORY)
    logging.getLogger().handlers[:] = [_heard]
    receiver = Receiver(**json.loads(sys.stdin.readline()))
    try:
        exports = _Exports(receiver)
    except ImportError as error:
        _say(error=f"the extra otel is not complete: {error}")
        return 1
    waiting = _Waiting()
    threading.Thread(target=waiting.read, args=(sys.stdin,), name="calls", daemon=True).start()
    over, due = False, float("inf")
    while not over:
        try:
            call = waiting.calls.get(timeout=max(0.0, min(due - time.monotonic(), 60.0)))
        except queue.Empty:
            call = None
        else:
            over = call is None
        if call is not None:
            exports.add(call)
            due = min(due, time.monotonic() + PACE_SECONDS)
        if over or exports.full or time.monotonic() >= due:
            exports.send()
            due = float("inf")
        if waiting.dropped:
            dropped, waiting.dropped = waiting.dropped, 0
            _say(calls_dropped=dropped, why="the receiver is too slow")
    return 0


def _say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
