# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""The operations listener over a real socket."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest
from aiohttp import web

from agent.http.ports import ReloadAnswer
from agent.http.serving import HttpError, serve
from agent.telemetry.metrics import CONTENT_TYPE
from tests.harness.streams import hang_up


async def test_alive_is_not_the_same_as_ready(operations: Any, desk: Any) -> None:
    ready = {
        "ready": True,
        "reason": "ready",
        "alarms": [],
        "configuration": "0123456789ab",
        "configuration_kept_out": None,
        "log_levels": [],
    }
    assert (await operations("GET", "/readyz"))[:2] == (200, ready)
    desk.ready = (False, "draining")
    draining = {**ready, "ready": False, "reason": "draining"}
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


# -- who may ask -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8081", "127.0.0.1", "[::1]:8081", "127.9.9.9", "edge.acme.example:443"]
)
async def test_it_is_served_by_its_own_names(operations: Any, host: str) -> None:
    assert (await operations("GET", "/healthz", headers={"Host": host}))[0] == 200


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8081", "192.0.2.7", "localhost.evil.example"])
async def test_a_name_that_somebody_else_let_point_here_is_not_served(
    operations: Any, desk: Any, host: str, method: str
) -> None:
    path = "/calls/call-1" if method == "DELETE" else "/drain" if method == "POST" else "/calls"
    status, answer, _ = await operations(method, path, headers={"Host": host})
    assert (status, "http.operations_hosts" in answer["error_message"]) == (421, True)
    assert not desk.drained
    assert desk.live


@pytest.mark.parametrize("host", ["", "a b", "user@localhost", "localhost:port", "localhost/"])
async def test_a_host_that_is_none_is_not_served(operations: Any, host: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", operations.port)
    writer.write(f"GET /calls HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    assert (await reader.read()).split()[1] in (b"400", b"421")
    await hang_up(writer)


async def test_two_hosts_are_none(operations: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", operations.port)
    writer.write(b"GET /calls HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\nConnection: close\r\n\r\n")
    assert (await reader.read()).split()[1] == b"400"
    await hang_up(writer)


async def test_a_balancer_of_http_1_0_names_none(operations: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", operations.port)
    writer.write(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert (await reader.read()).split()[1] == b"200"
    await hang_up(writer)


@pytest.mark.parametrize(
    "kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
@pytest.mark.parametrize("path", ["/drain", "/reload", "/signals/s-1/retry", "/signals/s-1/discard"])
async def test_what_a_page_could_send_without_asking_changes_nothing(
    operations: Any, desk: Any, path: str, kind: str
) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n"
    head += f"Content-Type: {kind}\r\n" if kind else ""
    reader, writer = await asyncio.open_connection("127.0.0.1", operations.port)
    writer.write(f"{head}\r\n".encode())
    answer = await reader.read()
    assert answer.split()[1] == b"403"
    assert b"X-Requested-By" in answer
    assert not desk.drained
    await hang_up(writer)


async def test_json_is_not_what_a_page_could_send(operations: Any, desk: Any) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", operations.port)
    writer.write(
        b"POST /drain HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 2\r\n"
        b"Content-Type: application/json\r\n\r\n{}"
    )
    assert (await reader.read()).split()[1] == b"202"
    assert desk.drained
    await hang_up(writer)


async def test_a_drain_is_taken_back_but_not_the_end_of_the_process(operations: Any, desk: Any) -> None:
    await operations("POST", "/drain")
    assert (await operations("DELETE", "/drain"))[:2] == (200, {"draining": False})
    assert not desk.drained
    desk.ending = True
    assert (await operations("DELETE", "/drain"))[0] == 409


async def test_numbers_are_masked_unless_a_command_asks(operations: Any, desk: Any) -> None:
    desk.live = {"call-1": {"call_id": "call-1", "number": "9995550100"}}
    for path in ("/calls", "/calls/call-1"):
        assert '"********00"' in json.dumps((await operations("GET", path))[1])
        assert '"9995550100"' in json.dumps((await operations("GET", f"{path}?numbers=shown"))[1])


async def test_so_are_those_in_a_story(operations: Any, desk: Any) -> None:
    desk.stories = {"call-1": [{"when": 1.0, "kind": "sip", "text": "INVITE sip:9995550100@10.0.0.1:5060"}]}
    path = "/calls/call-1/story"
    hidden, shown = [(await operations("GET", path + asked))[1] for asked in ("", "?numbers=shown")]
    assert hidden["story"][0] == {"when": 1.0, "kind": "sip", "text": "INVITE sip:********00@10.0.0.1:5060"}
    assert shown["story"] == desk.stories["call-1"]


async def test_refused_invites_are_listed_their_numbers_masked(operations: Any, desk: Any) -> None:
    desk.refusals = [{"call_id": "c-1", "number": "9995550100"}]
    assert (await operations("GET", "/calls/refused"))[1] == {
        "refused": [{"call_id": "c-1", "number": "********00"}]
    }
    assert (await operations("GET", "/calls/refused?numbers=shown"))[1] == {"refused": desk.refusals}


async def test_a_page_s_own_request_gets_no_number_in_clear(operations: Any, desk: Any) -> None:
    desk.live = {"call-1": {"call_id": "call-1", "number": "9995550100"}}
    reader, writer = await asyncio.open_connection("127.0.0.1", operations.port)
    writer.write(b"GET /calls?numbers=shown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"********00" in await reader.read()
    await hang_up(writer)
