# SPDX-License-Identifier: GPL-3.0-or-later
"""Structured logs: one line per fact on standard error, phone numbers masked, secrets never.

Standard error and nothing else: systemd and containers keep it, and a file that fills up can't stop a call.
A running agent writes from a thread of its own (`in_background`): a reader that stands still can't either.
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Any, Final, Literal, TypeAlias, cast

import structlog
from structlog.typing import FilteringBoundLogger, Processor

from agent.telemetry.outlet import Outlet, write_if_possible

Logger: TypeAlias = FilteringBoundLogger
Level: TypeAlias = Literal["debug", "info", "warning", "error"]
_Event: TypeAlias = MutableMapping[str, Any]

MASKED: Final = "***"
_OF_CALL: Final[ContextVar[Mapping[str, str]]] = ContextVar("of_call", default={})  # noqa: B039 - never changed
_LAST_WORDS_SECONDS: Final = 0.1
_SAY_SECONDS: Final = 1.0
_NUMBER_KEYS: Final = frozenset(
    {"number", "caller", "called", "from_number", "to_number", "from_uri", "to_uri"}
)
_SECRET_KEYS: Final = frozenset(
    {
        "access_key_secret",
        "access_token",
        "api_key",
        "authorization",
        "client_secret",
        "id_token",
        "parameters",
        "password",
        "refresh_token",
        "secret",
        "token",
        "x-api-key",
    }
)
# All digits of a number but its last two; in a SIP URI only those before the host.
_HIDDEN_DIGIT: Final = re.compile(r"\d(?=(?:\D*\d){2})")


def configure(
    level: Level = "info",
    form: Literal["json", "text"] = "json",
    numbers: Literal["masked", "shown"] = "masked",
) -> None:
    """Set the process' logging up, its own and that of libraries; may be called again after a reload.

    Args:
        level: the least that is written.
        form: ``json`` for machines, ``text`` for a person at a terminal.
        numbers: whether phone numbers stand with all but their last two digits masked.
    """
    before: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
        _hide_secrets,
    ]
    if numbers == "masked":
        before.append(_mask_numbers)
    after = _renderers(form)
    structlog.configure(
        processors=[*before, *after],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: _STANDARD_ERROR,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(cast("Any", _STANDARD_ERROR))
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_of_library, *before],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after],
        )
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)  # how it sets itself up is no news
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.getLevelName(level.upper()), logging.INFO))


def logger(part: str) -> Logger:
    """The logger of one part of the agent, such as ``courier``; its lines carry ``part``."""
    return cast("Logger", structlog.get_logger(part=part))


enter_call: Final = _OF_CALL.set
"""What is done from now on is for the call of these facts; gives what `leave_call` takes.

As `of_call` does, for the few places that every event of every call passes."""
leave_call: Final = _OF_CALL.reset


class of_call:  # noqa: N801 - used as a function is
    """What is done meanwhile, in this task, is for one call: see `call_facts`."""

    __slots__ = ("_before", "_facts")

    def __init__(self, call_id: str, project: str) -> None:
        self._facts = {"call_id": call_id, "project": project} if call_id else {}

    def __enter__(self) -> None:
        self._before = _OF_CALL.set(self._facts)

    def __exit__(self, *_: object) -> None:
        _OF_CALL.reset(self._before)


def call_facts() -> Mapping[str, str]:
    """``call_id`` and ``project`` for a line of code that serves calls but knows none; empty outside one.

    Only a line that asks has them: work that several calls share, such as a log-in, is of none of them.
    """
    return _OF_CALL.get()


def masked(number: str) -> str:
    """A phone number or SIP URI of which only the last two digits of the user part can be read."""
    user, at, host = number.partition("@")
    return _HIDDEN_DIGIT.sub("*", user) + at + host


def _renderers(form: str) -> list[Processor]:
    # Plain tracebacks only: those with local variables would carry tokens and parameter values.
    if form == "json":
        return [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    return [
        structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            timestamp_key="time",
            exception_formatter=structlog.dev.plain_traceback,
        )
    ]


def _of_library(_logger: object, _method: str, event: _Event) -> _Event:
    """A library's line has the library as its part."""
    record: logging.LogRecord = event["_record"]
    event["part"] = record.name.partition(".")[0]
    return event


def _hide_secrets(_logger: object, _method: str, event: _Event) -> _Event:
    for key in event:
        if key.lower() in _SECRET_KEYS:
            event[key] = MASKED
    return event


def _mask_numbers(_logger: object, _method: str, event: _Event) -> _Event:
    for key in _NUMBER_KEYS & event.keys():
        event[key] = masked(str(event[key]))
    return event


@contextmanager
def in_background() -> Iterator[None]:
    """Write lines from a thread meanwhile; in the end what waits is written as far as a second goes."""
    descriptor = _descriptor()
    if descriptor is None:
        yield
        return
    outlet = _STANDARD_ERROR.outlet = Outlet(descriptor, _tell_dropped)
    try:
        yield
    finally:
        _STANDARD_ERROR.outlet = None
        outlet.close()


def dropped() -> int:
    """How many lines were lost: their reader was too slow, or could not be written to."""
    outlet = _STANDARD_ERROR.outlet
    return 0 if outlet is None else outlet.dropped


def last_words(event: str, **facts: str) -> None:
    """Write a line past all queues, in any thread, as the process is about to end; never waits for long."""
    outlet = _STANDARD_ERROR.outlet
    if outlet is not None:
        outlet.close(_LAST_WORDS_SECONDS)
    line = {"event": event, **facts, "part": "node", "level": "error"}
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True, key="time")
    text = json.dumps(stamp(None, "", dict(line))) + "\n"
    if (descriptor := _descriptor()) is not None:
        write_if_possible(descriptor, text, _LAST_WORDS_SECONDS)


def say(text: str) -> None:
    """Tell whoever started the process something in plain words; never waits for long."""
    descriptor = _descriptor()
    if descriptor is None:
        sys.stderr.write(text)
    else:
        sys.stderr.flush()
        write_if_possible(descriptor, text, _SAY_SECONDS)


def _descriptor() -> int | None:
    try:
        return sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):  # closed, or no file at all
        return None


def _tell_dropped(lines: int) -> None:
    logger("log").warning(f"{lines} lines were dropped: nobody read them, or not fast enough", lines=lines)


class _StandardError:
    """Writes whole lines to the current standard error; a reader that went away must not end a call.

    Attributes:
        outlet: takes the lines instead, so that nobody waits for the reader.
    """

    outlet: Outlet | None = None

    def write(self, text: str) -> None:
        outlet = self.outlet
        if outlet is not None:
            outlet.put(text)
            return
        with suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        if self.outlet is not None:
            return
        with suppress(OSError, ValueError):
            sys.stderr.flush()

    def msg(self, message: str) -> None:
        self.write(message + "\n")

    debug = info = warning = warn = error = critical = exception = fatal = msg


_STANDARD_ERROR: Final = _StandardError()
