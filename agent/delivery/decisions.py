# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator may decide about a signal: let one that failed go out again, or withdraw one that waits.

The rules stand here once, for the running agent and for a command that works on the storage without it. A
decision is durable, with who and when, before anything follows from it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

from agent.core.errors import AgentError
from agent.core.model.project import Project
from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, Decision, Signal
from agent.delivery.store import Store

Refusal: TypeAlias = Literal["not_found", "conflict", "unconfirmed"]

_LONGEST_NAME: Final = 80
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
    """Put a settled signal that NICE did not accept back to ``recorded``; delivery is the caller's to begin.

    Args:
        store: where it is.
        signal_id: the signal.
        by: who decides, for the record.
        confirmed: whether the danger of a second run of the script was accepted.
        project_of: the project in force by account and name; its ``signal_ttl`` counts from now.
        now: seconds since the epoch.

    Raises:
        DecisionRefusedError: it can't be, or must be confirmed first.
        StorageError: nothing was changed.
    """
    signal = await _known(store, signal_id)
    _must_be_settled_in_vain(signal)
    project = project_of(signal.account, signal.project)
    if project is None or project.cxone is None:
        raise DecisionRefusedError(
            f"project {signal.project} has no CXone tenant in the configuration any more", "conflict"
        )
    if not confirmed and (danger := await _danger(store, signal)):
        raise DecisionRefusedError(danger, "unconfirmed")
    reopened = await store.reopen_signal(
        signal_id, now + project.signal_ttl, Attempt(now, now, Decision.RETRY.value, None, _who(by))
    )
    if reopened is None:
        _must_be_settled_in_vain(await _known(store, signal_id))
        raise DecisionRefusedError(f"signal {signal_id} changed meanwhile: look at it again", "conflict")
    return reopened


async def discard(store: Store, signal_id: str, *, by: str, now: float) -> Signal:
    """Cancel a signal that is ``recorded``; gives it as it stands then.

    Raises:
        DecisionRefusedError: there is none, or it is in another state.
        StorageError: nothing was changed.
    """
    if not await store.discard_signal(signal_id, Attempt(now, now, Decision.DISCARD.value, None, _who(by))):
        state = (await _known(store, signal_id)).state
        why = "its request may be at NICE" if state is SignalState.SENDING else "nothing will be sent"
        raise DecisionRefusedError(
            f"signal {signal_id} is {state.value}: {why}; only a recorded one can be discarded", "conflict"
        )
    return await _known(store, signal_id)


async def _known(store: Store, signal_id: str) -> Signal:
    signal = await store.signal(signal_id)
    if signal is None:
        raise DecisionRefusedError(f"there is no signal {signal_id}", "not_found")
    return signal


def _must_be_settled_in_vain(signal: Signal) -> None:
    match signal.state:
        case SignalState.ACCEPTED:
            text = "NICE accepted it, and a second one would restart the script"
        case SignalState.RECORDED:
            text = "it is still to be sent, and will be without help"
        case SignalState.SENDING:
            text = "its request is on the way; wait for what becomes of it"
        case _:
            return
    raise DecisionRefusedError(f"signal {signal.signal_id} is {signal.state.value}: {text}", "conflict")


async def _danger(store: Store, signal: Signal) -> str:
    """What a retry might do to the caller, if anything."""
    if signal.state is SignalState.UNKNOWN:
        return (
            f"signal {signal.signal_id} is unknown: NICE may have taken it, and a second one restarts the "
            "script on the caller"
        )
    if signal.moment is Moment.ARRIVAL:
        for other in await store.signals(call_id=signal.call_id):
            if other.moment.terminal and other.state in _AT_NICE:
                terminal = f"the {other.moment.value} signal of this call is {other.state.value}"
                return f"{terminal}: an arrival after it restarts the script on the caller"
    return ""


def _who(by: str) -> str:
    name = "".join(character for character in by if character.isprintable()).strip()
    return f"by {name[:_LONGEST_NAME] or 'an unnamed operator'}"
