# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices credentials whose signals fail, for whatever reason: NICE says no, no log-in, no connection. Pure.

Each signal has its own end; a tenant of whom none gets through needs a person before its callers notice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agent.core.outcomes import Answer, Outcome
from agent.cxone.token import Alarm
from agent.cxone.token_request import Credential

SIGNALS_FAILING: Final = "signals_failing"
MANY: Final = 10
"""Tries in vain, one after the other, that are enough at once: at half of them failing, one in a thousand."""
FEW: Final = 3
FEW_SECONDS: Final = 30.0
"""So many are enough when they stretch over this time: a tenant with a call now and then."""
OVER_SECONDS: Final = 600.0
"""An alarm that nothing has confirmed for so long is over: nobody signals, so nobody knows."""
# They say nothing of whether signals get through: the contact has gone, or nothing was tried.
_SILENT: Final = frozenset({Outcome.UNKNOWN_CONTACT, Outcome.BREAKER_OPEN})


@dataclass(slots=True)
class _Row:
    """Tries in vain since the last that NICE took. Times are seconds since the epoch."""

    since: float
    last: float
    count: int
    why: str

    def alarming(self, now: float) -> bool:
        if now - self.last > OVER_SECONDS:
            return False
        return self.count >= MANY or (self.count >= FEW and self.last - self.since >= FEW_SECONDS)


class Troubles:
    """What was tried in vain, by credential."""

    def __init__(self) -> None:
        self._rows: dict[Credential, _Row] = {}

    def learn(self, who: Credential, answer: Answer, now: float) -> bool:
        """Take the outcome of one try.

        Returns:
            Whether there is an alarm now that was none before, or none any more.
        """
        if answer.outcome in _SILENT:
            return False
        if answer.accepted and not self._rows:
            return False
        row = self._rows.get(who)
        was = row is not None and row.alarming(now)
        if answer.accepted:
            self._rows.pop(who, None)
            return was
        if row is None or now - row.last > OVER_SECONDS:
            row = self._rows[who] = _Row(now, now, 0, "")
        row.count, row.last, row.why = row.count + 1, now, _told(answer)
        return row.alarming(now) != was

    def alarm(self, who: Credential, now: float) -> Alarm | None:
        """The alarm of a credential, if there is one."""
        row = self._rows.get(who)
        if row is None or not row.alarming(now):
            return None
        text = f"no signal was accepted, the last {row.count} tries were in vain: {row.why}"
        return Alarm(who.issuer, who.client_id, SIGNALS_FAILING, text, row.since, refused=False)

    def keep_only(self, wanted: frozenset[Credential]) -> None:
        """Forget all other credentials (after a reload)."""
        self._rows = {who: row for who, row in self._rows.items() if who in wanted}


def _told(answer: Answer) -> str:
    """The outcome and what is known of it; holds no parameter and no secret, as every detail."""
    return f"{answer.outcome.meaning.told} ({answer.detail or answer.outcome.value})"
