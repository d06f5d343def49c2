# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps one token per credential, however many calls need it, and renews it ahead of its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from agent.core.errors import CxoneError
from agent.core.model.cxone import CxoneTenant
from agent.core.retries import LONGEST_HEEDED
from agent.cxone.discovery import Discovery
from agent.cxone.exchange import ExchangeError
from agent.cxone.token_request import Credential, Token, TokenRequestRefusedError, request_token
from agent.telemetry.logs import logger
from agent.web.client import Client
from agent.web.single_flight import BrokeError, begin, joined

_log: Final = logger("cxone")

_SHORTEST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0
_SHORTEST_BAN: Final = 30.0
_LONGEST_BAN: Final = 600.0
_NEAR_ITS_END: Final = 5.0
_RENEWED_WHILE_USED_WITHIN: Final = 86_400.0

LOGIN_FAILING: Final = "login_failing"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A credential that somebody has to see to.

    Attributes:
        issuer: where it is used.
        client_id: whose it is.
        error: an OAuth error code, or a name of ours.
        text: why, in one line.
        since: seconds since the epoch.
        refused: it is refused, and only a change helps; False when it may heal by itself.
    """

    issuer: str
    client_id: str
    error: str
    text: str
    since: float
    refused: bool = True


class BackedOffError(CxoneError):
    """Not asked now, since it failed a moment ago; ``pause`` seconds from now it will be."""

    retryable = True

    def __init__(self, text: str, pause: float) -> None:
        super().__init__(text)
        self.pause = pause


@dataclass(slots=True)
class _Kept:
    """What is known of one credential."""

    cxone: CxoneTenant
    used: float
    token: Token | None = None
    task: asyncio.Task[Token] | None = None
    timer: asyncio.TimerHandle | None = None
    not_before: float = 0.0
    failures: int = 0
    why: str = ""
    alarm: Alarm | None = None
    failing_since: float = 0.0


class Tokens:
    """The tokens of all credentials; lives on the event loop.

    ``on_token`` is told the outcome of every token request: ``issued``, ``refused`` or ``failed``.
    """

    def __init__(
        self,
        session: Client,
        discovery: Discovery,
        clock: Callable[[], float],
        on_token: Callable[[str], None],
    ) -> None:
        self._session, self._discovery, self._clock, self._on_token = session, discovery, clock, on_token
        self._kept: dict[Credential, _Kept] = {}
        self._wanted: frozenset[Credential] | None = None

    async def get(self, cxone: CxoneTenant) -> Token:
        """A token that is good by its time; one request serves all who wait.

        Raises:
            CxoneError: there is none to be had (`TokenRequestRefusedError`, `BackedOffError` and others).
        """
        now = self._clock()
        kept = self._keep(cxone, now)
        if kept.token is not None and now < kept.token.expires:
            if now >= kept.token.renew_at and now >= kept.not_before:
                self._renew(kept)
            return kept.token
        return await self._fresh(kept, now)

    async def another(self, cxone: CxoneTenant, refused: Token) -> Token:
        """Another token than one that was refused where signals do not go; they may use it meanwhile.

        Raises:
            CxoneError: there is none to be had.
        """
        now = self._clock()
        kept = self._keep(cxone, now)
        if kept.token is not None and kept.token is not refused and now < kept.token.expires:
            return kept.token
        return await self._fresh(kept, now)

    def at_hand(self, cxone: CxoneTenant) -> Token | None:
        """The token when it is good for some seconds yet, else None; nothing is begun."""
        kept = self._kept.get(Credential.of(cxone))
        if kept is None or kept.token is None or self._clock() >= kept.token.expires - _NEAR_ITS_END:
            return None
        return kept.token

    def invalidate(self, cxone: CxoneTenant, token: Token) -> None:
        """Drop a token that was refused, unless another has taken its place already."""
        kept = self._kept.get(Credential.of(cxone))
        if kept is not None and kept.token is token:
            kept.token = None

    def refused_twice(self, cxone: CxoneTenant, token: Token) -> float:
        """A fresh token was refused as well: stop using the credential for a while.

        Returns:
            The seconds for which no token is asked for.
        """
        now = self._clock()
        kept = self._keep(cxone, now)
        if kept.token is token:
            kept.token = None
            why = "the API refuses fresh tokens; check that the employee has the permission for the Admin API"
            self._ban(kept, why, "token_refused")
        return max(kept.not_before - now, 0.0)

    def proved(self, who: Credential, token: Token) -> None:
        """The API took a token: the credential is fine."""
        kept = self._kept.get(who)
        if kept is not None and kept.token is token and (kept.alarm is not None or kept.failures):
            kept.alarm, kept.failures, kept.not_before = None, 0, 0.0

    def object_to(self, cxone: CxoneTenant, error: str, text: str) -> None:
        """Raise an alarm for a credential that gets tokens and must not be used all the same."""
        kept = self._keep(cxone, self._clock())
        if kept.alarm is None or kept.alarm.error != error:
            kept.alarm = Alarm(cxone.issuer, cxone.client_id, error, text, self._clock())
            _log.error("cxone credential must not be used", issuer=cxone.issuer, why=text)

    def alarm(self, cxone: CxoneTenant) -> Alarm | None:
        """Why somebody has to see to a credential, if somebody has: it is refused, or no log-in goes well."""
        kept = self._kept.get(Credential.of(cxone))
        if kept is None or kept.alarm is not None:
            return None if kept is None else kept.alarm
        if not kept.failures or (kept.token is not None and self._clock() < kept.token.expires):
            return None  # what is failing is a renewal, and there is a token as yet
        return Alarm(
            kept.cxone.issuer,
            kept.cxone.client_id,
            LOGIN_FAILING,
            kept.why,
            kept.failing_since,
            refused=False,
        )

    def keep_only(self, wanted: Iterable[CxoneTenant]) -> None:
        """Forget every credential that is not among those wanted (after a reload).

        A call that began with the old settings may still use one of them; it is just not renewed any more.
        """
        self._wanted = frozenset(Credential.of(cxone) for cxone in wanted)
        for credential in [credential for credential in self._kept if credential not in self._wanted]:
            kept = self._kept.pop(credential)
            if kept.timer is not None:
                kept.timer.cancel()

    async def aclose(self) -> None:
        """End token requests under way."""
        tasks = [kept.task for kept in self._kept.values() if kept.task is not None]
        for task in tasks:
            task.cancel()
        for kept in self._kept.values():
            if kept.timer is not None:
                kept.timer.cancel()
        self._kept.clear()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _keep(self, cxone: CxoneTenant, now: float) -> _Kept:
        kept = self._kept.setdefault(Credential.of(cxone), _Kept(cxone, now))
        kept.used, kept.cxone = now, cxone
        return kept

    async def _fresh(self, kept: _Kept, now: float) -> Token:
        if kept.task is None and now < kept.not_before:
            raise BackedOffError(f"{kept.why}; not tried again for a while", kept.not_before - now)
        return await joined(self._renew(kept))

    def _renew(self, kept: _Kept) -> asyncio.Task[Token]:
        if kept.task is None:
            kept.task = begin(self._renewed(kept))
        return kept.task

    async def _renewed(self, kept: _Kept) -> Token:
        try:
            cxone = kept.cxone
            endpoint = await self._discovery.token_endpoint(cxone)
            who = Credential.of(cxone)
            token = await request_token(self._session, endpoint, who, cxone.timeout, self._clock())
        except TokenRequestRefusedError as refused:
            self._on_token("refused")
            self._ban(kept, str(refused), refused.error)
            raise
        except CxoneError as failed:
            self._on_token("failed")
            self._pause(kept, failed)
            raise
        except Exception as error:  # noqa: BLE001 - an internal error of ours must keep the back-off
            _log.exception("a log-in broke", issuer=kept.cxone.issuer)
            self._on_token("failed")
            broke = BrokeError("the log-in", error)
            self._pause(kept, broke)
            raise broke from None
        else:
            self._on_token("issued")
            self._take(kept, token)
            return token
        finally:
            kept.task = None

    def _take(self, kept: _Kept, token: Token) -> None:
        kept.token = token
        if not token.claims.business_unit:
            _log.warning(
                "the id_token names no business unit: whose access key it is can't be checked",
                issuer=kept.cxone.issuer,
                business_unit=kept.cxone.business_unit,
            )
        if kept.alarm is None or kept.alarm.error != "token_refused":
            # a credential whose fresh tokens the API refuses is only proved by the API, not by one more token
            kept.failures, kept.not_before, kept.alarm = 0, 0.0, None
        self._renew_in(kept, token.renew_at - self._clock())

    def _renew_in(self, kept: _Kept, seconds: float) -> None:
        if self._kept.get(Credential.of(kept.cxone)) is not kept:
            return  # forgotten meanwhile
        if kept.timer is not None:
            kept.timer.cancel()
        kept.timer = asyncio.get_running_loop().call_later(max(seconds, 0.0), self._renew_if_used, kept)

    def _renew_if_used(self, kept: _Kept) -> None:
        """Renew ahead of the end, so that no call waits for a token; not for ever where none comes."""
        wanted = self._wanted is None or Credential.of(kept.cxone) in self._wanted
        used = self._clock() - kept.used < _RENEWED_WHILE_USED_WITHIN
        if wanted and used and kept.token is not None:
            self._renew(kept)

    def _pause(self, kept: _Kept, failed: CxoneError) -> None:
        asked = failed.pause if isinstance(failed, ExchangeError | BackedOffError) else None
        pause = min(_SHORTEST_PAUSE * 2**kept.failures, _LONGEST_PAUSE)
        kept.failing_since = kept.failing_since if kept.failures else self._clock()
        kept.failures = min(kept.failures + 1, 10)
        kept.why = str(failed)
        pause = max(pause, min(asked or 0.0, LONGEST_HEEDED))
        kept.not_before = self._clock() + pause
        _log.warning("cxone log-in failed", issuer=kept.cxone.issuer, why=kept.why, pause=pause)
        if kept.token is not None and self._clock() < kept.token.expires:
            self._renew_in(kept, pause)

    def _ban(self, kept: _Kept, why: str, error: str) -> None:
        now = self._clock()
        ban = min(_SHORTEST_BAN * 2**kept.failures, _LONGEST_BAN)
        kept.failures = min(kept.failures + 1, 10)
        kept.why, kept.not_before = why, now + ban
        since = kept.alarm.since if kept.alarm is not None else now
        kept.alarm = Alarm(kept.cxone.issuer, kept.cxone.client_id, error, why, since)
        _log.error("cxone credential refused", issuer=kept.cxone.issuer, why=why, pause=ban)
