# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""The handoff API over a real socket: keys, bodies, states, errors."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from agent.core.errors import StorageError
from agent.core.model.project import Project
from agent.core.moments import SignalState
from agent.core.reasons import End
from agent.core.records import Attempt, Handoff
from agent.core.trace_context import Parent
from agent.http.ports import AlreadyEnded, HandoffAccepted, HandoffOutcome, NoSuchCall

HANDOFFS = "/v1/acme/acme-care/handoffs"
STATE = "/v1/acme/acme-care/handoff_state"
KEY = {"x-api-key": "care-key"}


async def test_a_handoff_is_taken_and_its_state_can_be_read_at_once(api: Any, desk: Any) -> None:
    body = {
        "call_id": "call-1",
        "destination": "CARE",
        "skill": 4711,
        "parameters": {"p4": "gold"},
        "data": {"name": "Zoë", "visits": [1, None]},
        "shared_id": "shared-1",
    }
    status, answer, _ = await api("POST", HANDOFFS, json=body, headers=KEY)
    assert (status, answer) == (202, {"id": "handoff-1", "state": "recorded", "caller": "voice_agent"})
    assert desk.asked[0].skill == "4711"
    assert desk.asked[0].parameters == {"p4": "gold"}
    expected = {"id": "handoff-1", "data": body["data"], "shared_id": "shared-1"}
    for query in ("id=handoff-1", "id=call-1", "id=4711", "shared_id=shared-1", "shared_id=shared-1&id=none"):
        status, answer, _ = await api("GET", f"{STATE}?{query}", headers=KEY)
        assert (status, answer) == (200, expected), query


async def test_the_trace_that_a_request_is_part_of_is_handed_on_where_it_is_valid(
    api: Any, desk: Any
) -> None:
    desk.answer = lambda: HandoffAccepted("handoff-1")
    parent = Parent("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)
    for said in (str(parent), "nonsense", str(parent).upper()):
        headers = {**KEY, "TraceParent": said}
        status, _, _ = await api("POST", HANDOFFS, json={"call_id": "call-1"}, headers=headers)
        assert status == 202
    assert desk.parents == [parent, None, None]


async def test_the_states_of_its_signal_can_be_followed(api: Any, desk: Any) -> None:
    await api("POST", HANDOFFS, json={"call_id": "call-1"}, headers=KEY)
    path = f"{HANDOFFS}/handoff-1"
    assert (await api("GET", path, headers=KEY))[1]["state"] == "recorded"
    await desk.states.update_signal("signal-1", SignalState.SENDING, None)
    assert (await api("GET", path, headers=KEY))[1]["state"] == "sending"
    await desk.states.update_signal("signal-1", SignalState.ACCEPTED, Attempt(1.0, 2.0, "accepted", 202))
    status, answer, _ = await api("GET", path, headers=KEY)
    assert status == 200
    assert answer == {
        "id": "handoff-1",
        "call_id": "call-1",
        "contact_id": "4711",
        "state": "accepted",
        "caller": "voice_agent",
        "attempts": [{"began": 1.0, "ended": 2.0, "outcome": "accepted", "status": 202, "detail": ""}],
    }


async def test_shared_id_is_left_out_when_there_is_none(api: Any) -> None:
    await api("POST", HANDOFFS, json={"contact_id": " 4711 "}, headers=KEY)
    assert (await api("GET", f"{STATE}?id=4711", headers=KEY))[1] == {"id": "handoff-1", "data": {}}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", HANDOFFS),
        ("POST", "/v1/acme/acme-care/transcript"),
        ("GET", f"{HANDOFFS}/handoff-1"),
        ("GET", f"{STATE}?id=handoff-1"),
    ],
)
@pytest.mark.parametrize(
    ("key", "expected"),
    [(None, 401), ("", 401), ("wrong", 401), ("care-key ", 404), ("sales-key", 403), ("\xfc", 401)],
)
async def test_each_route_wants_the_project_s_key(  # noqa: PLR0917 - pytest names them
    api: Any, desk: Any, method: str, path: str, key: str | None, expected: int
) -> None:
    desk.answer, desk.transcript_answer = NoSuchCall, NoSuchCall()
    headers = {} if key is None else {"x-api-key": key}
    status, answer, _ = await api(method, path, headers=headers, json={"call_id": "call-1"})
    assert status == expected
    assert answer["error_message"]


