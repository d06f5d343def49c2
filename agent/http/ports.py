# SPDX-License-Identifier: GPL-3.0-or-later
"""What HTTP asks of the agent: small protocols, so that nothing here touches SIP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from agent.core.model.project import Project
from agent.core.records import Signal
from agent.delivery.store import HandoffStates
from agent.http.models import HandoffRequest


@dataclass(frozen=True, slots=True)
class HandoffAccepted:
    """The handoff and its signal are durable. ``state`` is where the signal stands."""

    handoff_id: str
    state: str = "recorded"


@dataclass(frozen=True, slots=True)
class NoSuchCall:
    """No live call of the project has this call id or contact id."""


@dataclass(frozen=True, slots=True)
class AlreadyEnded:
    """A terminal moment of the call came before. ``moment`` says which, if known."""

    moment: str = ""


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """The call is up, but no voice agent has answered it yet: there is nobody who could hand it off."""


HandoffOutcome: TypeAlias = HandoffAccepted | NoSuchCall | NotAnswered | AlreadyEnded


@dataclass(frozen=True, slots=True)
class ReloadAnswer:
    """What became of a reload.

    Attributes:
        result: ``loaded``, ``unchanged`` or ``refused``.
        mistakes: one line each; the old configuration stays in force.
        changes: one line each.
        restart: keys that changed and take effect only at the next start.
    """

    result: str
    mistakes: Sequence[str] = ()
    changes: Sequence[str] = ()
    restart: Sequence[str] = ()


class ApiDesk(Protocol):
    """What the handoff API needs."""

    @property
    def projects(self) -> Mapping[str, Project]:
        """The projects in force now; another object after a reload."""

    @property
    def states(self) -> HandoffStates:
        """Where handoffs are read."""

    async def hand_off(self, account: str, project: str, request: HandoffRequest) -> HandoffOutcome:
        """Hand a live call back. Returns when handoff and signal are durable; raises `StorageError`."""


class CallDesk(Protocol):
    """The calls of this node."""

    def calls(self) -> list[dict[str, Any]]:
        """The calls that are up, as JSON objects."""

    async def call(self, call_id: str) -> dict[str, Any] | None:
        """One call, up or over, as it is stored; None when there is no such call."""

    async def hang_up(self, call_id: str) -> bool:
        """End a call; False when no such call is up."""

    def story(self, call_id: str) -> list[dict[str, Any]] | None:
        """What happened in a call, in the order of time; None when it is not known (any more)."""


class NodeDesk(Protocol):
    """The node itself."""

    def readiness(self) -> tuple[bool, str]:
        """Whether new calls are taken, and why."""

    def alarms(self) -> list[dict[str, Any]]:
        """Projects whose signals can't leave until somebody changes something, and why."""

    async def reload(self) -> ReloadAnswer:
        """Load the configuration again, all or nothing."""

    def drain(self) -> None:
        """Take no new calls from now on."""

    def metrics(self) -> bytes:
        """All metrics in Prometheus' text format."""


class SignalDesk(Protocol):
    """The signals in this node's storage, and what an operator decides about them."""

    async def signals(self, **filters: Any) -> Sequence[Signal]:  # noqa: ANN401 - those of `HandoffStates.signals`
        """Signals, newest first; see `agent.delivery.store.HandoffStates.signals`."""

    async def signal(self, signal_id: str) -> Signal | None:
        """One signal."""

    async def retry_signal(self, signal_id: str, by: str, *, confirmed: bool) -> Signal:
        """Send a settled signal that was not accepted again, from now on.

        Raises:
            DecisionRefusedError: it can't be, or must be confirmed first.
        """

    async def discard_signal(self, signal_id: str, by: str) -> Signal:
        """Cancel one that waits.

        Raises:
            DecisionRefusedError: it does not wait.
        """


class OperationsDesk(CallDesk, NodeDesk, SignalDesk, Protocol):
    """What the operations listener needs."""
