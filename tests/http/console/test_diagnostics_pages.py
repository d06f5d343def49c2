# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""Captures and the log's level on their page: begun, looked at, stopped; what can't be is said there."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from agent.core.model import Agent
from agent.core.model.access import OperationsAuth
from agent.core.model.capture import CaptureSettings
from agent.http.access import Access
from agent.http.call_finder import About
from agent.http.diagnostics import Diagnostics
from agent.http.operations import operations_app
from agent.http.serving import serve
from agent.telemetry import logs
from agent.telemetry.audit import Audit
from agent.telemetry.captures import Captures
from tests.core.examples import record
from tests.telemetry.wire import Wire

PATH = "/console/diagnostics"
START = f"{PATH}/captures"
WHY = {"why": "no audio"}
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
    """A console with a log-in, and a wire whose calls can be captured."""

    session: aiohttp.ClientSession
    base: str
    wire: Wire
    audit: Audit
    captures: Captures

    async def page(self, path: str = PATH, who: str = "operator", status: int = 200, **head: str) -> str:
        """A page's text."""
        headers = {"Authorization": f"Bearer the-{who}'s-token", "Accept": "text/html", **head}
        async with self.session.get(self.base + path, headers=headers) as answer:
            text = await answer.text()
            assert answer.status == status, text
            return text

    async def send(self, path: str, page: str = PATH, **fields: str) -> tuple[int, str, str]:
        """Send a form of a page as an operator: status, where to, text."""
        csrf = re.search(r'name="csrf" value="(\w+)"', await self.page(page))
        assert csrf is not None
        headers = {"Authorization": "Bearer the-operator's-token", "Accept": "text/html"}
        async with self.session.post(
            self.base + path, data={"csrf": csrf[1], **fields}, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status, answer.headers.get("Location", ""), await answer.text()


@pytest.fixture
async def site(desk: Any, tmp_path: Path) -> AsyncIterator[Site]:
    wire, audit = Wire(), Audit()
    settings = CaptureSettings(folder=tmp_path / "captures", at_once=2)
    desk.in_force = replace(desk.in_force, agent=Agent(node="edge-1", capture=settings))
    captures = Captures(wire.messages, lambda: settings, lambda _: True)
    diagnostics = Diagnostics(lambda: desk.projects, captures)
    app = operations_app(desk, access=Access(lambda: AUTH), audit=audit, diagnostics=diagnostics)
    server = await serve(app, "127.0.0.1", 0)
    async with aiohttp.ClientSession() as session:
        yield Site(session, f"http://127.0.0.1:{server.port}", wire, audit, captures)
    await server.aclose()
    await captures.aclose()
    for project in ("", "acme-care"):
        logs.level_back(project)


async def begun(site: Site, **fields: str) -> str:
    """Begin one; gives the path of its page."""
    status, where, text = await site.send(START, **{"of": "project", "which": "acme-care", **WHY, **fields})
    assert status == 303, text
    return where


async def test_a_capture_is_begun_seen_fetched_stopped_and_deleted(site: Site) -> None:
    where = await begun(site, of="number", which="+999 555 0100", minutes="5", size="1MB")
    (capture,) = site.captures.all()
    assert (capture.wanted.number, capture.size, capture.rtp) == ("9995550100", 1_000_000, False)
    assert capture.until - capture.began == 300
    site.wire.call("c-1", "dialog-1")
    message = site.wire.comes("dialog-1")
    page = await site.page(where)
    for part in ("********00", "running", "by ana", "<dd>1</dd>", "/console/calls/c-1", "1.0 MB"):
        assert part in page, part
    assert "9995550100" not in page
    text = await site.page()
    assert '<td class="number">1</td>' in text
    assert where in text
    status, _, _ = await site.send(f"{where}/stop", page=where)
    assert (status, capture.why) == (303, "stopped")
    assert "over</span> stopped" in await site.page(where)
    headers = {"Authorization": "Bearer the-operator's-token"}
    async with site.session.get(f"{site.base}/captures/{capture.capture_id}/pcap", headers=headers) as answer:
        assert message in await answer.read()
    assert (await site.send(f"{where}/delete", page=where))[:2] == (303, f"{PATH}#captures")
    assert not capture.path.exists()
    assert "There is no such page" in await site.page(where, status=404)
    deeds = [(deed.who, deed.action, deed.about, deed.why) for deed in reversed(site.audit.newest())]
    assert deeds == [
        ("ana", "capture", "********00", "no audio"),
        ("ana", "capture_stop", capture.capture_id, ""),
        ("ana", "capture_delete", capture.capture_id, ""),
    ]


async def test_what_moves_says_so_when_somebody_deletes_it(site: Site) -> None:
    where = await begun(site)
    live = where.replace(START, "/console/live/captures")
    assert "Nothing has come yet" in await site.page(live)
    assert "running" in await site.page("/console/live/captures")
    await site.captures.delete(site.captures.all()[0])
    gone = live + "?again"  # one rendering serves for a second
    assert "It is deleted" in await site.page(gone)


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({"which": " "}, 422, "Write which project it is."),
        ({"of": "customer"}, 422, "Choose one of call, project, number."),
        ({"which": "acme-cara"}, 422, "There is no project &#39;acme-cara&#39;."),
        ({"of": "number", "which": "none"}, 422, "&#39;none&#39; is no number."),
        ({"of": "number", "which": "\u00b2"}, 422, "is no number."),
        ({"why": " "}, 422, "A reason is needed: it stays in the audit log."),
        ({"minutes": "ten"}, 422, "&#39;ten&#39; is no number of minutes: write 10."),
        ({"minutes": "-1"}, 422, "is no number of minutes"),
        ({"minutes": "nan"}, 422, "is no number of minutes"),
        ({"minutes": "61"}, 422, "a capture may take 3600 s (capture.longest)."),
        ({"size": "much"}, 422, "&#39;much&#39; is not a size: write 500kB, 50MB or 2GB."),
        ({"size": "9GB"}, 422, "capture.size"),
        ({"which": "x" * 300, "of": "call"}, 422, "Write which call it is."),
    ],
)
async def test_what_can_t_be_is_said_on_the_page_with_what_was_written(
    site: Site, fields: dict[str, str], status: int, said: str
) -> None:
    given = {"of": "project", "which": "acme-care", "minutes": "7", "rtp": "yes", **WHY, **fields}
    answered, _, text = await site.send(START, **given)
    assert (answered, said in text) == (status, True), text
    assert f'value="{given["minutes"]}"' in text
    assert 'value="yes" checked' in text
    assert not site.captures.all()


