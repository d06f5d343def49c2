# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Who may ask the operations listener: every route by nobody, viewer, operator; and those who try."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from agent.core.model.access import OperationsAuth
from agent.http.access import Access
from agent.http.console import live
from agent.http.operations import operations_app
from agent.http.ports import ReloadAnswer
from agent.http.serving import serve
from agent.telemetry.audit import Audit

OPERATOR, VIEWER = "the-operator's-token", "the-viewer's-token"
OPEN = ("/healthz", "/readyz", "/metrics")
PUBLIC = ("/console/log-in", "/console/assets/{name}")
PAGE = {"Accept": "text/html"}
TOKENS = [
    {"name": "ana", "role": "operator", "token": OPERATOR},
    {"name": "wallboard", "token": VIEWER},
]


def auth_of(**keys: Any) -> OperationsAuth:
    return OperationsAuth.model_validate({"tokens": TOKENS, **keys})


@dataclass
class Guarded:
    """A listener with a log-in, a browser's cookies, and a clock that stands still."""

    desk: Any
    auth: OperationsAuth | None = field(default_factory=auth_of)
    now: float = 0.0
    audit: Audit = field(default_factory=Audit)
    app: web.Application = field(init=False)
    access: Access = field(init=False)
    base: str = ""
    session: aiohttp.ClientSession = field(init=False)
    refused: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.access = Access(lambda: self.auth, lambda: self.now, self.refused.append)
        self.app = operations_app(self.desk, access=self.access, audit=self.audit)

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, str, Mapping[str, str]]:
        """Status, text and headers of an answer; redirects are not followed."""
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, self.base + path, **options) as response:
            return response.status, await response.text(), response.headers

    async def csrf(self, path: str = "/console/log-in") -> str:
        """The token that the forms of a page carry."""
        found = re.search(r'name="csrf" value="(\w+)"', (await self.ask("GET", path, headers=PAGE))[1])
        assert found is not None
        return found[1]

    async def log_in(self, token: str = OPERATOR, **fields: str) -> tuple[int, str, Mapping[str, str]]:
        """Send the log-in page."""
        form = {"csrf": await self.csrf(), "token": token, "next": "/", **fields}
        return await self.ask("POST", "/console/log-in", data=form, headers=PAGE)


@pytest.fixture
async def guarded(desk: Any) -> AsyncIterator[Guarded]:
    made = Guarded(desk)
    server = await serve(made.app, "127.0.0.1", 0)
    made.base = f"http://127.0.0.1:{server.port}"
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as made.session:
        yield made
    await server.aclose()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "X-Requested-By": "test"}


def routes(app: web.Application) -> list[tuple[str, str]]:
    """Method and path of all routes, an id filled in."""
    return [
        (route.method, re.sub(r"\{\w+\}", "call-1", route.resource.canonical))
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical not in PUBLIC and route.method != "HEAD"
    ]


async def test_without_a_token_nothing_is_told_and_nothing_done_but_what_is_open(guarded: Guarded) -> None:
    asked = routes(guarded.app)
    assert len(asked) > 15
    for method, path in asked:
        status, text, headers = await guarded.ask(method, path, headers={"X-Requested-By": "test"})
        if path in OPEN and method == "GET":
            assert status == 200, path
            continue
        assert status == 401, (method, path)
        assert headers["WWW-Authenticate"] == "Bearer"
        assert "HANDOFF_AGENT_TOKEN" in text
    assert not guarded.desk.drained
    assert guarded.desk.live


@pytest.mark.parametrize(
    ("token", "told"),
    [
        (None, "1 in all; with a token, or by handoff-agent check, they are told"),
        ("a-guess", "1 in all; with a token, or by handoff-agent check, they are told"),
        (VIEWER, "numbers/acme.yaml:3:3: +15550100 is there twice"),
    ],
)
async def test_what_an_edit_got_wrong_is_told_to_who_has_logged_in(
    guarded: Guarded, token: str | None, told: str
) -> None:
    guarded.desk.reloaded = ReloadAnswer("refused", ("numbers/acme.yaml:3:3: +15550100 is there twice",))
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    status, text, _ = await guarded.ask("GET", "/readyz", headers=headers)
    assert (status, json.loads(text)["configuration_kept_out"]["mistakes"]) == (200, [told])


