# SPDX-License-Identifier: GPL-3.0-or-later
"""The newest INVITEs that were refused, in memory: a refused call has no record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from agent.core.reasons import Reason

AT_MOST: Final = 1000
_LONGEST: Final = 256
_CHALLENGE: Final = 401


@dataclass(frozen=True, slots=True)
class RefusedInvite:
    """One INVITE that was refused.

    Attributes:
        when: seconds since the epoch.
        call_id: our id; the story of its SIP messages has the same.
        sip_call_id: the caller's Call-ID.
        source: the address it came from, without the port.
        number: the number it asked for, as far as that can be told; empty where it can't.
        project: whose number it is, where that is known.
        code: the SIP status of the answer.
        reason: why, a value of `Reason`.
        detail: the same, more closely; holds no secret.
    """

    when: float
    call_id: str
    sip_call_id: str
    source: str
    number: str
    project: str
    code: int
    reason: str
    detail: str


class Refusals:
    """A ring of them: each new one beyond `at_most` takes the place of the oldest.

    A digest challenge that the caller then answered was no refusal, so it leaves with what comes next
    under its Call-ID.
    """

    def __init__(self, at_most: int = AT_MOST) -> None:
        self._at_most = at_most
        self._kept: dict[str, RefusedInvite] = {}
        self._challenged: dict[str, str] = {}

    def add(self, refused: RefusedInvite) -> None:
        """Keep one. What a peer wrote is cut, so that the ring stays small."""
        refused = replace(
            refused,
            sip_call_id=refused.sip_call_id[:_LONGEST],
            number=refused.number[:_LONGEST],
            detail=refused.detail[:_LONGEST],
        )
        self.went_on(refused.sip_call_id)
        self._kept[refused.call_id] = refused
        if refused.reason == Reason.UNAUTHORIZED.value and refused.code == _CHALLENGE:
            self._challenged[refused.sip_call_id] = refused.call_id
        if len(self._kept) > self._at_most:
            oldest = self._kept.pop(next(iter(self._kept)))
            if self._challenged.get(oldest.sip_call_id) == oldest.call_id:
                del self._challenged[oldest.sip_call_id]

    def went_on(self, sip_call_id: str) -> None:
        """Another INVITE of this Call-ID was judged: a challenge before it is forgotten."""
        call_id = self._challenged.pop(sip_call_id[:_LONGEST], None)
        if call_id is not None:
            self._kept.pop(call_id, None)

    def newest(self) -> list[RefusedInvite]:
        """All that are kept, the newest first."""
        return list(reversed(self._kept.values()))