async def test_more_than_may_be_is_told(site: Site) -> None:
    await begun(site)
    await begun(site, of="call", which="4512", rtp="yes")
    status, _, text = await site.send(START, of="call", which="4513", **WHY)
    assert (status, "2 captures are under way" in text) == (409, True)


async def test_a_viewer_sees_them_and_gets_nothing_of_what_is_in_them(site: Site) -> None:
    where = await begun(site, of="number", which="9995550100")
    for path in (PATH, where):
        page = await site.page(path, "viewer")
        assert "********00" in page
        assert "9995550100" not in page
        assert "/pcap" not in page
        assert "<form" not in page.replace('action="/console/log-out"', "")


async def test_off_is_said_with_what_switches_them_on(site: Site, desk: Any) -> None:
    desk.in_force = replace(desk.in_force, agent=Agent(node="edge-1"))
    page = await site.page()
    assert "Captures are off: name a folder" in page
    assert "Begin a capture" not in page


async def test_the_level_is_set_for_a_while_and_goes_back(site: Site) -> None:
    assert "in force for the node and all projects" in await site.page()
    fields = {"level": "debug", "project": "acme-care", "minutes": "10", "why": "a look"}
    assert (await site.send(f"{PATH}/log-level", **fields))[:2] == (303, f"{PATH}#log-level")
    (level,) = logs.levels_shown()
    assert (level["level"], level["project"], level["by"]) == ("debug", "acme-care", "ana")
    page = await site.page()
    assert "project acme-care" in page
    assert re.search(r"Goes back.*10 min", page, re.DOTALL)
    await site.send(f"{PATH}/log-level", level="normal", project="acme-care")
    assert logs.levels_shown() == []
    outcomes = [(deed.action, deed.about, deed.outcome) for deed in reversed(site.audit.newest())]
    assert outcomes == [
        ("log_level", "acme-care", "debug for 600 s"),
        ("log_level", "acme-care", "as configured"),
    ]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"level": "loud"}, "Choose one of debug, info, warning, error, normal."),
        ({"project": "acme-cara"}, "There is no project"),
        ({"minutes": ""}, "is no number of minutes up to 1440: write 15."),
        ({"minutes": "1441"}, "is no number of minutes up to 1440"),
        ({"minutes": "inf"}, "is no number of minutes up to 1440"),
    ],
)
async def test_a_level_that_can_t_be_set_is_said_on_the_page(
    site: Site, fields: dict[str, str], said: str
) -> None:
    given = {"level": "error", "project": "", "minutes": "15", **fields}
    status, _, text = await site.send(f"{PATH}/log-level", **given)
    assert (status, said in text, logs.levels_shown()) == (422, True, [])


async def test_the_page_of_a_call_that_is_up_begins_its_capture(site: Site, desk: Any) -> None:
    call = {**record().shown(), "call_id": "c-1", "live": True}
    desk.finder.known["c-1"] = About(call)
    page = await site.page("/console/calls/c-1")
    assert f'action="{START}"' in page
    where = await begun(site, of="call", which="c-1", rtp="yes")
    assert site.captures.all()[0].wanted.call == "c-1"
    assert "Capture of call" in await site.page(where)
    assert f'action="{START}"' not in await site.page("/console/calls/c-1", "viewer")
    desk.finder.known["c-1"] = About({**call, "ended": 2.0, "end": "completed", "live": False})
    assert f'action="{START}"' not in await site.page("/console/calls/c-1")
