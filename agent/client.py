# SPDX-License-Identifier: GPL-3.0-or-later
"""A client of the handoff API, for those who build voice agents; docs/voice-agents.md shows it at work.

It needs aiohttp and nothing else of this package: copy this file into your own project if you like.

A request that failed may be sent again whenever the error says `retryable`: a call has only one terminal
moment, so asking twice never hands a caller over twice. The second time a 409 says that the first was taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Any, Literal, Self
from urllib.parse import quote

import aiohttp

_TRY_LATER = (429, 502, 503, 504)
_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
_PAUSE_SECONDS = 0.2


class HandoffError(Exception):
    """The agent did not do what was asked.

    Attributes:
        status: the HTTP status; 0 when there was none.
        message: why, in one line; also ``str(error)``.
        request_id: under which the agent's log knows the request; ``""`` when there is none.
        retryable: whether the same request may succeed later.
        retry_after: seconds to wait before that, where the agent said so.
        fields: what is wrong in the body (status 422), each ``{"field": …, "error": …}``.
    """

    def __init__(
        self,
        status: int,
        message: str,
        request_id: str = "",
        *,
        retry_after: float | None = None,
        fields: Sequence[Mapping[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.request_id = request_id
        self.retry_after = retry_after
        self.fields = tuple(fields)
        self.retryable = status == 0 or status in _TRY_LATER


class NotReachedError(HandoffError):
    """No connection to the agent: the request surely had no effect."""


class NoAnswerError(HandoffError):
    """The request went out and no answer came: whether it had an effect is not known."""


@dataclass(frozen=True, slots=True)
class Handoff:
    """A handoff that was taken.

    Attributes:
        id: for `HandoffClient.status` and `HandoffClient.state`.
        state: where its signal to CXone stands: ``recorded``, ``sending``, ``accepted``, ``refused``,
            ``unknown``, ``expired``, ``cancelled``, or ``unsignalled`` where the project sends none.
        caller: where the caller is: ``voice_agent`` (with you for the moment: go on until the agent ends
            your leg), ``on_the_way``, ``queue``, ``gone`` (back at CXone, or hung up), or ``kept``:
            CXone did not take the caller, who stays with you for good.
    """

    id: str
    state: str
    caller: str = ""


@dataclass(frozen=True, slots=True)
class HandoffStatus(Handoff):
    """The same later on, with the call it belongs to and each attempt to signal as the agent tells it."""

    call_id: str = ""
    contact_id: str = ""
    attempts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Said:
    """One entry of a transcript; ``at`` is seconds since 1970 or ISO 8601, and may be left out."""

    who: Literal["bot", "patron"]
    text: str
    at: float | str | None = None


class HandoffClient:
    """One project of one agent. Use it with ``async with``, and for as long as your program runs.

    Nothing is retried but a connection that could not be made, and that once.

    Args:
        base_url: the agent's API listener, such as ``https://edge.example.net:8080``.
        account, project: as in the agent's configuration.
        api_key: the project's key.
        session: yours, if you have one; it is not closed here.
        timeout: seconds for one request, on top of what ``wait`` allows.
    """

    def __init__(
        self,
        base_url: str,
        account: str,
        project: str,
        api_key: str,
        *,
        session: aiohttp.ClientSession | None = None,
        timeout: float = 10.0,
    ) -> None:
        self._base = f"{base_url.rstrip('/')}/v1/{quote(account, safe='')}/{quote(project, safe='')}"
        self._headers = {"x-api-key": api_key}
        self._session = session
        self._owned: aiohttp.ClientSession | None = None
        self._timeout = timeout

    async def __aenter__(self) -> Self:
        """Open a session unless one was given."""
        if self._session is None:
            self._session = self._owned = aiohttp.ClientSession()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the session that was opened here."""
        if self._owned is not None:
            await self._owned.close()
            self._session = self._owned = None

    async def hand_off(
        self,
        *,
        call_id: str = "",
        contact_id: str = "",
        destination: str = "",
        skill: str = "",
        reason: str = "",
        parameters: Mapping[str, str] | None = None,
        data: Mapping[str, Any] | None = None,
        shared_id: str = "",
        wait: float | None = None,
    ) -> Handoff:
        """Hand the caller of a live call back to CXone. Returns when the agent has it on disk.

        Args:
            call_id: X-Call-Id of the INVITE.
            contact_id: X-Contact-Id of it; one of the two names the call.
            destination: where the CXone script shall take the caller.
            skill: which skill the person needs.
            reason: why you hand off.
            parameters: ``p1`` to ``p9``, in place of what the project's templates would give.
            data: any JSON object, for the desktop that takes the caller.
            shared_id: a key of your own under which the desktop may ask for it.
            wait: seconds, 60 at most, that the answer may take until it is decided who has the caller; None
                leaves it to the agent, which waits only where the caller may have to stay with you.

        Raises:
            HandoffError: 404 no such call is up; 409 the call was handed off or ended before, or is not
                answered; 422 a field can't be used; 401, 403 the key is wrong.
        """
        said = {"destination": destination, "skill": skill, "reason": reason, "shared_id": shared_id}
        said |= {"call_id": call_id, "contact_id": contact_id}
        everything = {**said, "parameters": dict(parameters or {}), "data": dict(data or {})}
        body = {name: value for name, value in everything.items() if value}
        answer = await self._ask("POST", "handoffs", wait=wait, json=body)
        return Handoff(answer["id"], answer["state"], answer.get("caller", ""))

    async def status(self, id: str, wait: float | None = None) -> HandoffStatus:  # noqa: A002 - as in the API
        """Where a handoff stands; with ``wait`` the answer comes when that changes, or so much later.

        Raises:
            HandoffError: 404 there is no such handoff.
        """
        answer = await self._ask("GET", f"handoffs/{quote(id, safe='')}", wait=wait)
        return HandoffStatus(
            answer["id"],
            answer["state"],
            answer.get("caller", ""),
            answer["call_id"],
            answer["contact_id"],
            tuple(answer["attempts"]),
        )

    async def state(
        self,
        *,
        id: str = "",  # noqa: A002 - as in the API
        shared_id: str = "",
        wait: float | None = None,
    ) -> dict[str, Any]:
        """What was said at a handoff, for a desktop: ``{"id", "data"}``, and ``"shared_id"`` if there is one.

        Args:
            id: of the handoff, or the contact id.
            shared_id: wins over ``id``.
            wait: seconds, 60 at most, that the answer may take where the handoff has not come yet.

        Raises:
            HandoffError: 404 nothing is there (yet).
        """
        query = {name: value for name, value in (("id", id), ("shared_id", shared_id)) if value}
        return await self._ask("GET", "handoff_state", wait=wait, query=query)

    async def transcript(
        self,
        entries: Sequence[Said],
        *,
        call_id: str = "",
        contact_id: str = "",
        completion: Literal["contained", "escalated"] = "contained",
        details: str = "",
        summary: str = "",
    ) -> str:
        """Leave a transcript for NICE's transcript store; returns its id when the agent has it on disk.

        Args:
            entries: in the order in which it was said.
            call_id: X-Call-Id of the INVITE; the call may be over.
            contact_id: X-Contact-Id of it; one of the two names the call.
            completion: ``escalated`` where a human went on.
            details: why it ended so.
            summary: what it was about.

        Raises:
            HandoffError: 404 no such call; 409 there is one already; 422 a field can't be used.
        """
        said = {"call_id": call_id, "contact_id": contact_id, "details": details, "summary": summary}
        body: dict[str, Any] = {name: value for name, value in said.items() if value}
        body |= {"completion": completion, "entries": [_entry(entry) for entry in entries]}
        answer = await self._ask("POST", "transcript", json=body)
        return str(answer["id"])

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        wait: float | None = None,
        query: Mapping[str, str] | None = None,
        json: object = None,
    ) -> dict[str, Any]:
        waiting = {} if wait is None else {"wait": f"{wait:g}"}
        options: dict[str, Any] = {
            "params": {**(query or {}), **waiting},
            "json": json,
            "headers": self._headers,
            # A third each: two tries to connect end before the caller's patience does.
            "timeout": aiohttp.ClientTimeout(
                total=self._timeout + (wait or 0), sock_connect=self._timeout / 3
            ),
            "allow_redirects": False,  # the key goes nowhere else
            "raise_for_status": False,
        }
        try:
            try:
                return await self._send(method, path, options)
            except _NOT_CONNECTED:
                await asyncio.sleep(_PAUSE_SECONDS)
                return await self._send(method, path, options)
        except _NOT_CONNECTED as error:
            raise NotReachedError(0, f"the agent can't be reached: {error}") from error
        except (aiohttp.ClientError, TimeoutError) as error:
            raise NoAnswerError(0, f"the agent gave no answer: {str(error) or 'it took too long'}") from error

    async def _send(self, method: str, path: str, options: dict[str, Any]) -> dict[str, Any]:
        if self._session is None:
            raise RuntimeError("a HandoffClient is used with: async with HandoffClient(…) as client")
        async with self._session.request(method, f"{self._base}/{path}", **options) as response:
            return await _read(response)


def _entry(said: Said) -> dict[str, Any]:
    return {name: value for name, value in asdict(said).items() if value is not None}


async def _read(response: aiohttp.ClientResponse) -> dict[str, Any]:
    request_id, wait = response.headers.get("X-Request-Id", ""), response.headers.get("Retry-After", "")
    try:
        answer = await response.json(content_type=None)
    except ValueError:
        answer = None
    known = answer if isinstance(answer, dict) else {}
    if response.status in (HTTPStatus.OK, HTTPStatus.ACCEPTED) and known:
        return known
    # Something between here and the agent may answer too, and not in the agent's words.
    raise HandoffError(
        response.status,
        known.get("error_message") or f"{response.status} {response.reason}",
        request_id,
        retry_after=float(wait) if wait.isdecimal() else None,
        fields=known.get("fields") or (),
    )