async def test_a_project_that_does_not_exist_is_not_told_from_one_that_does(api: Any) -> None:
    wrong = await api("GET", "/v1/acme/nothing/handoff_state?id=1", headers={"x-api-key": "wrong"})
    other = await api("GET", "/v1/acme/nothing/handoff_state?id=1", headers=KEY)
    account = await api("GET", "/v1/other/acme-care/handoff_state?id=1", headers=KEY)
    assert (wrong[0], other[0], account[0]) == (401, 403, 403)


async def test_another_project_s_handoff_is_not_found(api: Any) -> None:
    await api("POST", HANDOFFS, json={"call_id": "call-1"}, headers=KEY)
    sales = {"x-api-key": "sales-key"}
    for path in ("handoffs/handoff-1", "handoff_state?id=handoff-1", "handoff_state?shared_id=4711"):
        assert (await api("GET", f"/v1/acme/acme-sales/{path}", headers=sales))[0] == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"\xff\xfe", 400),
        (b'{"call_id": "c", "data": {"x": NaN}}', 400),
        (b"[" * 40_000, 400),
        (b'{"call_id": "c", "data": {"x": ' + b"1" * 5000 + b"}}", 400),
        (b"x" * 70_000, 413),
        (b"[]", 422),
        (b'"text"', 422),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused_as_such(api: Any, body: bytes, status: int) -> None:
    found, answer, _ = await api("POST", HANDOFFS, data=body, headers=KEY)
    assert (found, set(answer) - {"fields"}) == (status, {"error_message"})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "body"),
        ({"call_id": "", "contact_id": " "}, "body"),
        ({"call_id": ["c"]}, "call_id"),
        ({"call_id": "c" * 257}, "call_id"),
        ({"call_id": "c", "reason": "x" * 2001}, "reason"),
        ({"call_id": "c", "parameters": {"p10": "x"}}, "parameters.p10"),
        ({"call_id": "c", "parameters": {"p1": None}}, "parameters.p1"),
        ({"call_id": "c", "data": [1]}, "data"),
        ({"call_id": "c", "destination": "\ud800"}, "destination"),
        ({"call_id": "c", "destiny": "x"}, "destiny"),
    ],
)
async def test_each_field_that_can_t_be_used_is_named(api: Any, body: Any, field: str) -> None:
    status, answer, _ = await api("POST", HANDOFFS, data=json.dumps(body), headers=KEY)
    assert status == 422
    assert [mistake["field"] for mistake in answer["fields"]] == [field]
    assert all(mistake["error"] for mistake in answer["fields"])


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({}, "body", "call_id or contact_id is needed"),
        ([], "body", "must be an object"),
        ({"call_id": ["c"]}, "call_id", "must be text, in quotes"),
        ({"call_id": "c" * 257}, "call_id", "is longer than 256 characters"),
        ({"call_id": "a\nb"}, "call_id", "must be one line, without control characters"),
        ({"call_id": "c", "reason": "\0"}, "reason", "holds the character U+0000, which can't be stored"),
        ({"call_id": "c", "parameters": {"p10": "x"}}, "parameters.p10", "must be one of p1, p2, p3,"),
        ({"call_id": "c", "parameters": {"p1": None}}, "parameters.p1", "must be text, in quotes"),
        ({"call_id": "c", "parameters": "x"}, "parameters", "must be an object"),
        ({"call_id": "c", "data": [1]}, "data", "must be an object"),
        ({"call_id": "c", "destiny": "x"}, "destiny", "is not known: use call_id, contact_id, destination,"),
    ],
)
async def test_what_would_be_right_is_said_in_the_agent_s_words(
    api: Any, body: Any, field: str, words: str
) -> None:
    status, answer, _ = await api("POST", HANDOFFS, json=body, headers=KEY)
    (mistake,) = answer["fields"]
    assert (status, mistake["field"]) == (422, field)
    assert mistake["error"].startswith(words)
    assert words in answer["error_message"]


