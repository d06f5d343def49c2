# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may ask the operations listener: tokens, sessions, a trusted proxy, and how guesses are slowed."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Final
from urllib.parse import quote

from aiohttp import web
from aiohttp.typedefs import Middleware

from agent.core.model.access import OperationsAuth, Proxy, Token
from agent.core.model.keys import digest_of
from agent.http.addresses import network
from agent.http.behind_proxy import client, trusted
from agent.http.browsers import wants_page
from agent.http.errors import Handler, RefusalError, refusal
from agent.http.guesses import Guesses
from agent.http.identity import WHO, Identity, named, printable
from agent.http.sessions import Sessions
from agent.telemetry import logs

LOG_IN: Final = "/console/log-in"
LOG_OUT: Final = "/console/log-out"
ALWAYS_OPEN: Final = (LOG_IN, "/console/assets/{name}")
READS: Final = ("GET", "HEAD", "OPTIONS")
_ROLES: Final = ("viewer", "operator")
# A person mistypes a token now and then; who tries tokens gets through some 14,000 a day and address.
_GUESSES_PER_SECOND: Final = 1 / 6
_GUESSES_AT_ONCE: Final = 10.0
_TOO_MANY: Final = "too many log-ins of your address without a usable token: wait a little"
_UNKNOWN_ASKER: Final = "log in: send Authorization: Bearer TOKEN (commands: HANDOFF_AGENT_TOKEN)"
_WRONG: Final = "this token is not known"

_log = logs.logger("access")


