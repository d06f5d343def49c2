# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the running agent over its operations listener."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPException, IncompleteRead
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlencode, urlsplit
from urllib.request import ProxyHandler, Request, build_opener

from agent.cli.where import Where
from agent.core.errors import AgentError

VARIABLE: Final = "HANDOFF_AGENT_TOKEN"
"""The variable of the environment with the token for http.operations_auth."""
_SECONDS: Final = 5.0
_NO_LOG_IN: Final = 401
_PART: Final = 65_536


class NotRunningError(AgentError):
    """Nothing listens there: the agent does not run."""


class NodeError(AgentError):
    """Something listens there, but no usable answer came."""


class LogInError(NodeError):
    """The agent asks for a log-in, and the token that there is, if any, is none of its."""


class RefusedError(AgentError):
    """The agent refused: the HTTP status, the document it sent, and the kind of refusal if that names one."""

    def __init__(self, text: str, status: int, document: dict[str, Any]) -> None:
        super().__init__(text)
        self.status = status
        self.document = document
        self.refusal = str(document.get("refusal", ""))


def _sendable(token: str, url: str) -> str:
    """The token, which a header can hold.

    Raises:
        AgentError: it can't.
    """
    if token and not (token.isascii() and token.isprintable()):
        raise AgentError(
            f"the token for {url} is none: it has a line break, or a character that is not ASCII ({VARIABLE})"
        )
    return token


class Operations:
    """The operations listener of one node. Blocking.

    Args:
        url: such as ``http://127.0.0.1:8081``.
        token: for its log-in, where the environment has none.
    """

    def __init__(self, url: str, token: str = "") -> None:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise AgentError(f"{url} is not the URL of a node: write http://127.0.0.1:8081")
        self.url = f"{parts.scheme}://{parts.netloc}"
        self._token = _sendable(os.environ.get(VARIABLE, "").strip() or token, self.url)
        self._opener = build_opener(ProxyHandler({}))  # a node is inside: no proxy leads there

    @classmethod
    def of(cls, where: Where) -> Operations:
        """The listener of a node."""
        return cls(where.url, where.token)

    def get(self, *path: str, **query: str | float) -> dict[str, Any]:
        """GET a JSON object; see `ask`."""
        return self.ask("GET", *path, query=query)

    def ask(
        self,
        method: str,
        *path: str,
        query: dict[str, str | float] | None = None,
        body: dict[str, Any] | None = None,
        seconds: float = _SECONDS,
    ) -> dict[str, Any]:
        """One exchange; the parts of the path are quoted.

        Raises:
            NotRunningError: nothing listens there.
            LogInError: it asks for a token that this command lacks.
            RefusedError: the agent answered with an error.
            NodeError: anything else went wrong.
        """
        request = self._request(method, path, query or {}, body)
        with self._exchange(seconds), self._opener.open(request, timeout=seconds) as answer:
            return self._document(answer.read())

    @contextmanager
    def _exchange(self, seconds: float) -> Iterator[None]:
        """What goes wrong in one comes out as `ask` says."""
        try:
            yield
        except HTTPError as error:
            with error:
                document = self._document(error.read())
            said = str(document.get("error_message") or document.get("reason") or f"HTTP {error.code}")
            if error.code == _NO_LOG_IN:
                raise LogInError(f"{self.url} asks for a log-in: {self._advice()}") from None
            raise RefusedError(said, error.code, document) from None
        except (URLError, OSError, HTTPException) as error:
            cause = error.reason if isinstance(error, URLError) else error
            if isinstance(cause, ConnectionRefusedError):
                raise NotRunningError(f"no agent listens on {self.url}") from None
            raise NodeError(f"{self.url} does not answer: {_words(cause, seconds)}") from None

    def _request(
        self, method: str, path: Sequence[str], query: Mapping[str, str | float], body: dict[str, Any] | None
    ) -> Request:
        url = "/".join((self.url, *(quote(part, safe="") for part in path)))
        request = Request(  # noqa: S310 - the scheme was looked at
            url + ("?" + urlencode(query) if query else ""),
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                "X-Requested-By": operator().encode("ascii", "replace").decode(),
            },
        )
        if self._token:
            request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        return request

    def _advice(self) -> str:
        if not self._token:
            return (
                f"put a token of http.operations_auth into {VARIABLE}, or run this as a user who may read "
                "the one that agent.yaml names"
            )
        source = VARIABLE if os.environ.get(VARIABLE, "").strip() else "agent.yaml"
        return f"it does not know the token of {source}"

    def parts(self, *path: str, **query: str | float) -> Iterator[bytes]:
        """GET a file, a part after the other.

        Raises:
            AgentError: as `ask`; what came before it is what the file begins with.
        """
        request = self._request("GET", path, query, None)
        with self._exchange(_SECONDS), self._opener.open(request, timeout=_SECONDS) as answer:
            while part := answer.read1(_PART):
                yield part
            if answer.length:  # what Python itself says of a body that is cut depends on how it is read
                raise IncompleteRead(b"", answer.length)

    @property
    def running(self) -> bool:
        """Whether an agent listens there; one that does not answer in time counts."""
        try:
            self.ask("GET", "healthz")
        except NotRunningError:
            return False
        except AgentError:
            return True
        return True

    def _document(self, body: bytes) -> dict[str, Any]:
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise NodeError(f"{self.url} is not an operations listener of this agent")
        return document


def operator() -> str:
    """Who runs this command, for the record: user and machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "unknown user"
    return f"{user}@{socket.gethostname()}"


def _words(cause: object, seconds: float) -> str:
    if isinstance(cause, TimeoutError):
        return f"no answer within {seconds:.0f} s"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return str(cause) or type(cause).__name__