async def test_a_viewer_reads_all_and_changes_nothing(guarded: Guarded) -> None:
    for method, path in routes(guarded.app):
        status, text, _ = await guarded.ask(method, path, headers=bearer(VIEWER))
        if method == "GET":
            assert status in (200, 404), (path, text)
        elif path == "/console/log-out":
            assert status in (403, 415), text  # no form of ours
        else:
            assert (status, "is a viewer" in text) == (403, True), (method, path, text)
    assert not guarded.desk.drained
    assert guarded.desk.live


async def test_an_operator_is_kept_out_of_nothing(guarded: Guarded) -> None:
    for method, path in routes(guarded.app):
        status, text, _ = await guarded.ask(method, path, headers=bearer(OPERATOR))
        assert status not in (401, 500), (method, path, text)
        assert "is a viewer" not in text
    assert guarded.desk.drained is False  # DELETE /drain came after POST /drain
    assert not guarded.desk.live


async def test_every_answer_carries_what_a_browser_must_know(guarded: Guarded) -> None:
    for path in ("/", "/console/log-in", "/console/assets/console.css", "/healthz", "/nowhere"):
        headers = (await guarded.ask("GET", path, headers=bearer(OPERATOR)))[2]
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("headers", [{}, PAGE])
async def test_another_host_s_name_is_not_served_whoever_asks(
    guarded: Guarded, headers: dict[str, str]
) -> None:
    asked = {**bearer(OPERATOR), "Host": "evil.example", **headers}
    status, text, _ = await guarded.ask("GET", "/calls", headers=asked)
    assert (status, "operations_hosts" in text) == (421, True)


async def test_a_page_of_another_site_changes_nothing_though_its_victim_has_a_session(
    guarded: Guarded,
) -> None:
    assert (await guarded.log_in())[0] == 303
    form = {"csrf": await guarded.csrf("/"), "by": "", "why": "a test"}
    forged = {**PAGE, "Origin": "http://evil.example"}
    assert (await guarded.ask("POST", "/console/drain", data=form, headers=forged))[0] == 403
    without = {**form, "csrf": ""}
    status, text, _ = await guarded.ask("POST", "/console/drain", data=without, headers=PAGE)
    assert (status, "open the page again" in text) == (403, True)
    assert not guarded.desk.drained
    assert (await guarded.ask("POST", "/console/drain", data=form, headers=PAGE))[0] == 303
    assert guarded.desk.drained


async def test_a_form_of_somebody_else_s_page_is_of_no_use(guarded: Guarded) -> None:
    await guarded.log_in(VIEWER)
    foreign = await guarded.csrf("/")
    guarded.session.cookie_jar.clear()
    await guarded.log_in(OPERATOR)
    form = {"csrf": foreign, "why": "a test"}
    assert (await guarded.ask("POST", "/console/drain", data=form, headers=PAGE))[0] == 403
    assert not guarded.desk.drained


async def test_a_person_logs_in_and_out(guarded: Guarded) -> None:
    status, _, headers = await guarded.ask("GET", "/console/signals?state=unknown", headers=PAGE)
    assert (status, headers["Location"]) == (
        303,
        "/console/log-in?next=%2Fconsole%2Fsignals%3Fstate%3Dunknown",
    )
    status, _, headers = await guarded.log_in(next="/console/signals?state=unknown")
    assert (status, headers["Location"]) == (303, "/console/signals?state=unknown")
    cookie = headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Secure" not in cookie
    text = (await guarded.ask("GET", "/", headers=PAGE))[1]
    assert "ana" in text
    assert OPERATOR not in text
    form = {"csrf": await guarded.csrf("/")}
    assert (await guarded.ask("POST", "/console/log-out", data=form, headers=PAGE))[0] == 303
    assert (await guarded.ask("GET", "/", headers=PAGE))[0] == 303
    assert len(guarded.access.sessions) == 0


