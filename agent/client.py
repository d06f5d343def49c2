# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the handoff API, for those who build voice agents; docs/voice-agents.md shows it at work.

It needs aiohttp and nothing else of this package: copy this file into your own project if you like.

Nothing is retried here. A request that failed may be sent again whenever the error says `retryable`: a call
has only one terminal moment, so asking twice never hands a caller over twice; the second time is a 409.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypedDict, Unpack
from urllib.parse import quote

import aiohttp

_TRY_LATER = (0, 429, 502, 503, 504)


class HandoffError(Exception):
    """The agent did not do what was asked; ``str(error)`` says why, in one line.

    Attributes:
        status: the HTTP status; 0 when no answer came, and nobody knows whether the request had an effect.
        retryable: whether the same request may succeed later, ``retry_after`` seconds from now if known.
        request_id: under which the agent's log knows the request.
        fields: what is wrong in the body (status 422), each ``{"field": …, "error": …}``.
        handoff_id: of the handoff that was made before (status 409), for `HandoffClient.status`; else empty.
    """

    def __init__(
        self,
        status: int,
        text: str,
        headers: Mapping[str, str],
        fields: Sequence[Any] = (),
        handoff_id: str = "",
    ) -> None:
        super().__init__(text)
        later = headers.get("Retry-After", "")
        self.status = status
        self.retryable = status in _TRY_LATER
        self.retry_after = float(later) if later.isdecimal() else None
        self.request_id = headers.get("X-Request-Id", "")
        self.fields = tuple(fields)
        self.handoff_id = handoff_id


class WhichCall(TypedDict, total=False):
    """X-Call-Id or X-Contact-Id of the INVITE; one of them is needed."""

    call_id: str
    contact_id: str


class Ask(WhichCall, total=False):
    """What may be said at a handoff."""

    destination: str  # where CXone's script shall take the caller
    skill: str  # which skill the person needs
    reason: str  # why you hand off
    parameters: Mapping[str, str]  # p1 to p9, in place of what the project's templates would give
    data: Mapping[str, Any]  # any JSON object, for the desktop that takes the caller
    shared_id: str  # a key of your own under which the desktop may ask for it


class Transcript(WhichCall, total=False):
    """What may be said of a call for NICE's transcript store; the call may be over."""

    entries: Sequence[Mapping[str, Any]]  # {"who": "bot" | "patron", "text": …, "at": seconds or ISO 8601}
    completion: Literal["contained", "escalated"]  # escalated: a human went on
    details: str
    summary: str


@dataclass(frozen=True, slots=True)
class Handoff:
    """A handoff that was taken.

    Attributes:
        id: for `HandoffClient.status` and `HandoffClient.state`.
        state: of its signal to CXone: ``recorded``, ``sending``, ``accepted``, ``refused``, ``unknown``,
            ``expired``, ``cancelled``, or ``unsignalled`` where the project sends none.
        caller: where the caller is: ``voice_agent`` (go on until the agent ends your leg), ``on_the_way``,
            ``queue``, ``gone``, or ``kept``: CXone did not take the caller, who stays with you.
        attempts: each try to signal, as the agent tells it.
        warnings: of p1 to p9 that were too long and were cut, each ``{"field": "p1", "warning": …}``.
    """

    id: str
    state: str
    caller: str
    attempts: tuple[Mapping[str, Any], ...] = ()
    warnings: tuple[Mapping[str, str], ...] = ()


class HandoffClient:
    """One project of one agent. Use it with ``async with``, and for as long as your program runs.

    Args:
        base_url: the agent's API listener, such as ``https://edge.example.net:8080``.
        account, project: as in the agent's configuration.
        api_key: the project's key.
        timeout: seconds for one request, on top of what ``wait`` allows.
    """

    def __init__(
        self, base_url: str, account: str, project: str, api_key: str, *, timeout: float = 10.0
    ) -> None:
        self._base = f"{base_url.rstrip('/')}/v1/{quote(account, safe='')}/{quote(project, safe='')}"
        self._key = api_key
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        """Open the session."""
        self._session = aiohttp.ClientSession(headers={"x-api-key": self._key})
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close it."""
        await self._session.close()

    async def hand_off(self, *, wait: float | None = None, **said: Unpack[Ask]) -> Handoff:
        """Hand the caller of a live call back to CXone. Returns when the agent has it on disk.

        With ``wait`` (seconds, 60 at most) the answer may take so long until it is decided who has the
        caller. Without it the agent waits only where the caller may have to stay with you.

        Raises:
            HandoffError: 404 no such call is up; 409 the call was handed off or ended before, or is not
                answered; 422 a field can't be used; 401, 403 the key is wrong.
        """
        return _handoff(await self._ask("POST", "handoffs", wait, body=said))

    async def status(self, handoff_id: str, *, wait: float | None = None) -> Handoff:
        """Where a handoff stands; with ``wait`` the answer comes when that changes, or so much later."""
        return _handoff(await self._ask("GET", f"handoffs/{quote(handoff_id, safe='')}", wait))

    async def state(self, *, wait: float | None = None, **key: str) -> dict[str, Any]:
        """What was said at a handoff, for a desktop: ``{"id", "data"}``, and ``"shared_id"`` if there is one.

        The key is ``id`` (of the handoff, or the contact id) or ``shared_id``, which wins. With ``wait`` the
        answer may take so long where the handoff has not come yet; 404 when it does not.
        """
        return await self._ask("GET", "handoff_state", wait, key=key)

    async def transcript(self, **said: Unpack[Transcript]) -> str:
        """Leave a transcript for NICE; gives its id when the agent has it on disk. 409: there is one."""
        return str((await self._ask("POST", "transcript", None, body=said))["id"])

    async def _ask(
        self,
        method: str,
        path: str,
        wait: float | None,
        *,
        key: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        options: dict[str, Any] = {
            "params": {**(key or {}), **({} if wait is None else {"wait": f"{wait:.15g}"})},
            "json": body,
            "timeout": aiohttp.ClientTimeout(total=self._timeout + (wait or 0)),
            "allow_redirects": False,  # the key goes nowhere else
        }
        try:
            async with self._session.request(method, f"{self._base}/{path}", **options) as response:
                try:
                    answer = await response.json(content_type=None)
                except ValueError:  # something between here and the agent answered
                    answer = None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise HandoffError(0, f"no answer: {str(error) or 'it took too long'}", {}) from error
        known = answer if isinstance(answer, dict) else {}
        if response.status in (200, 202) and known:
            return known
        text = known.get("error_message") or f"{response.status} {response.reason}"
        fields, handoff_id = known.get("fields") or (), str(known.get("id") or "")
        raise HandoffError(response.status, text, response.headers, fields, handoff_id)


def _handoff(answer: Mapping[str, Any]) -> Handoff:
    attempts, warnings = tuple(answer.get("attempts", ())), tuple(answer.get("warnings", ()))
    return Handoff(answer["id"], answer["state"], answer["caller"], attempts, warnings)
