# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""The operations listener over a real socket."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from aiohttp import web

from agent.http.ports import ReloadAnswer
from agent.http.serving import HttpError, serve
from agent.telemetry.metrics import CONTENT_TYPE


async def test_alive_is_not_the_same_as_ready(operations: Any, desk: Any) -> None:
    ready = {"ready": True, "reason": "ready", "alarms": [], "configuration_kept_out": None}
    assert (await operations("GET", "/readyz"))[:2] == (200, ready)
    desk.ready = (False, "draining")
    draining = {"ready": False, "reason": "draining", "alarms": [], "configuration_kept_out": None}
    assert (await operations("GET", "/readyz"))[:2] == (503, draining)
    assert (await operations("GET", "/healthz"))[:2] == (200, {"alive": True})


async def test_metrics_come_in_prometheus_form(operations: Any, desk: Any) -> None:
    desk.verbs.call_started("acme-care")
    status, text, headers = await operations("GET", "/metrics")
    assert (status, headers["Content-Type"]) == (200, CONTENT_TYPE)
    assert 'handoff_calls_active{project="acme-care"} 1.0' in text


async def test_a_reload_says_what_became_of_it(operations: Any, desk: Any) -> None:
    status, answer, _ = await operations("POST", "/reload")
    assert (status, answer["result"]) == (200, "loaded")
    assert answer["changes"] == ["acme-care: limits.calls 200 -> 300"]
    desk.reloaded = ReloadAnswer("refused", mistakes=("numbers/acme.yaml:3:3: unknown project",))
    status, answer, _ = await operations("POST", "/reload")
    assert (status, answer["mistakes"]) == (422, ["numbers/acme.yaml:3:3: unknown project"])


async def test_what_is_on_disk_and_not_in_force_is_told_and_turns_no_call_away(
    operations: Any, desk: Any
) -> None:
    desk.reloaded = ReloadAnswer("refused", mistakes=("numbers/acme.yaml:3:3: unknown project",))
    status, answer, _ = await operations("GET", "/readyz")
    told = {"result": "refused", "mistakes": ["numbers/acme.yaml:3:3: unknown project"]}
    assert (status, answer["configuration_kept_out"]) == (200, told)


@pytest.mark.parametrize(
    ("path", "body", "confirmed"),
    [
        ("/reload", None, False),
        ("/reload", {}, False),
        ("/reload", {"yes": False}, False),
        ("/reload", {"yes": True}, True),
        ("/reload?yes=1", None, True),
        ("/reload?yes=0", None, False),
    ],
)
async def test_a_held_reload_is_told_and_can_be_confirmed(
    operations: Any, desk: Any, path: str, body: object, *, confirmed: bool
) -> None:
    desk.reloaded = ReloadAnswer("held", mistakes=("5 of 5 rules would go",))
    status, answer, _ = await operations("POST", path, json=body)
    assert (status, answer["result"]) == (409, "held")
    assert desk.confirmed == [confirmed]


@pytest.mark.parametrize("body", [{"yes": 1}, {"yess": True}, [], "yes"])
async def test_a_confirmation_that_is_none_is_refused(operations: Any, desk: Any, body: object) -> None:
    status, answer, _ = await operations("POST", "/reload", json=body)
    assert (status, desk.confirmed) == (422, [])
    assert "error_message" in answer


async def test_a_drain_is_asked_for(operations: Any, desk: Any) -> None:
    assert (await operations("POST", "/drain"))[0] == 202
    assert desk.drained


async def test_calls_are_listed_told_and_ended(operations: Any) -> None:
    assert (await operations("GET", "/calls"))[1] == {"calls": [{"call_id": "call-1", "state": "bridged"}]}
    assert (await operations("GET", "/calls/call-1/story"))[1]["story"][0]["text"] == "INVITE"
    assert (await operations("GET", "/calls/call-1"))[1]["state"] == "bridged"
    assert (await operations("DELETE", "/calls/call-1"))[0] == 202
    assert (await operations("DELETE", "/calls/call-1"))[0] == 404
    assert (await operations("GET", "/calls/call-1/story"))[0] == 404
    assert (await operations("GET", "/calls/call-1"))[0] == 404
    assert (await operations("GET", "/calls"))[1] == {"calls": []}


async def test_a_page_leads_to_the_rest(operations: Any) -> None:
    status, text, headers = await operations("GET", "/")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert 'href="/metrics"' in text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
async def test_a_page_of_another_site_can_t_drain_the_node(operations: Any, desk: Any, origin: str) -> None:
    assert (await operations("POST", "/drain", headers={"Origin": origin}))[0] == 403
    assert not desk.drained


async def test_a_get_where_a_post_is_wanted_changes_nothing(operations: Any, desk: Any) -> None:
    assert (await operations("GET", "/drain"))[0] == 405
    assert not desk.drained


async def test_a_port_that_is_taken_is_said_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HttpError, match=f"127.0.0.1:{port}") as caught:
            await serve(web.Application(), "127.0.0.1", port)
    assert len(str(caught.value).splitlines()) == 1