async def test_the_cookie_is_secure_where_the_browser_spoke_https(guarded: Guarded) -> None:
    form = {"csrf": await guarded.csrf(), "token": OPERATOR, "next": "/"}
    host = guarded.base.removeprefix("http://")
    headers = {**PAGE, "Origin": f"https://{host}"}
    answer = await guarded.ask("POST", "/console/log-in", data=form, headers=headers)
    assert "Secure" in answer[2]["Set-Cookie"]


@pytest.mark.parametrize("then", ["//evil.example/", "https://evil.example/", "/\\evil.example", "", "x"])
async def test_a_log_in_leads_to_no_other_site(guarded: Guarded, then: str) -> None:
    assert (await guarded.log_in(next=then))[2]["Location"] == "/"


async def test_a_session_ends(guarded: Guarded) -> None:
    await guarded.log_in()
    assert (await guarded.ask("GET", "/", headers=PAGE))[0] == 200
    guarded.now += 12 * 3600 + 1
    assert (await guarded.ask("GET", "/calls"))[0] == 401
    assert (await guarded.ask("GET", "/", headers=PAGE))[0] == 303


async def test_a_reload_that_takes_a_token_away_ends_its_sessions_and_changes_roles(guarded: Guarded) -> None:
    await guarded.log_in()
    guarded.auth = auth_of(tokens=[{"name": "ana", "role": "viewer", "token": OPERATOR}])
    form = {"csrf": await guarded.csrf("/"), "why": "a test"}
    assert (await guarded.ask("POST", "/console/drain", data=form, headers=PAGE))[0] == 403
    guarded.auth = auth_of(tokens=[{"name": "bo", "token": "quite-another-token"}])
    assert (await guarded.ask("GET", "/calls"))[0] == 401
    assert (await guarded.ask("GET", "/calls", headers=bearer(OPERATOR)))[0] == 401


async def test_who_tries_a_hundred_tokens_is_slowed_and_who_has_one_is_not(guarded: Guarded) -> None:
    assert (await guarded.ask("GET", "/calls", headers=bearer(VIEWER)))[0] == 200
    tried = [
        (await guarded.ask("GET", "/calls", headers=bearer(f"wrong token {number}")))[0]
        for number in range(100)
    ]
    assert tried == [401] * 10 + [429] * 90
    status, _, headers = await guarded.ask("GET", "/calls", headers=bearer(OPERATOR))
    assert (status, headers["Retry-After"]) == (429, "6")  # not told whether it would have been right
    assert (await guarded.ask("GET", "/calls", headers=bearer(VIEWER)))[0] == 200
    status, text, _ = await guarded.log_in()
    assert (status, "wait a little" in text) == (429, True)
    guarded.now += 6.1
    assert (await guarded.ask("GET", "/calls", headers=bearer(OPERATOR)))[0] == 200


async def test_a_page_with_a_wrong_token_says_so(guarded: Guarded) -> None:
    status, text, headers = await guarded.log_in("wrong")
    assert (status, "this token is not known" in text) == (401, True)
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize(
    "value", ["Basic YW5hOnRva2Vu", "Bearer", "", "bearer  ", "Bearer \udcff", f"Token {OPERATOR}"]
)
async def test_what_is_no_bearer_token_is_refused(guarded: Guarded, value: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(guarded.base.rpartition(":")[2]))
    head = f"GET /calls HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: {value}\r\n\r\n"
    writer.write(head.encode(errors="surrogateescape"))
    assert (await reader.read()).split()[1] in (b"400", b"401")
    writer.close()
    await writer.wait_closed()


async def test_a_hash_of_a_token_opens_as_the_token_does_and_is_none_itself(guarded: Guarded) -> None:
    import hashlib  # noqa: PLC0415 - here alone

    digest = "sha256:" + hashlib.sha256(OPERATOR.encode()).hexdigest()
    guarded.auth = auth_of(tokens=[{"name": "ana", "role": "operator", "token": digest}])
    assert (await guarded.ask("GET", "/calls", headers=bearer(OPERATOR)))[0] == 200
    assert (await guarded.ask("GET", "/calls", headers=bearer(digest)))[0] == 401


# -- a proxy -----------------------------------------------------------------------------------------------


def proxied(*sources: str, **keys: Any) -> OperationsAuth:
    return auth_of(proxy={"sources": list(sources), **keys})


