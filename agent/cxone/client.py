# SPDX-License-Identifier: GPL-3.0-or-later
"""The NICE CXone side: tokens, discovery, and one signal after another.

What a signal passes: a token (shared), the tenant's api_endpoint (cached), the circuit breaker, then exactly
one POST; a second one only after a 401 or 403, which surely had no effect, with a token fetched anew.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

from agent.core.errors import CxoneError
from agent.core.model.cxone import CxoneTenant
from agent.core.model.project import Project
from agent.core.outcomes import Answer, Outcome, TokenVerdict
from agent.cxone import claims
from agent.cxone.access import Access, Health, no_access
from agent.cxone.api import ask
from agent.cxone.discovery import Discovery
from agent.cxone.signal import without_gaps
from agent.cxone.token import Alarm, BackedOffError, Tokens
from agent.cxone.token_request import Credential, Token
from agent.cxone.troubles import Troubles
from agent.telemetry.logs import logger
from agent.web.client import Client

_log: Final = logger("cxone")

_NOT_FOUND_IN_A_ROW: Final = 5
_ACCESS_KEPT: Final = 10.0
_OLD_ENOUGH_TO_RENEW: Final = 300.0
_MISDIRECTED: Final = 421


class Cxone:
    """Signals contacts; lives on the event loop. The session (`agent.web.session`) stays the caller's."""

    def __init__(
        self,
        session: Client,
        clock: Callable[[], float] = time.time,
        on_token: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._session, self._clock = session, clock
        self._discovery = Discovery(session, clock)
        self._tokens = Tokens(session, self._discovery, clock, on_token)
        self._tenants: dict[tuple[str, str], Health] = {}
        self._troubles = Troubles()
        self._known: dict[int, Access] = {}  # by identity of their settings, which each holds on to

    async def ready(self, project: Project) -> None:
        """Get a token and find the tenant's endpoint, unless that is done already.

        Raises:
            CxoneError: it can't be done; ``retryable`` tells whether it may go well later, unchanged.
        """
        await self.access(_settings(project))

    def can_send_now(self, project: Project) -> bool:
        """Whether a request could leave at once: nothing to wait for, and the breaker closed."""
        if project.cxone is None:
            return False
        access = self._known_access(project.cxone)
        if access is not None:
            tenant = access.tenant
        elif (token := self._tokens.at_hand(project.cxone)) is not None:
            tenant = token.claims.issuer, token.claims.tenant_id
            if not self._discovery.at_hand(*tenant):
                return False
        else:
            return False
        health = self._tenants.get(tenant)
        return health is None or not health.breaker.is_open

    def keep_only(self, projects: Iterable[Project]) -> None:
        """Forget the credentials that none of these projects uses (after a reload)."""
        self._known.clear()
        wanted = [project.cxone for project in projects if project.cxone is not None]
        self._tokens.keep_only(wanted)
        self._troubles.keep_only(frozenset(map(Credential.of, wanted)))

    def alarm(self, project: Project) -> Alarm | None:
        """Why signals of a project don't get through, if that is so and somebody should know."""
        if project.cxone is None:
            return None
        alarm = self._tokens.alarm(project.cxone)
        return alarm or self._troubles.alarm(Credential.of(project.cxone), self._clock())

    async def signal(
        self,
        project: Project,
        contact_id: str,
        parameters: Mapping[str, str],
        *,
        before_send: Callable[[], Awaitable[None]] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - part of the seam
        again: bool = False,
    ) -> Answer:
        """Signal a contact once.

        Args:
            project: whose CXone tenant is asked.
            contact_id: the spawned contact's id.
            parameters: values by name p1..p9.
            before_send: awaited when all is at hand and before any byte of the request may leave, and again
                before the request is repeated with a fresh token. What it raises passes: the signal was then
                not sent, or refused with 401.
            timeout: seconds for getting token and endpoint, and again for the request; the project's
                ``cxone.timeout`` when None.
            again: it was tried before, or had to wait: what fails in part is not asked without bound.

        Returns:
            What became of it. Nothing that NICE or the network does is raised.

        Raises:
            ValueError: a parameter's name is not one of p1..p9.
            CxoneError: the project has no cxone section.
        """
        cxone = _settings(project)
        limit = cxone.timeout if timeout is None else timeout
        values = without_gaps(parameters)
        access, answer = await self._attempt(cxone, contact_id, values, before_send, limit, again=again)
        if access is not None and self._needs_fresh_token(access, answer):
            self._known.clear()
            self._tokens.invalidate(cxone, access.token)
            access, answer = await self._attempt(cxone, contact_id, values, before_send, limit, again=True)
            if access is not None and answer.outcome.meaning.token is TokenVerdict.REFUSED:
                self._known.clear()
                answer = replace(answer, retry_after=self._tokens.refused_twice(cxone, access.token))
        who = Credential.of(cxone) if access is None else access.credential
        if self._troubles.learn(who, answer, self._clock()):
            _tell_of_trouble(project, self.alarm(project))
        return answer

    async def aclose(self) -> None:
        """End what runs in the background; the session is left open."""
        await self._tokens.aclose()
        await self._discovery.aclose()

    async def access(self, cxone: CxoneTenant, limit: float | None = None) -> Access:
        """Get a token and find the tenant's endpoint, in ``limit`` seconds; raises `CxoneError`."""
        if (known := self._known_access(cxone)) is not None:
            return known
        try:
            async with asyncio.timeout(limit):
                token = await self._tokens.get(cxone)
                self._check(cxone, token)
                at = token.claims
                endpoint = await self._discovery.api_endpoint(cxone, at.issuer, at.tenant_id)
        except TimeoutError:
            raise BackedOffError("log-in and discovery took too long", 1.0) from None
        good_until = min(token.renew_at, self._clock() + _ACCESS_KEPT)
        health = self._tenants.setdefault((at.issuer, at.tenant_id), Health())
        try:
            access = Access(cxone, Credential.of(cxone), token, endpoint, health, good_until)
        except ValueError as error:
            raise CxoneError(f"the tenant's api_endpoint: {error}") from None
        self._known[id(cxone)] = access
        return access

    async def fresh_access(self, access: Access, limit: float) -> Access:
        """The same with another token, which signals do not wait for; raises `CxoneError`."""
        try:
            async with asyncio.timeout(limit):
                token = await self._tokens.another(access.cxone, access.token)
        except TimeoutError:
            raise BackedOffError("the log-in took too long", 1.0) from None
        self._check(access.cxone, token)
        self._known.clear()  # the next finds the new token
        return replace(access, token=token)

    def _known_access(self, cxone: CxoneTenant) -> Access | None:
        """The access found a moment ago: most signals need not look at token, hosts and endpoint again."""
        access = self._known.get(id(cxone))
        return access if access is not None and self._clock() < access.good_until else None

    def _check(self, cxone: CxoneTenant, token: Token) -> None:
        try:
            claims.check_business_unit(token.claims, cxone.business_unit)
        except claims.WrongBusinessUnitError as error:
            self._tokens.object_to(cxone, "wrong_business_unit", str(error))
            raise

    async def _attempt(
        self,
        cxone: CxoneTenant,
        contact_id: str,
        values: dict[str, str],
        before_send: Callable[[], Awaitable[None]] | None,
        limit: float,
        *,
        again: bool,
    ) -> tuple[Access | None, Answer]:
        """Send at most one request; None for the access when there was none, so that nothing was sent."""
        try:
            access = self._known_access(cxone) or await self.access(cxone, limit)
            request = access.signal(contact_id, values)
        except CxoneError as error:
            return None, no_access(error)
        except ValueError as error:
            return None, Answer(Outcome.BAD_REQUEST, None, f"not sent: {error}")
        held = access.health.admit(self._clock(), again=again)
        if held is not None:
            return None, held
        if before_send is not None:
            await before_send()
        answer = await ask(
            self._session,
            access,
            request,
            limit,
            secrets=values.values,
            clock=self._clock,
            event="cxone signal answered",
        )
        self._learn(access, answer)
        return access, answer

    def _learn(self, access: Access, answer: Answer) -> None:
        """Tell breaker, discovery and tokens what an answer says of the tenant's API."""
        tenant = access.health
        tenant.record(self._clock(), answer.outcome)
        tenant.not_found = tenant.not_found + 1 if answer.outcome is Outcome.UNKNOWN_CONTACT else 0
        lost = answer.outcome is Outcome.NOT_SENT or answer.status == _MISDIRECTED
        if lost or tenant.not_found >= _NOT_FOUND_IN_A_ROW:
            tenant.not_found = 0
            self._known.clear()
            self._discovery.doubt(*access.tenant)
        if answer.outcome.meaning.token is TokenVerdict.GOOD:
            self._tokens.proved(access.credential, access.token)

    def _needs_fresh_token(self, access: Access, answer: Answer) -> bool:
        """After a 401, and after a 403 if the token is from before a permission may have been given.

        Neither had an effect. A fresh token for every 403 would make a storm of token requests.
        """
        old = self._clock() - access.token.born > _OLD_ENOUGH_TO_RENEW
        verdict = answer.outcome.meaning.token
        return verdict is TokenVerdict.REFUSED or (old and verdict is TokenVerdict.OUTDATED)


def _settings(project: Project) -> CxoneTenant:
    if project.cxone is None:
        raise CxoneError(f"project {project.project} has no cxone section; nothing can be signalled")
    return project.cxone


def _tell_of_trouble(project: Project, alarm: Alarm | None) -> None:
    if alarm is None:
        _log.info("signals are accepted again", project=project.project)
    else:
        _log.error("signals fail", project=project.project, error=alarm.error, why=alarm.text)
