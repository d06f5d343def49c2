# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator may decide about an entry of the outbox: let it go out again, or withdraw it.

The rules stand here once, for the running agent and for a command that works on the storage without it. A
decision is durable, with who and when, before anything follows from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from agent.core.errors import AgentError
from agent.core.model.project import Project
from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, Channel, Decision, Signal
from agent.core.transcript import USEFUL_SECONDS
from agent.delivery.queries import SignalQuery
from agent.delivery.store import Store

Refusal: TypeAlias = Literal["not_found", "conflict", "unconfirmed"]

_LONGEST_NAME: Final = 300  # who, and why
_ACCEPTED: Final = {
    Channel.SIGNAL: "NICE accepted it, and a second one would restart the script",
    Channel.WEBHOOK: "the customer's system acknowledged it",
    Channel.TRANSCRIPT: "NICE accepted it, and takes one of a contact",
}
_NEEDED: Final = {
    Channel.SIGNAL: "CXone tenant",
    Channel.WEBHOOK: "webhook",
    Channel.TRANSCRIPT: "cxone.transcripts",
}
_AT_NICE: Final = frozenset({SignalState.SENDING, SignalState.ACCEPTED, SignalState.UNKNOWN})


class DecisionRefusedError(AgentError):
    """The decision can't be carried out.

    Attributes:
        refusal: ``not_found``; ``conflict`` when the signal's state forbids it; ``unconfirmed`` when it is
            possible and dangerous, and was not confirmed.
    """

    def __init__(self, text: str, refusal: Refusal) -> None:
        super().__init__(text)
        self.refusal = refusal


async def retry(
    store: Store,
    signal_id: str,
    *,
    by: str,
    confirmed: bool,
    project_of: Callable[[str, str], Project | None],
    now: float,
) -> Signal:
    """Put a settled entry that was not accepted back to ``recorded``; delivery is the caller's to begin.

    Args:
        store: where it is.
        signal_id: the signal, webhook or transcript.
        by: who decides, for the record.
        confirmed: whether the danger of a second run of the script, or a second transcript, was accepted.
        project_of: the project in force by account and name; ``signal_ttl``, or the webhook's ``ttl``, counts
            from now.
        now: seconds since the epoch.

    Raises:
        DecisionRefusedError: it can't be, or must be confirmed first.
        StorageError: nothing was changed.
    """
    signal = await _known(store, signal_id)
    _must_be_settled_in_vain(signal)
    useful = _useful_seconds(signal, project_of(signal.account, signal.project))
    if not confirmed and (danger := await _danger(store, signal)):
        raise DecisionRefusedError(danger, "unconfirmed")
    reopened = await store.reopen_signal(
        signal_id, now + useful, Attempt(now, now, Decision.RETRY.value, None, _who(by))
    )
    if reopened is None:
        _must_be_settled_in_vain(await _known(store, signal_id))
        raise DecisionRefusedError(f"{_named(signal)} changed meanwhile: look at it again", "conflict")
    return reopened


async def discard(store: Store, signal_id: str, *, by: str, now: float) -> Signal:
    """Cancel an entry that is ``recorded``; gives it as it stands then.

    Raises:
        DecisionRefusedError: there is none, or it is in another state.
        StorageError: nothing was changed.
    """
    if not await store.discard_signal(signal_id, Attempt(now, now, Decision.DISCARD.value, None, _who(by))):
        signal = await _known(store, signal_id)
        on_wire = signal.state is SignalState.SENDING
        why = "its request may have arrived" if on_wire else "nothing will be sent"
        raise DecisionRefusedError(
            f"{_named(signal)} is {signal.state.value}: {why}; only a recorded one can be discarded",
            "conflict",
        )
    return await _known(store, signal_id)


async def _known(store: Store, signal_id: str) -> Signal:
    signal = await store.signal(signal_id)
    if signal is None:
        raise DecisionRefusedError(f"unknown signal {signal_id}", "not_found")
    return signal


def _must_be_settled_in_vain(signal: Signal) -> None:
    match signal.state:
        case SignalState.ACCEPTED:
            text = _ACCEPTED[signal.channel]
        case SignalState.RECORDED:
            text = "it is still to be sent, and will be without help"
        case SignalState.SENDING:
            text = "its request is on the way; wait for what becomes of it"
        case _:
            return
    raise DecisionRefusedError(f"{_named(signal)} is {signal.state.value}: {text}", "conflict")


def _useful_seconds(signal: Signal, project: Project | None) -> float:
    """How long an entry that goes out again is of use."""
    if signal.channel is Channel.WEBHOOK and project is not None and project.webhook is not None:
        return project.webhook.ttl
    tenant = None if project is None else project.cxone
    if signal.channel is Channel.TRANSCRIPT and tenant is not None and tenant.transcripts is not None:
        return USEFUL_SECONDS
    if signal.channel is Channel.SIGNAL and project is not None and tenant is not None:
        return project.signal_ttl
    raise DecisionRefusedError(
        f"project {signal.project} has no {_NEEDED[signal.channel]} in the configuration any more", "conflict"
    )


def _named(signal: Signal) -> str:
    return f"{signal.channel.value} {signal.signal_id}"


async def _danger(store: Store, signal: Signal) -> str:
    """What a retry might do to the caller, if anything."""
    if signal.channel is Channel.TRANSCRIPT and signal.state is SignalState.UNKNOWN:
        return f"{_named(signal)} is unknown: NICE may have taken it, and would have it twice"
    if signal.channel is not Channel.SIGNAL:
        return ""
    if signal.state is SignalState.UNKNOWN:
        return (
            f"signal {signal.signal_id} is unknown: NICE may have taken it, and a second one restarts the "
            "script on the caller"
        )
    if signal.moment is Moment.ARRIVAL:
        for other in await store.signals(SignalQuery(signal.call_id)):
            if other.moment.terminal and other.state in _AT_NICE:
                terminal = f"the {other.moment.value} signal of this call is {other.state.value}"
                return f"{terminal}: an arrival after it restarts the script on the caller"
    return ""


def _who(by: str) -> str:
    name = "".join(character for character in by if character.isprintable()).strip()
    return f"by {name[:_LONGEST_NAME] or 'an unnamed operator'}"