class Access:
    """Says who asks.

    Args:
        auth: who may ask, as it is in force now; None where nobody has to log in.
        clock: seconds that never run backwards.
        refused: told of each token that was shown in vain, and why: ``unknown``, or ``too_many`` were before.
        by_node: the identity of a node of the fleet; None where none asks, `RefusalError` where it is none.

    Attributes:
        sessions: log-ins to the console.
    """

    def __init__(
        self,
        auth: Callable[[], OperationsAuth | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        refused: Callable[[str], None] = lambda _why: None,
        by_node: Callable[[web.Request], Identity | None] = lambda _request: None,
    ) -> None:
        self._by_node = by_node
        self._auth = auth
        self._refused = refused
        self._clock = clock
        self._secret = secrets.token_bytes(32)
        self._guesses = Guesses(_GUESSES_PER_SECOND, _GUESSES_AT_ONCE)
        self.sessions = Sessions(clock)

    @property
    def required(self) -> bool:
        """Whether anybody has to log in."""
        return self._auth() is not None

    def identify(self, request: web.Request) -> Identity | None:
        """Who asks; None for nobody that is known.

        Raises:
            RefusalError: 401 a token that is not known, 403 a role that is none, 429 too many guesses.
        """
        by_node = self._by_node(request)
        if by_node is not None:
            return by_node
        auth = self._auth()
        address = self.address(request)
        if auth is None:
            return Identity("", "operator", address=address)
        return (
            self._by_proxy(request, auth, address)
            or self._by_token(request, auth, address)
            or self._by_session(request, auth, address)
        )

    def knows(self, request: web.Request) -> bool:
        """Whether somebody who asks for an open path may see what else needs a log-in."""
        try:
            return self.identify(request) is not None
        except RefusalError:
            return False

    def is_open(self, request: web.Request) -> bool:
        """Whether nobody is asked who they are for this path."""
        resource = request.match_info.route.resource
        if resource is None:
            return False
        auth = self._auth()
        opened: Sequence[str] = () if auth is None else auth.open_paths
        reads = request.method in READS and resource.canonical in opened
        return reads or resource.canonical in ALWAYS_OPEN

    def log_in(self, request: web.Request, token: str) -> tuple[str, Identity]:
        """Begin a session for who shows a token; gives its id.

        Raises:
            RefusalError: 401 it is not known, 429 too many guesses.
        """
        auth = self._auth()
        if auth is None:
            raise RefusalError(404, "nobody has to log in here")
        address = self.address(request)
        known = self._judge(token.strip(), auth, address)
        digest = _digest(token.strip())
        session = self.sessions.begin(digest, auth.session)
        return session, Identity(known.name, known.role, "session", session, address)

    def log_out(self, request: web.Request) -> None:
        """End the session of who asks."""
        self.sessions.end(request.cookies.get(cookie_name(request), ""))

    def form_token(self, identity: Identity) -> str:
        """What a form must carry: no page of another site can know it."""
        return hmac.new(self._secret, identity.bound.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, identity: Identity, given: str) -> bool:
        """Whether a form has the token of who sends it."""
        return hmac.compare_digest(self.form_token(identity).encode(), given.encode(errors="replace"))

    def address(self, request: web.Request) -> str:
        """Where a request comes from; behind the trusted proxy, where that says so."""
        remote, proxy = request.remote or "", self._proxy()
        if proxy is None or proxy.address_header is None or not trusted(remote, proxy):
            return remote
        return client(remote, request.headers.getall(proxy.address_header, []), proxy)

    def by_https(self, request: web.Request) -> bool:
        """Whether the browser spoke https, if only to a proxy."""
        if request.secure or request.headers.get("Origin", "").startswith("https://"):
            return True
        told = request.headers.get("X-Forwarded-Proto", "").lower()
        return told == "https" and trusted(request.remote or "", self._proxy())

    def _proxy(self) -> Proxy | None:
        auth = self._auth()
        return None if auth is None else auth.proxy

    # -- the ways to be known ------------------------------------------------------------------------------

    def _by_proxy(self, request: web.Request, auth: OperationsAuth, address: str) -> Identity | None:
        proxy = auth.proxy
        if proxy is None or not trusted(request.remote or "", proxy):
            return None
        users = request.headers.getall(proxy.user_header, [])
        if not users:
            return None
        user = printable(users[0])
        if len(users) > 1 or not user:
            raise RefusalError(401, f"the proxy must send one {proxy.user_header} header with a name")
        if proxy.role_header is None:
            role = "operator" if user in proxy.operators else "viewer"
        else:
            roles = [value.strip().lower() for value in request.headers.getall(proxy.role_header, [])]
            if len(roles) != 1 or roles[0] not in _ROLES:
                raise RefusalError(403, f"{user} has no role: {proxy.role_header} must be viewer or operator")
            role = roles[0]
        return Identity(
            user, "operator" if role == "operator" else "viewer", "proxy", f"proxy {user}", address
        )

    def _by_token(self, request: web.Request, auth: OperationsAuth, address: str) -> Identity | None:
        given = request.headers.getall("Authorization", [])
        if not given:
            return None
        scheme, _, token = given[0].strip().partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer":
            raise RefusalError(401, _UNKNOWN_ASKER)
        known = self._judge(token.strip(), auth, address)
        return Identity(known.name, known.role, "token", f"token {known.name}", address)

    def _by_session(self, request: web.Request, auth: OperationsAuth, address: str) -> Identity | None:
        session_id = request.cookies.get(cookie_name(request), "")
        session = self.sessions.find(session_id) if session_id else None
        if session is None:
            return None
        known = _holder(session.digest, auth)  # a reload may have taken the token away, or changed its role
        if known is None:
            self.sessions.end(session_id)
            return None
        return Identity(known.name, known.role, "session", session_id, address)

    def _judge(self, token: str, auth: OperationsAuth, address: str) -> Token:
        """Whose token it is. One whose guesses are used up is told nothing of tokens new to their address."""
        now, asker, digest = self._clock(), network(address), _digest(token)
        shown = hmac.digest(self._secret, digest, hashlib.sha256)
        self._hold(self._guesses.wait(asker, shown, now))
        known = _holder(digest, auth)
        if known is None:
            self._hold(self._guesses.missed(asker, now))
            self._refused("unknown")
            _log.warning("a log-in to operations was refused: the token is not known", address=address)
            raise RefusalError(401, _WRONG)
        self._guesses.hit(asker, shown)
        return known

    def _hold(self, wait: float) -> None:
        if wait:
            self._refused("too_many")
            raise RefusalError(429, _TOO_MANY, retry_after=wait)


def known_only(access: Access) -> Middleware:
    """Serve only who may ask; `WHO` says later who it is. Only operators may change anything."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if access.is_open(request):
            request[WHO] = Identity("", "viewer", address=access.address(request))
            return await handler(request)
        try:
            found = access.identify(request)
        except RefusalError as error:
            answer = error.answer
            if error.status == 401:  # noqa: PLR2004 - RFC 9110 section 11.6.1 asks for the header
                answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        if found is None:
            if wants_page(request) and request.method in READS:
                where = f"{LOG_IN}?next={quote(request.path_qs, safe='')}"
                return web.Response(status=303, headers={"Location": where})
            answer = refusal(401, _UNKNOWN_ASKER)
            answer.headers["WWW-Authenticate"] = "Bearer"
            return answer
        request[WHO] = found
        if not found.operator and request.method not in READS and request.path != LOG_OUT:
            raise RefusalError(403, f"{named(request)} is a viewer: only an operator may change something")
        return await handler(request)

    return check


def cookie_name(request: web.Request) -> str:
    """Name of the session's cookie, with the port: browsers share cookies between the ports of a host."""
    port = request.host.rpartition(":")[2] if ":" in request.host.rpartition("]")[2] else ""
    return f"handoff_session_{port}" if port.isdigit() else "handoff_session"


def _holder(digest: bytes, auth: OperationsAuth) -> Token | None:
    """Who has the token; all are compared, however early one fits."""
    found = None
    for token in auth.tokens:
        for key in token.token:
            if hmac.compare_digest(digest, digest_of(key)):
                found = token
    return found


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode(errors="surrogateescape")).digest()
