# SPDX-License-Identifier: GPL-3.0-or-later
"""One node of a rollout: what it is asked, until when it is asked again, and what it said."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from agent.cli.operations import LogInError, Operations, RefusedError
from agent.core.errors import AgentError

_AGAIN: Final = 1.0
_SHORTEST: Final = 1.0
_KEPT_OUT: Final = (409, 422)
_BUSY: Final = 500
_NOT_FOUND: Final = 404
_OLDER: Final = "it knows no rollouts: its version is an older one"
_BETWEEN: Final = 5.0


class Patience:
    """How long nodes are asked again.

    Args:
        seconds: from now on.
        stop: is set when nobody waits any more.
    """

    def __init__(self, seconds: float, stop: threading.Event) -> None:
        self._end = time.monotonic() + seconds
        self.stop = stop

    @property
    def left(self) -> float:
        """Seconds that are left, at least one for an exchange that is begun."""
        return max(self._end - time.monotonic(), _SHORTEST)

    def again(self) -> bool:
        """Wait a moment; whether there is time left after it."""
        return not self.stop.wait(_AGAIN) and time.monotonic() < self._end


@dataclass
class Member:
    """A node.

    Attributes:
        name: its name.
        node: where it is asked.
        before: the fingerprint that was in force when the rollout began; empty: not known.
        holds: the one that is, as far as was seen.
        files: the one that its files give.
        said: the last that it said, or why it says nothing.
        told: whether it was told to take the files.
        changes: what they change, one line each.
        restart: keys that wait for its next start.
        ready: whether it took calls when the rollout began.
        alarms: what it complained of then.
    """

    name: str
    node: Operations
    before: str = ""
    holds: str = ""
    files: str = ""
    said: str = ""
    told: bool = False
    changes: Sequence[str] = ()
    restart: Sequence[str] = ()
    ready: bool = False
    alarms: frozenset[str] = field(default_factory=frozenset)

    def look(self, target: str, patience: Patience, say: Callable[[str], None], *, yes: bool) -> bool:
        """Wait until its files give ``target`` and would be taken; whether they do."""

        def right() -> bool | None:
            self.node.ask("GET", "healthz")  # one that hangs says nothing; reading a large folder takes long
            state = self.state()
            self.ready, self.alarms = bool(state["ready"]), _alarms(state)
            answer = self.node.ask("POST", "rollout", "look", body={"yes": yes}, seconds=patience.left)
            self.before = self.holds = answer["in_force"]
            self.files, self.changes, self.restart = answer["files"], answer["changes"], answer["restart"]
            self.said = _mistakes(answer)
            if answer["result"] == "refused":
                self.said = f"its files have mistakes: {self.said}"
                return None
            if self.files != target:
                self.said = f"its files give {self.files} and not {target}"
                return None
            return bool(answer["result"] != "held")

        return self._until(right, patience, say)

    def take(self, target: str, patience: Patience, until: float, *, yes: bool, why: str) -> bool:
        """Have it take the files; whether ``target`` is in force."""

        def taken() -> bool:
            self.told = True
            answer = self.node.ask(
                "POST",
                *("rollout", "take"),
                query={"why": why} if why else None,
                body={"fingerprint": target, "until": until, "yes": yes},
                seconds=patience.left,
            )
            self.holds, self.restart, self.said = answer["in_force"], answer["restart"], ""
            return self.holds == target

        return self._until(taken, patience)

    def observe(self, target: str, seconds: float, patience: Patience) -> bool:
        """Whether it still holds ``target`` after so many seconds, and is as sound as it was."""
        end = time.monotonic() + seconds

        def sound() -> bool | None:
            state = self.state()
            self.holds = state["configuration"]
            new = sorted(_alarms(state) - self.alarms)
            if self.holds != target:
                self.said = f"it holds {self.holds} again"
                return False
            if new or (self.ready and not state["ready"]):
                self.said = new[0] if new else f"it takes no calls any more: {state['reason']}"
                return False
            return True if time.monotonic() >= end else None

        return self._until(sound, patience)

    def back(self, target: str, patience: Patience, why: str) -> bool:
        """Have it go back to what it held before; whether that is in force."""

        def gone() -> bool:
            answer = self.node.ask(
                "POST",
                *("rollout", "back"),
                query={"why": why},
                body={"to": self.before, "instead_of": target},
                seconds=patience.left,
            )
            self.holds = answer["in_force"]
            return self.holds == self.before

        said = self.said
        done = self._until(gone, patience)
        self.said = said if done else self.said
        return done

    def seen(self) -> bool:
        """Look what it holds now; whether it said so."""
        try:
            self.holds, self.said = self.state()["configuration"], ""
        except (AgentError, KeyError) as error:
            self.holds, self.said = "", str(error)
            return False
        return True

    def state(self) -> dict[str, Any]:
        """What ``/readyz`` says, whether it is ready or not."""
        try:
            return self.node.ask("GET", "readyz", seconds=_BETWEEN)
        except RefusedError as error:
            if "configuration" in error.document:
                return error.document
            raise

    def _until(
        self,
        done: Callable[[], bool | None],
        patience: Patience,
        say: Callable[[str], None] = lambda _text: None,
    ) -> bool:
        """Ask until that is decided; None, or no usable answer, is asked again."""
        while True:
            before = self.said
            try:
                decided = done()
            except RefusedError as error:
                decided = self._refused(error)
            except LogInError as error:
                self.said, decided = str(error), False
            except AgentError as error:
                self.said, decided = str(error), None
            except (KeyError, TypeError):
                self.said, decided = f"{self.node.url} is no node of this fleet", False
            if decided is not None:
                return decided
            if self.said != before:
                say(f"{self.name}: {self.said}")
            if not patience.again():
                return False

    def _refused(self, error: RefusedError) -> bool | None:
        if "in_force" in error.document:
            self.holds = error.document["in_force"]
            self.said = _mistakes(error.document)
        else:
            self.said = _OLDER if error.status == _NOT_FOUND else str(error)
        return None if error.status >= _BUSY else False


def _mistakes(answer: Mapping[str, Any]) -> str:
    mistakes = answer["mistakes"]
    more = f" (and {len(mistakes) - 1} more)" if len(mistakes) > 1 else ""
    return f"{mistakes[0]}{more}" if mistakes else ""


def _alarms(state: Mapping[str, Any]) -> frozenset[str]:
    return frozenset(str(alarm.get("text", "")) for alarm in state.get("alarms", ()))