async def test_the_header_of_a_trusted_proxy_says_who_asks(guarded: Guarded) -> None:
    guarded.auth = proxied("127.0.0.0/8", operators=["bo@acme.example"])
    head = {"X-Forwarded-User": "bo@acme.example"}
    assert (await guarded.ask("POST", "/drain", headers={**head, "X-Requested-By": "x"}))[0] == 202
    assert guarded.audit.newest()[0].who == "bo@acme.example (x)"
    assert guarded.audit.newest()[0].origin == "127.0.0.1"
    head["X-Forwarded-User"] = "cy@acme.example"
    assert (await guarded.ask("GET", "/calls", headers=head))[0] == 200
    assert (await guarded.ask("DELETE", "/drain", headers={**head, "X-Requested-By": "x"}))[0] == 403


async def test_the_same_header_from_elsewhere_counts_for_nothing(guarded: Guarded) -> None:
    guarded.auth = proxied("10.0.0.7", operators=["bo@acme.example"])
    head = {"X-Forwarded-User": "bo@acme.example", "X-Forwarded-For": "10.0.0.7", "X-Requested-By": "x"}
    assert (await guarded.ask("GET", "/calls", headers=head))[0] == 401
    assert (await guarded.ask("POST", "/drain", headers=head))[0] == 401
    assert not guarded.desk.drained


@pytest.mark.parametrize(("role", "status"), [("operator", 202), ("viewer", 403), ("root", 403), (None, 403)])
async def test_a_proxy_may_say_the_role(guarded: Guarded, role: str | None, status: int) -> None:
    guarded.auth = proxied("127.0.0.1", user_header="Remote-User", role_header="Remote-Role")
    head = {"Remote-User": "bo", "X-Requested-By": "x"} | ({} if role is None else {"Remote-Role": role})
    assert (await guarded.ask("POST", "/drain", headers=head))[0] == status


async def origin(guarded: Guarded, *lines: tuple[str, str]) -> str:
    """Where a deed came from, by the audit log, with these headers."""
    head = [("X-Forwarded-User", "bo"), ("X-Requested-By", "x"), *lines]
    assert (await guarded.ask("POST", "/drain", headers=head))[0] == 202
    return guarded.audit.newest()[0].origin


async def test_no_header_says_where_a_client_is_unless_it_is_named(guarded: Guarded) -> None:
    guarded.auth = proxied("127.0.0.1", operators=["bo"])
    assert await origin(guarded, ("X-Forwarded-For", "192.0.2.7"), ("Forwarded", "for=9.9.9.9")) == (
        "127.0.0.1"
    )


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["192.0.2.7"], "192.0.2.7"),
        (["9.9.9.9, 192.0.2.7"], "192.0.2.7"),
        (["9.9.9.9", "192.0.2.7"], "192.0.2.7"),
        (["9.9.9.9, 192.0.2.7, 10.0.0.8, 10.0.0.9"], "192.0.2.7"),
        (["192.0.2.7:49152"], "192.0.2.7"),
        (["[2001:db8::7]:49152"], "2001:db8::7"),
        (["2001:db8::7"], "2001:db8::7"),
        (["::ffff:192.0.2.7"], "192.0.2.7"),
        (["9.9.9.9, unknown, 10.0.0.8"], "10.0.0.8"),
        (["9.9.9.9, <script>"], "127.0.0.1"),
        (["9.9.9.9,"], "127.0.0.1"),
        (["10.0.0.7, 10.0.0.8"], "10.0.0.7"),
        (["9.9.9.9, " + "10.0.0.8, " * 40 + "10.0.0.9"], "10.0.0.8"),
        ([], "127.0.0.1"),
    ],
)
async def test_a_named_header_gives_the_right_most_address_that_is_no_proxy_s(
    guarded: Guarded, lines: list[str], found: str
) -> None:
    guarded.auth = proxied("127.0.0.1", "10.0.0.0/8", operators=["bo"], address_header="X-Client")
    assert await origin(guarded, *(("x-client", line) for line in lines), ("X-Forwarded-For", "9.9.9.9")) == (
        found
    )