async def test_what_was_cut_is_said_beside_what_was_taken(api: Any, desk: Any) -> None:
    desk.answer = lambda: HandoffAccepted("handoff-1", warnings=(("p1", "it was cut"),))
    status, answer, _ = await api("POST", HANDOFFS, json={"call_id": "call-1"}, headers=KEY)
    assert (status, answer["warnings"]) == (202, [{"field": "p1", "warning": "it was cut"}])


IDS = ("call_id", "contact_id", "shared_id", "skill")


@pytest.mark.parametrize("name", IDS)
@pytest.mark.parametrize("digits", ["4512", "0", "4700000000", "1" * 19])
async def test_an_id_that_is_a_whole_number_is_its_digits(
    api: Any, desk: Any, name: str, digits: str
) -> None:
    named = "" if name in ("call_id", "contact_id") else '"call_id": "c", '
    body = f'{{{named}"{name}": {digits}}}'
    assert (await api("POST", HANDOFFS, data=body, headers=KEY))[0] == 202
    assert getattr(desk.asked[0], name) == digits


@pytest.mark.parametrize(
    ("path", "name"),
    [*((HANDOFFS, name) for name in IDS), *(("/v1/acme/acme-care/transcript", name) for name in IDS[:2])],
)
@pytest.mark.parametrize("written", ["4.7e9", "4700000000.0", "0.0", "1E3", "-1.5", "true", "false", "null"])
async def test_an_id_that_is_another_number_or_none_is_to_be_sent_as_text(
    api: Any, desk: Any, path: str, name: str, written: str
) -> None:
    other = "contact_id" if name == "call_id" else "call_id"
    body = f'{{"{other}": "c", "{name}": {written}}}'
    status, answer, _ = await api("POST", path, data=body, headers=KEY)
    wanted = {"field": name, "error": 'must be text: write it in quotes, such as "4512"'}
    assert (status, answer["fields"]) == (422, [wanted])
    assert desk.asked == desk.posted == []


@pytest.mark.parametrize(("outcome", "expected"), [(NoSuchCall(), 404), (AlreadyEnded(End.FAILED), 409)])
async def test_a_call_that_is_gone_or_has_ended_is_said(
    api: Any, desk: Any, outcome: HandoffOutcome, expected: int
) -> None:
    desk.answer = lambda: outcome
    status, answer, _ = await api("POST", HANDOFFS, json={"call_id": "call-1"}, headers=KEY)
    assert (status, set(answer)) == (expected, {"error_message"})


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (End.HANDOFF, ": handoff,"),
        (End.COMPLETED, ": completed,"),
        (End.FAILED, ": failed"),
        (End.CALLER, "the caller hung up"),
        (None, "not up on this node"),
    ],
)
async def test_a_second_one_hears_which_terminal_moment_came_first_and_by_which_handoff(
    api: Any, desk: Any, end: End | None, words: str
) -> None:
    desk.answer = lambda: AlreadyEnded(end, "handoff-1" if end is End.HANDOFF else "")
    status, answer, _ = await api("POST", HANDOFFS, json={"call_id": "call-1"}, headers=KEY)
    assert status == 409
    assert words in answer.pop("error_message")
    assert answer == ({"id": "handoff-1"} if end is End.HANDOFF else {})


async def test_what_can_t_be_recorded_now_may_be_tried_again(api: Any, desk: Any) -> None:
    def full() -> HandoffOutcome:
        raise StorageError("disk full")

    desk.answer = full
    status, _, headers = await api("POST", HANDOFFS, json={"call_id": "call-1"}, headers=KEY)
    assert (status, headers["Retry-After"]) == (503, "1")


