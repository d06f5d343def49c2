# SPDX-License-Identifier: GPL-3.0-or-later
"""What HTTP asks of the agent: small protocols, so that nothing here touches SIP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from agent.core.drafts import Draft
from agent.core.model import Snapshot
from agent.core.model.project import Project
from agent.core.reasons import End
from agent.core.records import Signal, Whereabouts
from agent.core.reloads import Cause
from agent.core.trace_context import Parent
from agent.delivery.queries import SignalQuery
from agent.delivery.store import HandoffStates
from agent.http.bell import Bell
from agent.http.call_finder import CallFinder
from agent.http.models import HandoffRequest, SignalStanding, TranscriptRequest
from agent.http.overview import OverviewDesk


@dataclass(frozen=True, slots=True)
class HandoffAccepted:
    """The handoff and its signal are durable.

    Attributes:
        handoff_id: its id.
        state: where the signal stands.
        caller: where the caller is.
        warnings: p1..p9 that had to be cut, and what became of each.
    """

    handoff_id: str
    state: SignalStanding = "recorded"
    caller: Whereabouts = Whereabouts.VOICE_AGENT
    warnings: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class NoSuchCall:
    """No call of the project has this call id or contact id: none that is up (transcripts: none at all)."""


@dataclass(frozen=True, slots=True)
class AlreadyEnded:
    """The call can't be handed off any more.

    Attributes:
        end: the terminal moment that came first, or that the caller hung up; None where that is not known
            here: another node has the call, or it is being looked after.
        handoff_id: of the handoff that came first, whichever way it was asked for; else empty.
    """

    end: End | None = None
    handoff_id: str = ""


@dataclass(frozen=True, slots=True)
class NotAnswered:
    """The call is up, but no voice agent has answered it yet: there is nobody who could hand it off."""


@dataclass(frozen=True, slots=True)
class OnOtherNode:
    """Another node of the fleet has the call up, as far as the record says.

    Attributes:
        node: its name.
        decision: how long it may take to decide who has the caller, in seconds, where nobody says a wait.
    """

    node: str
    decision: float = 0.0


HandoffOutcome: TypeAlias = HandoffAccepted | NoSuchCall | NotAnswered | AlreadyEnded | OnOtherNode


@dataclass(frozen=True, slots=True)
class TranscriptAccepted:
    """The transcript is durable. ``state`` is where it stands."""

    transcript_id: str
    state: str = "recorded"


@dataclass(frozen=True, slots=True)
class NotConfigured:
    """The project posts no transcripts."""


@dataclass(frozen=True, slots=True)
class AlreadyPosted:
    """A transcript of this contact was taken before; NICE gets one for each."""


@dataclass(frozen=True, slots=True)
class NoMasterContact:
    """The call came without a master contact id, under which NICE would file the transcript."""


TranscriptOutcome: TypeAlias = (
    TranscriptAccepted | NoSuchCall | NotConfigured | AlreadyPosted | NoMasterContact
)


@dataclass(frozen=True, slots=True)
class ReloadAnswer:
    """What became of a reload.

    Attributes:
        result: ``loaded``, ``unchanged``, ``refused``, or ``held`` until it is confirmed.
        mistakes: one line each; the old configuration stays in force.
        changes: one line each.
        restart: keys that differ from those the process runs with; they take effect only at the next start.
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

    @property
    def bell(self) -> Bell:
        """Rung on each recorded handoff, event of a signal and change of a call's state."""

    async def hand_off(
        self,
        account: str,
        project: str,
        request: HandoffRequest,
        wait: float | None,
        parent: Parent | None = None,
    ) -> HandoffOutcome:
        """Hand a live call back; returns when handoff and signal are durable.

        Args:
            account: of the project.
            project: whose call it must be.
            request: what the voice agent says.
            wait: seconds that the outcome may be waited for; 0 answers as soon as it is durable. None: until
                it is decided whether the voice agent keeps the caller, where the project may leave it so.
            parent: the voice agent's span that the request is part of.

        Raises:
            StorageError: it could not be recorded.
        """

    async def whereabouts(self, call_id: str) -> Whereabouts:
        """Where the caller of a handed-off call is; `Whereabouts.GONE` when the call is over or not known."""

    async def transcript(self, account: str, project: str, request: TranscriptRequest) -> TranscriptOutcome:
        """Record a transcript, to be posted to NICE; returns when it is durable, raises `StorageError`."""


class CallDesk(Protocol):
    """The calls of this node."""

    @property
    def finder(self) -> CallFinder:
        """Finds calls, those of others on the same record too."""

    def calls(self) -> list[dict[str, Any]]:
        """The calls that are up, as JSON objects."""

    def refused(self) -> list[dict[str, Any]]:
        """The newest INVITEs that were refused, newest first; see `agent.core.refusals.RefusedInvite`."""

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
        """Projects whose signals do not get through, and why."""

    async def reload(self, *, confirmed: bool, cause: Cause) -> ReloadAnswer:
        """Load the configuration again, all or nothing; ``confirmed``: also when most numbers go."""

    def fingerprint(self) -> str:
        """That of carriers, projects and number maps in force; nodes of a fleet have the same."""

    def kept_out(self) -> ReloadAnswer | None:
        """The last reload, when it left what is on disk out of force; None when it did not."""

    def drain(self) -> None:
        """Take no new calls from now on."""

    def end_drain(self) -> bool:
        """Take calls again; False when the process was told to end, which stays so."""

    def numbers_shown(self) -> bool:
        """Whether phone numbers are shown as they are."""

    def metrics(self) -> bytes:
        """All metrics in Prometheus' text format."""


class SignalDesk(Protocol):
    """The signals in this node's storage, and what an operator decides about them."""

    async def signals(self, query: SignalQuery) -> Sequence[Signal]:
        """Signals, newest first."""

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


class MapDesk(Protocol):
    """The number map in force, how it came there, and how it might become."""

    def reloads(self, most: int) -> list[dict[str, Any]]:
        """What became of the newest reloads, newest first; see `agent.core.reloads.ReloadRecord`."""

    async def preview(self, draft: Draft) -> dict[str, Any]:
        """What number maps would change, and the calls that are up on numbers that move.

        Raises:
            DraftError: it is none.
            AgentError: it can't be found out now.
        """

    def route(self, number: str, carrier: str | None, token: str | None) -> dict[str, Any]:
        """Who takes a number and why; see `agent.core.routing.Route`.

        Raises:
            KeyError: there is no such carrier.
        """

    def numbers(self, search: str, most: int) -> dict[str, Any]:
        """The first rules that have a text: numbers that begin so or are covered, projects and labels."""

    def carriers(self) -> Sequence[str]:
        """Names of the carriers in force."""

    def files(self) -> Sequence[str]:
        """Names of the files that the map in force is from."""


class ConfigurationDesk(Protocol):
    """The configuration in force."""

    def snapshot(self) -> Snapshot:
        """All of it, frozen."""

    def restart_waits(self) -> Sequence[str]:
        """Keys whose new value waits for the next start."""

    def restart_keys(self) -> Sequence[str]:
        """First words of keys of agent.yaml that are read at the start alone."""


class OperationsDesk(CallDesk, NodeDesk, SignalDesk, OverviewDesk, ConfigurationDesk, Protocol):
    """What the operations listener needs."""

    @property
    def maps(self) -> MapDesk:
        """The number map."""
