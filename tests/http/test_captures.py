# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Captures over the operations listener: who may start and fetch them, and what stands in the audit log."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.core.model.access import OperationsAuth
from agent.core.model.capture import CaptureSettings
from agent.http.access import Access
from agent.http.diagnostics import Diagnostics
from agent.http.operations import operations_app
from agent.http.serving import serve
from agent.telemetry.audit import Audit
from agent.telemetry.captures import Captures
from tests.telemetry.wire import Wire

AUTH = OperationsAuth.model_validate(
    {
        "tokens": [
            {"name": "ana", "role": "operator", "token": "the-operator's-token"},
            {"name": "wallboard", "token": "the-viewer's-token"},
        ]
    }
)


@dataclass
class Site:
    """A listener with a log-in, and a wire whose calls can be captured."""

    base: str
    session: aiohttp.ClientSession
    wire: Wire
    audit: Audit

    async def ask(self, who: str, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status, and JSON or bytes."""
        head = {"Authorization": f"Bearer the-{who}'s-token", "X-Requested-By": who}
        async with self.session.request(method, self.base + path, json=body, headers=head) as answer:
            json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if json else answer.read())


@pytest.fixture
async def site(desk: Any, tmp_path: Path) -> AsyncIterator[Site]:
    wire, audit = Wire(), Audit()
    settings = CaptureSettings(folder=tmp_path / "captures")
    captures = Captures(wire.messages, lambda: settings, lambda _: True)
    diagnostics = Diagnostics(lambda: desk.projects, captures)
    app = operations_app(desk, access=Access(lambda: AUTH), audit=audit, diagnostics=diagnostics)
    server = await serve(app, "127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        yield Site(f"http://127.0.0.1:{server.port}", session, wire, audit)
    await server.aclose()
    await captures.aclose()


async def test_an_operator_starts_fetches_stops_and_deletes_one(site: Site) -> None:
    status, capture = await site.ask("operator", "POST", "/captures", {"number": "+9995550100", "for": "5m"})
    assert (status, capture["by"], capture["until"] - capture["began"]) == (201, "ana (operator)", 300)
    path = f"/captures/{capture['capture_id']}"
    site.wire.call("c-1", "dialog-1")
    message = site.wire.comes("dialog-1")
    assert (await site.ask("operator", "POST", f"{path}/stop"))[1]["packets"] == 1
    status, data = await site.ask("operator", "GET", f"{path}/pcap")
    assert (status, message in data) == (200, True)
    assert (await site.ask("operator", "DELETE", path))[0] == 200
    assert (await site.ask("operator", "GET", f"{path}/pcap"))[0] == 404
    deeds = [(deed.who, deed.action, deed.about) for deed in reversed(site.audit.newest())]
    assert deeds == [
        ("ana (operator)", "capture", "+********00"),
        ("ana (operator)", "capture_stop", capture["capture_id"]),
        ("ana (operator)", "capture_delete", capture["capture_id"]),
    ]


async def test_a_viewer_sees_that_there_is_one_and_nothing_of_it(site: Site) -> None:
    _, capture = await site.ask("operator", "POST", "/captures", {"number": "9995550100"})
    status, found = await site.ask("viewer", "GET", "/captures")
    assert (status, found["captures"][0]["number"]) == (200, "********00")
    path = f"/captures/{capture['capture_id']}"
    for method, where in (
        ("GET", f"{path}/pcap"),
        ("POST", f"{path}/stop"),
        ("DELETE", path),
        ("POST", "/captures"),
    ):
        status, answer = await site.ask("viewer", method, where, {} if method == "POST" else None)
        assert (status, "is a viewer" in answer["error_message"]) == (403, True), (method, where)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({}, 422, "name the calls by one of call, project, number"),
        ({"call": "c-1", "project": "acme-care"}, 422, "name the calls by one of"),
        ({"number": "none"}, 422, "'none' is no number"),
        ({"number": "\u00b2\u0663"}, 422, "is no number"),
        ({"project": "acme-cara"}, 404, "there is no project 'acme-cara'"),
        ({"project": "acme-care", "for": "2h"}, 422, "capture.longest"),
        ({"project": "acme-care", "size": "9GB"}, 422, "capture.size"),
        ({"project": "acme-care", "size": "much"}, 422, "is not a size"),
        ({"project": "acme-care", "size": 0}, 422, "0 is too small for a call: write 100kB or more"),
        ({"project": "acme-care", "size": -5}, 422, "-5 is too small for a call"),
        ({"project": "acme-care", "rtp": "yes"}, 422, "rtp"),
    ],
)
async def test_what_can_t_be_is_refused(site: Site, body: object, status: int, says: str) -> None:
    answered, answer = await site.ask("operator", "POST", "/captures", body)
    assert (answered, says in answer["error_message"]) == (status, True), answer
    assert (await site.ask("operator", "GET", "/captures"))[1] == {"captures": []}


async def test_the_file_can_be_had_as_it_grows(site: Site) -> None:
    _, capture = await site.ask("operator", "POST", "/captures", {"project": "acme-care", "attended": "30s"})
    path = f"/captures/{capture['capture_id']}/pcap"
    site.wire.call("c-1", "dialog-1", project="acme-care")
    whole = b""
    for method in ("INVITE", "BYE"):
        message = site.wire.comes("dialog-1", method)

        async def more() -> bytes:
            return bytes((await site.ask("operator", "GET", f"{path}?from={len(whole)}"))[1])  # noqa: B023

        while message not in whole:
            whole += await more()
    assert await more() == b""
    await site.ask("operator", "POST", f"/captures/{capture['capture_id']}/stop")
    assert (await site.ask("operator", "GET", path))[1] == whole
    for said in ("x", "-1", "1" * 16, "%D9%A1"):
        status, answer = await site.ask("operator", "GET", f"{path}?from={said}")
        assert (status, answer["error_message"]) == (422, "from must be a number of bytes, such as from=24")


async def test_a_file_that_is_gone_or_whose_disk_hangs_is_told(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, capture = await site.ask("operator", "POST", "/captures", {"project": "acme-care"})
    path = f"/captures/{capture['capture_id']}"
    await site.ask("operator", "POST", f"{path}/stop")
    go_on = threading.Event()
    with monkeypatch.context() as hung:
        hung.setattr("agent.http.captures._DISK_SECONDS", 0.05)
        hung.setattr(Path, "open", lambda *_, **__: go_on.wait())
        status, answer = await site.ask("operator", "GET", f"{path}/pcap")
    go_on.set()
    assert (status, answer["error_message"]) == (503, "its disk does not answer")
    Path(capture["file"]).unlink()
    status, answer = await site.ask("operator", "GET", f"{path}/pcap")
    assert (status, answer["error_message"]) == (404, f"its file is gone: {capture['file']}")
