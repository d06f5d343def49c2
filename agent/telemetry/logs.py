# SPDX-License-Identifier: GPL-3.0-or-later
"""Structured logs: one line per fact on standard error or in a file, phone numbers masked, secrets never.

A running agent writes from a thread of its own (`in_background`): neither a file whose disk is full nor a
reader that stands still can stop a call.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, Literal

import structlog
from structlog.typing import Processor

from agent.telemetry.levels import ForAWhile, Level, Levels
from agent.telemetry.lines import Form, Line, drawn, masked, masked_within, now
from agent.telemetry.log_file import LogFile
from agent.telemetry.outlet import Outlet, write_if_possible

__all__ = ["Level", "Logger", "call_facts", "configure", "logger", "masked", "masked_within", "of_call"]

_OF_CALL: Final[ContextVar[Mapping[str, str]]] = ContextVar("of_call", default={})  # noqa: B039 - never changed
_LAST_WORDS_SECONDS: Final = 0.1
_SAY_SECONDS: Final = 1.0
_SILENCE: Final = logging.CRITICAL + 1
_LEVEL_BACK: Final = "the log level is the configured one again"


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
        level: lines below it are written nowhere.
        levels: say which of the others are.
        file: where lines go; None: to standard error.
        processors: what structlog does with a line; one step draws it. All loggers share this list, so that
            a reload changes those that are there, and `structlog.testing.capture_logs` finds them.
    """

    def __init__(self) -> None:
        self.level = logging.INFO
        self.levels = Levels()
        self.file: Path | None = None
        self.processors: list[Processor] = []
        self.draw("text", numbers=False)  # before `configure`: a command's lines are for who gave it
        structlog.configure(processors=self.processors)

    def draw(self, form: Form, *, numbers: bool) -> None:
        draw = drawn(form, numbers=numbers)

        def line_of(_logger: object, method: str, line: Line) -> str:
            if self.levels.mixed and not self.levels.wants(method, _project_of(line)):
                raise structlog.DropEvent
            line["level"] = method
            return draw(line) + "\n"

        self.processors[:] = [line_of]

    def write(self, line: Line, level: str) -> None:
        """Write a line that comes from no `Logger`."""
        with suppress(structlog.DropEvent):
            _STANDARD_ERROR.write(str(self.processors[-1](None, level, line)))

    def weigh(self) -> None:
        """Heed that `levels` say something else now."""
        self.level = self.levels.least
        wanted.debug = self.level <= logging.DEBUG
        logging.getLogger().setLevel(max(self.level, logging.INFO))


class Wanted:
    """What somebody reads: a plain attribute, since it is asked for each event of each call.

    Attributes:
        debug: whether any lines of that level are written.
    """

    debug = False


wanted: Final = Wanted()


def configure(
    level: Level = "info",
    form: Form | Literal["console"] = "json",
    numbers: Literal["masked", "shown"] = "masked",
    file: Path | None = None,
) -> None:
    """Set the process' logging up, its own and that of libraries; may be called again after a reload.

    Args:
        level: the least that is written, where `change_level` does not say otherwise.
        form: ``json`` for machines, ``text`` or ``console`` for a person at a terminal.
        numbers: whether phone numbers stand with all but their last two digits masked.
        file: where lines go while they are written in the background; None: to standard error.
    """
    _output.levels.configure(level)
    _output.draw("json" if form == "json" else "text", numbers=numbers == "shown")
    logging.getLogger("alembic").setLevel(logging.WARNING)  # how it sets itself up is no news
    logging.getLogger().handlers[:] = [_OfLibraries()]
    _output.weigh()
    outlet = _STANDARD_ERROR.outlet
    if outlet is not None and file != _output.file:
        _output.file = file
        outlet.lead_to(None if file is None else LogFile(file))


def change_level(level: Level, seconds: float, *, project: str = "", by: str = "") -> ForAWhile:
    """Write from another level on, of the node or of one project's calls, for so many seconds."""
    _tell_level(f"the log level is {level} for a while", seconds=seconds, project=project, by=by)
    changed = _output.levels.change(level, seconds, project=project, by=by)
    _output.weigh()
    return changed


def level_back(project: str = "", by: str = "") -> bool:
    """Write from the configured level on again; False when nothing else was in force."""
    was = _output.levels.back(project)
    _output.weigh()
    if was is not None:
        _tell_level(_LEVEL_BACK, project=project, by=by)
    return was is not None


def levels_look() -> None:
    """End what was for a while and is over."""
    for one in _output.levels.over():
        _output.weigh()
        _tell_level(_LEVEL_BACK, project=one.project, by="its time is over")


def levels_shown() -> list[dict[str, Any]]:
    """What is for a while, as JSON has it."""
    return _output.levels.shown()


def level_configured() -> Level:
    """The level that the configuration says."""
    return _output.levels.configured


def _tell_level(event: str, **facts: object) -> None:
    logger("log").warning(event, **{name: value for name, value in facts.items() if value != ""})


def _project_of(line: Line) -> str:
    return str(line.get("project") or _OF_CALL.get().get("project", ""))


@contextmanager
def silent() -> Iterator[None]:
    """The agent's own lines are not written meanwhile; afterwards the log is as it was."""
    with kept():
        _output.level = _SILENCE
        yield


@contextmanager
def kept() -> Iterator[None]:
    """Afterwards the log is as it was, that of libraries included, whatever `configure` is told meanwhile."""
    level, processors, levels = _output.level, _output.processors[:], _output.levels
    debug, _output.levels = wanted.debug, levels.copy()
    root = logging.getLogger()
    handlers, of_libraries = root.handlers[:], root.level
    try:
        yield
    finally:
        _output.level, _output.processors[:], _output.levels = level, processors, levels
        wanted.debug = debug
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
    outlet = _STANDARD_ERROR.outlet = Outlet(descriptor, _tell_dropped, _tell_astray)
    try:
        yield
    finally:
        _STANDARD_ERROR.outlet, _output.file = None, None
        outlet.close()


def dropped() -> int:
    """How many lines were lost: their reader was too slow, or could not be written to."""
    outlet = _STANDARD_ERROR.outlet
    return 0 if outlet is None else outlet.dropped


def last_words(event: str, **facts: str) -> None:
    """Write a line past all queues, in any thread, as the process is about to end; never waits for long."""
    text = json.dumps({"event": event, **facts, "part": "node", "level": "error", "time": now()}) + "\n"
    outlet = _STANDARD_ERROR.outlet
    if outlet is not None:
        if _output.file is not None:
            outlet.put(text)  # there too, unless its disk hangs
        outlet.close(_LAST_WORDS_SECONDS)
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


def _tell_astray(fault: str) -> None:
    logger("log").error("log.file can't be opened: lines go to standard error until it can", fault=fault)


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
