# SPDX-License-Identifier: GPL-3.0-or-later
"""Structured logs: one line per fact on standard error, phone numbers masked, secrets never.

Standard error and nothing else: systemd and containers keep it, and a file that fills up can't stop a call.
A running agent writes from a thread of its own (`in_background`): a reader that stands still can't either.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final, Literal, TypeAlias

import structlog
from structlog.typing import Processor

from agent.telemetry.lines import Form, Line, drawn, masked, masked_within, now
from agent.telemetry.outlet import Outlet, write_if_possible

__all__ = ["Level", "Logger", "call_facts", "configure", "logger", "masked", "masked_within", "of_call"]

Level: TypeAlias = Literal["debug", "info", "warning", "error"]

_OF_CALL: Final[ContextVar[Mapping[str, str]]] = ContextVar("of_call", default={})  # noqa: B039 - never changed
_LAST_WORDS_SECONDS: Final = 0.1
_SAY_SECONDS: Final = 1.0
_SILENCE: Final = logging.CRITICAL + 1


class Logger(structlog.BoundLoggerBase):
    """Writes the lines of one part of the agent: an event in words, and facts, each under its own name."""

    def debug(self, event: str, /, **facts: object) -> None:
        """What only helps to find a mistake."""
        if _output.level <= logging.DEBUG:
            self._proxy_to_logger("debug", event, **facts)

    def info(self, event: str, /, **facts: object) -> None:
        """What is as it should be."""
        if _output.level <= logging.INFO:
            self._proxy_to_logger("info", event, **facts)

    def warning(self, event: str, /, **facts: object) -> None:
        """What somebody should look at."""
        if _output.level <= logging.WARNING:
            self._proxy_to_logger("warning", event, **facts)

    def error(self, event: str, /, **facts: object) -> None:
        """What must not be; with ``exc_info``, an exception or True, its traceback follows."""
        if _output.level <= logging.ERROR:
            self._proxy_to_logger("error", event, **facts)

    def exception(self, event: str, /, **facts: object) -> None:
        """As `error`, with the exception that is being handled."""
        self.error(event, **{"exc_info": True, **facts})


class _Output:
    """The one log of the process.

    Attributes:
        level: the least that is written.
        processors: what structlog does with a line; one step draws it. All loggers share this list, so that
            a reload changes those that are there, and `structlog.testing.capture_logs` finds them.
    """

    def __init__(self) -> None:
        self.level = logging.INFO
        self.processors: list[Processor] = []
        self.draw("text", numbers=False)  # before `configure`: a command's lines are for who gave it
        structlog.configure(processors=self.processors)

    def draw(self, form: Form, *, numbers: bool) -> None:
        draw = drawn(form, numbers=numbers)

        def line_of(_logger: object, method: str, line: Line) -> str:
            line["level"] = method
            return draw(line) + "\n"

        self.processors[:] = [line_of]

    def write(self, line: Line, level: str) -> None:
        """Write a line that comes from no `Logger`."""
        _STANDARD_ERROR.write(str(self.processors[-1](None, level, line)))


def configure(
    level: Level = "info",
    form: Form = "json",
    numbers: Literal["masked", "shown"] = "masked",
) -> None:
    """Set the process' logging up, its own and that of libraries; may be called again after a reload.

    Args:
        level: the least that is written.
        form: ``json`` for machines, ``text`` for a person at a terminal.
        numbers: whether phone numbers stand with all but their last two digits masked.
    """
    _output.level = logging.getLevelNamesMapping()[level.upper()]
    _output.draw(form, numbers=numbers == "shown")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # how it sets itself up is no news
    root = logging.getLogger()
    root.handlers[:] = [_OfLibraries()]
    root.setLevel(max(_output.level, logging.INFO))


@contextmanager
def silent() -> Iterator[None]:
    """The agent's own lines are not written meanwhile; afterwards the log is as it was."""
    with kept():
        _output.level = _SILENCE
        yield


@contextmanager
def kept() -> Iterator[None]:
    """Afterwards the log is as it was, that of libraries included, whatever `configure` is told meanwhile."""
    level, processors = _output.level, _output.processors[:]
    root = logging.getLogger()
    handlers, of_libraries = root.handlers[:], root.level
    try:
        yield
    finally:
        _output.level, _output.processors[:] = level, processors
        root.handlers[:] = handlers
        root.setLevel(of_libraries)


def logger(part: str) -> Logger:
    """The logger of one part of the agent, such as ``courier``; its lines carry ``part``."""
    return Logger(_STANDARD_ERROR, _output.processors, {"part": part})


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


class _OfLibraries(logging.Handler):
    """Writes what libraries log; a line has the library as its part."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line: Line = {"event": record.getMessage(), "part": record.name.partition(".")[0]}
            if record.exc_info:
                line["exc_info"] = record.exc_info
            _output.write(line, record.levelname.lower())
        except Exception:  # noqa: BLE001 - as `logging` wants it: a line that can't be drawn ends nothing
            self.handleError(record)


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
    text = json.dumps({"event": event, **facts, "part": "node", "level": "error", "time": now()}) + "\n"
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

    debug = info = warning = error = write


_STANDARD_ERROR: Final = _StandardError()
_output: Final = _Output()