async def test_from_elsewhere_a_named_header_counts_for_nothing(guarded: Guarded) -> None:
    guarded.auth = proxied("10.0.0.7", address_header="X-Forwarded-For")
    head = {**bearer(OPERATOR), "X-Forwarded-For": "192.0.2.7"}
    assert (await guarded.ask("POST", "/drain", headers=head))[0] == 202
    assert guarded.audit.newest()[0].origin == "127.0.0.1"


async def test_who_guesses_behind_a_proxy_is_slowed_and_nobody_else_there(guarded: Guarded) -> None:
    guarded.auth = proxied("127.0.0.1", address_header="X-Forwarded-For")

    async def guess(number: int, said: str) -> int:
        head = {**bearer(f"wrong token {number}"), "X-Forwarded-For": said}
        return (await guarded.ask("GET", "/calls", headers=head))[0]

    tried = [await guess(number, f"198.51.100.{number}, 192.0.2.7") for number in range(15)]
    assert tried == [401] * 10 + [429] * 5
    assert guarded.refused == ["unknown"] * 10 + ["too_many"] * 5
    assert await guess(99, "192.0.2.8") == 401
    guarded.auth = proxied("127.0.0.1")
    tried = [await guess(number, f"192.0.2.{number}") for number in range(15)]
    assert tried == [401] * 10 + [429] * 5, "without a named header they are all one"


async def test_two_names_are_none(guarded: Guarded) -> None:
    guarded.auth = proxied("127.0.0.1", operators=["bo"])
    head = [("X-Forwarded-User", "bo"), ("X-Forwarded-User", "cy")]
    assert (await guarded.ask("GET", "/calls", headers=head))[0] == 401


# -- what is seen ------------------------------------------------------------------------------------------


async def test_numbers_are_in_clear_for_operators_who_ask_and_for_no_viewer(guarded: Guarded) -> None:
    guarded.desk.live = {"call-1": {"call_id": "call-1", "number": "9995550100"}}
    path = "/calls?numbers=shown"

    async def ask(token: str) -> str:
        return (await guarded.ask("GET", path, headers=bearer(token)))[1]

    assert "9995550100" in await ask(OPERATOR)
    assert "********00" in await ask(VIEWER)
    path = "/calls"
    assert "********00" in await ask(OPERATOR)


async def test_errors_are_pages_for_browsers_and_json_for_others(guarded: Guarded) -> None:
    status, text, headers = await guarded.ask("GET", "/nowhere", headers={**bearer(OPERATOR), **PAGE})
    assert (status, headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "<h1>There is no such page</h1>" in text
    status, text, headers = await guarded.ask("GET", "/nowhere", headers=bearer(OPERATOR))
    assert (status, headers["Content-Type"]) == (404, "application/json; charset=utf-8")


async def test_a_page_that_moves_stops_when_a_reload_takes_its_token_away(
    guarded: Guarded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "EVERY_SECONDS", 0.02)
    await guarded.log_in(VIEWER)
    async with guarded.session.get(
        guarded.base + "/console/live/overview", headers={"Accept": "text/event-stream"}
    ) as answer:
        assert (await answer.content.readline()).startswith(b"data: ")
        guarded.auth = OperationsAuth.model_validate({"tokens": TOKENS[:1]})
        async with asyncio.timeout(60):
            await answer.content.read()


@pytest.mark.parametrize("origin", ["http://[::1", "http://[", "null", "//", "http://é"])
async def test_an_origin_that_is_none_is_another_site(guarded: Guarded, origin: str) -> None:
    status, text, _ = await guarded.ask("POST", "/drain", headers={**bearer(OPERATOR), "Origin": origin})
    assert (status, "another site" in text) == (403, True)
    assert not guarded.desk.drained


async def test_what_a_viewer_tries_pushes_no_deed_of_an_operator_out(guarded: Guarded) -> None:
    for _ in range(30):
        assert (await guarded.ask("POST", "/drain", headers=bearer(VIEWER)))[0] == 403
    await guarded.ask("POST", "/drain", headers=bearer(OPERATOR))
    newest = guarded.audit.newest()
    assert [newest[0].outcome, newest[1].outcome.partition(":")[0], len(newest)] == ["done", "refused", 21]