async def test_a_mistake_of_ours_shows_the_request_s_id_and_no_traceback(
    api: Any, desk: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> HandoffOutcome:
        raise RuntimeError("secret inside")

    desk.answer = broken
    headers = KEY | {"X-Request-Id": "request-1"}
    status, answer, answered = await api("POST", HANDOFFS, json={"call_id": "call-1"}, headers=headers)
    assert status == 500
    assert "request-1" in answer["error_message"]
    assert "secret inside" not in answer["error_message"]
    assert answered["X-Request-Id"] == "request-1"
    said = "".join(capsys.readouterr())
    for fact in ("request-1", "call-1", "acme-care"):
        assert fact in said


@pytest.mark.parametrize("offered", [None, "a" * 129, "a b", "ü"])
async def test_a_request_without_a_usable_id_gets_one(api: Any, offered: str | None) -> None:
    headers = {} if offered is None else {"X-Request-Id": offered}
    _, _, answered = await api("GET", "/openapi.json", headers=headers)
    assert len(answered["X-Request-Id"]) == 16


async def test_unknown_addresses_and_methods_have_the_same_form_of_error(api: Any) -> None:
    status, answer, _ = await api("GET", "/v2/anything")
    assert (status, set(answer)) == (404, {"error_message"})
    status, answer, headers = await api("DELETE", HANDOFFS, headers=KEY)
    assert (status, set(answer), headers["Allow"]) == (405, {"error_message"}, "POST")


async def test_handoff_state_wants_a_key_to_look_under(api: Any) -> None:
    assert (await api("GET", STATE, headers=KEY))[0] == 400
    assert (await api("GET", f"{STATE}?id=%20", headers=KEY))[0] == 400
    status, answer, _ = await api("GET", f"{STATE}?id=none", headers=KEY)
    assert (status, set(answer)) == (404, {"error_message"})


async def test_a_reload_s_new_keys_hold_from_the_next_request_on(api: Any, desk: Any) -> None:
    desk.projects = {"acme-care": desk.projects["acme-sales"].model_copy(update={"project": "acme-care"})}
    assert (await api("GET", f"{STATE}?id=none", headers=KEY))[0] == 401
    assert (await api("GET", f"{STATE}?id=none", headers={"x-api-key": "sales-key"}))[0] == 404


async def test_a_project_without_a_key_is_closed(api: Any, desk: Any) -> None:
    closed = desk.projects["acme-care"].model_copy(update={"api_key": ()})
    desk.projects = {"acme-care": closed}
    for headers in ({}, {"x-api-key": ""}, {"x-api-key": "None"}):
        assert (await api("GET", f"{STATE}?id=none", headers=headers))[0] == 401


async def test_a_handoff_of_a_project_that_signals_none_says_so(api: Any, desk: Any) -> None:
    handoff = Handoff("handoff-9", "call-9", "acme", "acme-care", "4719", 1000.0)
    await desk.states.record_handoff(handoff, None)
    answer = (await api("GET", f"{HANDOFFS}/handoff-9", headers=KEY))[1]
    assert (answer["state"], answer["attempts"]) == ("unsignalled", [])


async def test_any_of_several_keys_opens_a_project_and_a_hash_is_as_good_as_the_key(
    api: Any, desk: Any
) -> None:
    keys = [f"sha256:{hashlib.sha256(b'old-key').hexdigest()}", "new-key"]
    written: dict[str, Any] = {"account": "acme", "project": "acme-care", "api_key": keys}
    written["voice_agent"] = {"targets": [{"uri": "sip:bot@127.0.0.1"}]}
    desk.projects = {"acme-care": Project.model_validate(written)}
    for key, expected in (("old-key", 404), ("new-key", 404), ("care-key", 401), (keys[0], 401)):
        assert (await api("GET", f"{STATE}?id=none", headers={"x-api-key": key}))[0] == expected, key
