# SPDX-License-Identifier: GPL-3.0-or-later
"""What a leg's event means once native code has returned: the leg knows more by then than the callback did.

Each function has the leg and its event, and gives what is reported of it: nothing, or events in order.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from agent.core.leg_ends import lost_callee, lost_caller
from agent.core.reasons import Reason
from agent.sip import events as on
from agent.sip.leg import Leg

_TRYING: Final = 100
_SESSION_PROGRESS: Final = 183


def handed_on(leg: Leg, event: on.LegEvent, *, srtp: bool) -> tuple[on.LegEvent, ...]:
    """What is reported of an event; one of a leg's end has let go of the leg.

    Args:
        leg: whose it is; it is brought up to date.
        event: as it was queued.
        srtp: whether SRTP may come unasked.
    """
    meaning = _MEANINGS.get(type(event))
    return (event,) if meaning is None else meaning(leg, event, srtp)


def _audio_changed(leg: Leg, _: on.AudioChanged, __: bool) -> tuple[on.LegEvent, ...]:  # noqa: FBT001 - a table's
    leg.audio.reconnect()
    if not leg.early or not leg.audio.flowing or leg.answered:
        return ()
    return (on.Provisional(leg.key, _SESSION_PROGRESS, media=True),)


def _notified(leg: Leg, _: on.NotifyAnswered, __: bool) -> tuple[on.LegEvent, ...]:  # noqa: FBT001 - a table's
    leg.notified()
    return ()


def _ended(leg: Leg, event: on.Ended, _: bool) -> tuple[on.LegEvent, ...]:  # noqa: FBT001 - a table's
    useless = leg.dialled and leg.answered and not leg.confirmed and not leg.leaving
    leg.dispose()
    ended = on.Ended(leg.key, event.status, event.text, event.bye, leg.audio.traffic, _lost(leg, event))
    # The stack may have seen for itself that nothing can come of the 2xx.
    return (on.Confirmed(leg.key, audio=False), ended) if useless else (ended,)


def _confirmed(leg: Leg, _: on.Confirmed, srtp: bool) -> tuple[on.LegEvent, ...]:  # noqa: FBT001 - a table's
    leg.confirmed = True
    # On hold from its first moment (RFC 3264 section 8.4) it has no stream yet, and is good.
    useless = leg.unasked_srtp and not srtp
    return (on.Confirmed(leg.key, audio=(leg.audio.flowing or leg.held) and not useless),)


def _provisional(leg: Leg, event: on.Provisional, _: bool) -> tuple[on.LegEvent, ...]:  # noqa: FBT001 - a table's
    if event.status <= _TRYING:
        return (event,)
    leg.early = True
    # Whether audio can flow is known only when the stack has read the SDP. Where the 2xx is here as well, the
    # audio is that one's.
    return (on.Provisional(leg.key, event.status, media=leg.audio.flowing and not leg.answered),)


_MEANINGS: Final[dict[type, Callable[[Leg, Any, bool], tuple[on.LegEvent, ...]]]] = {
    on.AudioChanged: _audio_changed,
    on.NotifyAnswered: _notified,
    on.Ended: _ended,
    on.Confirmed: _confirmed,
    on.Provisional: _provisional,
}


def _lost(leg: Leg, event: on.Ended) -> Reason | None:
    """Why the stack gave a leg up that nobody wanted to end."""
    if leg.leaving:
        return None
    if leg.dialled:
        return lost_callee(event.status, confirmed=leg.confirmed)
    return lost_caller(event.status, event.text, answered=leg.answered, confirmed=leg.confirmed)
