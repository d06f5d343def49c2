# SPDX-License-Identifier: GPL-3.0-or-later
"""The other nodes of a fleet: what is asked of them about their calls, and how those are known that ask."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Final

from aiohttp import web

from agent.core import neighbours
from agent.core.model import Agent
from agent.core.model.access import Role
from agent.core.model.keys import digest_of
from agent.core.neighbours import FOR, NODE, ROLE, Fate, Listening
from agent.http.addresses import network
from agent.http.errors import FACTS, RETRY_AFTER, RefusalError
from agent.http.guesses import Guesses
from agent.http.identity import Identity, named, printable, who
from agent.http.own_hosts import ASKED_BY
from agent.web.answer import Response
from agent.web.client import Client
from agent.web.failures import NoAnswerError
from agent.web.request import common, lines, parted, whole

_ANSWER_BYTES: Final = 8 * 1024 * 1024
_KEPT: Final = ("Content-Type", "Idempotency-Key", "X-Request-Id", "traceparent")
_GIVEN_BACK: Final = ("Content-Type", RETRY_AFTER)
_GUESSES_PER_SECOND: Final = 1 / 6
_GUESSES_AT_ONCE: Final = 10.0
_UNAUTHORIZED: Final = 401


class NoNodeError(Exception):
    """Another node did not answer.

    Attributes:
        fate: what became of the request.
        words: of the fault.
    """

    def __init__(self, fate: Fate, text: str, words: str = "") -> None:
        super().__init__(text)
        self.fate, self.words = fate, words


def _uncounted(_listening: str, _fate: str) -> None:
    return


class Neighbours:
    """The other nodes.

    Args:
        client: for requests to them; its owner closes it.
        agent: gives agent.yaml as it is in force now.
        count: told of each request to another node: the listener, and a `Fate`.
        clock: seconds that never run backwards, for guesses.
    """

    def __init__(
        self,
        client: Client,
        agent: Callable[[], Agent],
        count: Callable[[str, str], None] = _uncounted,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client, self._agent, self._count, self._clock = client, agent, count, clock
        self._guesses = Guesses(_GUESSES_PER_SECOND, _GUESSES_AT_ONCE)

    @property
    def node(self) -> str:
        """The name of this node."""
        return self._agent().node

    def others(self, listening: Listening) -> tuple[str, ...]:
        """The names of the other nodes; none where nobody says where any of them is asked."""
        agent = self._agent()
        nodes = () if agent.fleet is None else agent.fleet.nodes
        if not any(getattr(node, listening) for node in nodes):
            return ()
        return tuple(node.name for node in nodes if node.name != agent.node)

    def owner(self, call: Mapping[str, object] | None) -> str:
        """The name of another node of the fleet whose call it is, as the record has it; empty where none."""
        agent = self._agent()
        node = "" if call is None or agent.fleet is None else str(call.get("node") or "")
        return node if node != agent.node else ""

    def place(self, node: str) -> str:
        """Where the operations listener of a node is, as a URL; empty where it is not said."""
        way = neighbours.way(self._agent().fleet, node, "operations")
        return "" if way is None else way.url

    # -- who asks here -------------------------------------------------------------------------------------

    def asker(self, request: web.Request) -> str:
        """The name of the node that asks; empty where none does.

        Raises:
            RefusalError: 401, it says that it is one and shows no token of ours; 429, it did so too often.
        """
        if NODE not in request.headers:
            return ""
        now, address = self._clock(), network(request.remote or "")
        digest = sha256(_bearer(request).encode(errors="surrogateescape")).digest()
        self._hold(self._guesses.wait(address, digest, now))
        if not self._is_ours(digest):
            self._hold(self._guesses.missed(address, now))
            raise RefusalError(_UNAUTHORIZED, f"{NODE} needs fleet.token of this node as a bearer token")
        self._guesses.hit(address, digest)
        return printable(request.headers[NODE]) or "unnamed"

    def identity(self, request: web.Request) -> Identity | None:
        """Who asks the operations listener through a node; None where no node asks. It says their role.

        Raises:
            RefusalError: as `asker`.
        """
        node = self.asker(request)
        if not node:
            return None
        person = printable(request.headers.get(FOR, ""))
        name = printable(_asking(node, person))
        role: Role = "viewer" if request.headers.get(ROLE) == "viewer" else "operator"
        return Identity(name, role, "node", f"node {node}", request.remote or "")

    async def ask_operations(self, request: web.Request, node: str) -> web.Response:
        """What another node's operations listener answers to this request, as for the one who asks.

        Raises:
            RefusalError: 503, that node did not answer, or it was a node that asked.
        """
        asking = who(request)
        if asking.way == "node":
            raise self.loop(node, "operations")
        person = named(request)
        return await self.forward(
            request,
            node,
            "operations",
            seconds=neighbours.ANSWER_SECONDS,
            more={ASKED_BY: _asking(self.node, person), FOR: person, ROLE: asking.role},
        )

    def _is_ours(self, digest: bytes) -> bool:
        """Whether it is a token of the fleet; all are compared, however early one fits."""
        fleet, found = self._agent().fleet, False
        for key in () if fleet is None else fleet.token:
            found |= hmac.compare_digest(digest_of(key), digest)
        return found

    def _hold(self, wait: float) -> None:
        if wait:
            raise RefusalError(429, "too many tokens of your address: wait a little", retry_after=wait)

    # -- what is asked of others ---------------------------------------------------------------------------

    async def forward(
        self,
        request: web.Request,
        node: str,
        listening: Listening,
        *,
        seconds: float,
        body: bytes | None = None,
        more: Mapping[str, str] | None = None,
    ) -> web.Response:
        """The answer of another node to this request.

        Args:
            request: who asked was judged here; it goes on as it came, without their key.
            node: that has the call.
            listening: the listener that it came to.
            seconds: for all of it.
            body: of the request; None where it has none.
            more: header fields besides.

        Raises:
            RefusalError: 503, that node did not answer; it says why.
        """
        kept = {name: request.headers[name] for name in _KEPT if name in request.headers}
        target = request.rel_url.raw_path_qs  # never the absolute form: its host would follow the node's
        facts = request[FACTS]
        facts["forwarded_to"] = node
        try:
            answer = await self.ask(
                node,
                listening,
                request.method,
                target,
                seconds=seconds,
                body=body,
                headers={**kept, **(more or {})},
            )
        except NoNodeError as error:
            facts["why"] = str(error)
            raise RefusalError(503, str(error), retry_after=neighbours.RETRY_SECONDS) from None
        headers = {name: answer.headers[name] for name in _GIVEN_BACK if name in answer.headers}
        return web.Response(status=answer.status, body=answer.body, headers=headers)

    async def ask(
        self,
        node: str,
        listening: Listening,
        method: str,
        target: str,
        *,
        seconds: float,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Ask another node once.

        Raises:
            NoNodeError: no whole answer came, or it does not know this node.
        """
        agent = self._agent()
        way = neighbours.way(agent.fleet, node, listening)
        if way is None:
            raise self._none(Fate.NO_WAY, node, listening)
        ours = {**(headers or {}), NODE: agent.node, "Authorization": f"Bearer {way.token}"}
        try:
            to, path = parted(way.url + target)
            answer = await self._client.request(
                to, whole(method, path, common(to) + lines(ours), body), seconds=seconds, limit=_ANSWER_BYTES
            )
        except NoAnswerError as error:
            fate = Fate.UNKNOWN if error.may_have_left else Fate.NOT_REACHED
            raise self._none(fate, node, listening, error.words, seconds) from None
        except ValueError as error:
            raise self._none(Fate.NOT_REACHED, node, listening, str(error)) from None
        if answer.status == _UNAUTHORIZED:
            raise self._none(Fate.NOT_LET_IN, node, listening)
        if not neighbours.is_whole(answer.status, answer.headers, len(answer.body)):
            words = f"HTTP {answer.status}, and no whole answer of an agent"
            raise self._none(Fate.UNKNOWN, node, listening, words, seconds)
        self._count(listening, Fate.ANSWERED)
        return answer

    def loop(self, node: str, listening: Listening) -> RefusalError:
        """What is told of a request that a node forwarded, for a call that this one has not either."""
        told = self._none(Fate.LOOP, node, listening)
        return RefusalError(503, str(told), retry_after=neighbours.RETRY_SECONDS)

    def _none(
        self, fate: Fate, node: str, listening: Listening, words: str = "", seconds: float = 0.0
    ) -> NoNodeError:
        self._count(listening, fate)
        return NoNodeError(fate, neighbours.told(fate, node, listening, words=words, seconds=seconds), words)


def _asking(node: str, person: str) -> str:
    return f"node {node} for {person}" if person else f"node {node}"


def _bearer(request: web.Request) -> str:
    given = request.headers.getall("Authorization", [])
    scheme, _, token = given[0].strip().partition(" ") if len(given) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else ""
