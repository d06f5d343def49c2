# SPDX-License-Identifier: GPL-3.0-or-later
"""A capture that a command began is the command's own: it is fetched as it goes on, and ended with it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from agent.cli.capture_copy import CaptureCopy, CaptureCopyError
from agent.cli.operations import NodeError, NotRunningError, Operations, RefusedError
from agent.core.errors import AgentError

ATTENDED: Final = 30.0
"""Seconds after which the agent ends a capture whose command has gone without a word."""
_LOOK_SECONDS: Final = 1.0
_TRIES: Final = 4  # each takes up to 5 s: fewer seconds than ATTENDED
_ENDING: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_NOT_NOW: Final = 503
_NO_SUCH: Final = 404


def follow(
    node: Operations,
    wanted: dict[str, Any],
    copy: CaptureCopy,
    told: Callable[[dict[str, Any]], None] | None,
) -> tuple[dict[str, Any], bool]:
    """Begin a capture and copy it, until it has ended or somebody wants that (Ctrl-C, SIGTERM, SIGHUP).

    Args:
        node: the agent.
        wanted: the body of ``POST /captures``.
        copy: where it goes to.
        told: how it stands, once a second.

    Returns:
        The capture that has ended, and whether it was for a signal.

    Raises:
        AgentError: it can't begin, or be copied to its end; the line says what there is of it, and where.
    """
    with _held() as pending:
        capture = node.ask("POST", "captures", body=wanted)
        path = ("captures", capture["capture_id"])
        interrupted = False
        try:
            while capture["ended"] is None and not interrupted:
                interrupted = signal.sigtimedwait(pending, _LOOK_SECONDS) is not None
                capture = _patiently(lambda: _looked(node, path, copy, stop=interrupted))  # noqa: B023 - called at once
                if told is not None:
                    with suppress(OSError):  # the terminal has gone
                        told(capture)
            _patiently(lambda: fetch(node, path[1], copy))
        except CaptureCopyError as error:
            with suppress(AgentError):
                capture = node.ask("POST", *path, "stop")
            kept = f"the agent's copy is whole: handoff-agent capture --get {path[1]} --out FILE"
            raise AgentError(f"{error}; the capture is ended, {kept}") from None
        except (NodeError, NotRunningError) as error:
            raise AgentError(f"{error}: {_so_far(copy, capture)}") from None
        except RefusedError as error:
            if error.status != _NO_SUCH:
                raise
            raise AgentError(f"the agent was started anew meanwhile: {_so_far(copy, capture)}") from None
    return capture, interrupted


def fetch(node: Operations, capture_id: str, copy: CaptureCopy) -> None:
    """Append what of a capture is not in the copy yet.

    Raises:
        AgentError: it can't be had, or not be written.
    """
    for part in node.parts("captures", capture_id, "pcap", **{"from": copy.taken}):
        copy.append(part)


def _looked(node: Operations, path: tuple[str, str], copy: CaptureCopy, *, stop: bool) -> dict[str, Any]:
    """How it stands, or how it ended; what there is of it is copied."""
    capture = node.ask("POST", *path, "stop") if stop else node.get(*path)
    if capture["ended"] is None:
        fetch(node, path[1], copy)
    return capture


def _patiently(work: Callable[[], Any]) -> Any:  # noqa: ANN401 - what the work gives
    """What the work gives; an agent that is busy, or whose disk is, is asked again."""
    for left in reversed(range(_TRIES)):
        try:
            return work()
        except NotRunningError:
            raise
        except RefusedError as error:
            if error.status != _NOT_NOW or not left:
                raise
        except NodeError:
            if not left:
                raise
    raise AssertionError


def _so_far(copy: CaptureCopy, capture: dict[str, Any]) -> str:
    return (
        f"{copy.path} has the {copy.packets} packets that came before; "
        f"all of it may be in {capture['file']} on the agent's machine"
    )


@contextmanager
def _held() -> Iterator[set[signal.Signals]]:
    """Signals that would end us wait to be asked for; those that are ignored (nohup) stay so."""
    heeded = {number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, heeded)
    try:
        yield heeded
    finally:
        while signal.sigtimedwait(heeded, 0) is not None:  # pressed twice
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
