# SPDX-License-Identifier: GPL-3.0-or-later
"""What a voice agent says in its BYE, REFER or INFO comes out readable, whatever it wrote."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.core.asking import Ask, AskError, from_bye, from_info, from_refer
from agent.core.headers import Message, parse
from agent.core.model.handoff import FIELDS, HandoffSettings

NAMES = dict(HandoffSettings().headers)
UUI = {"destination": "User-to-User"}


def request(*headers: str, method: str = "BYE") -> Message:
    return parse("\r\n".join([f"{method} sip:edge@192.0.2.1 SIP/2.0", *headers]) + "\r\n\r\n")


def bye(*headers: str) -> Ask:
    found = from_bye(request(*headers), NAMES)
    assert found is not None
    return found


def refer(refer_to: str, *headers: str) -> Ask:
    return from_refer(request(f"Refer-To: {refer_to}", *headers, method="REFER"), NAMES).ask


def refused(body: str) -> str:
    with pytest.raises(AskError) as caught:
        from_info(body)
    return str(caught.value)


# -- BYE ----------------------------------------------------------------------------------------------------


def test_a_bye_without_any_of_the_headers_hands_nothing_back() -> None:
    assert from_bye(request("Reason: Q.850;cause=16", "X-Other: 1"), NAMES) is None
    assert from_bye(request("X-Handoff-Skill: 4711"), {}) is None


def test_each_field_is_read_from_its_header() -> None:
    said = bye(
        "x-handoff-destination: billing",
        "X-HANDOFF-SKILL: 4711",
        "X-Handoff-Reason: wants a human",
        "X-Handoff-Shared-Id: s-1",
        'X-Handoff-Data: {"intent": "refund", "turns": 7}',
    )
    assert said == Ask(
        destination="billing",
        skill="4711",
        reason="wants a human",
        shared_id="s-1",
        data={"intent": "refund", "turns": 7},
    )


def test_a_header_without_a_value_asks_for_a_handoff_all_the_same() -> None:
    assert bye("X-Handoff-Destination:") == Ask()


def test_a_project_may_give_its_own_headers_also_for_parameters() -> None:
    names = {"p1": "X-Say", "p9": "X-Last", "reason": "Subject"}
    found = from_bye(request("X-Say: Transfer", "X-Last: %7B9%7D", "s: compact"), names)
    assert found == Ask(parameters={"p1": "Transfer", "p9": "{9}"}, reason="compact")


def test_of_a_repeated_header_the_first_value_that_says_something_counts() -> None:
    assert bye("X-Handoff-Skill:", "X-Handoff-Skill: %20", "X-Handoff-Skill: a", "X-Handoff-Skill: b") == Ask(
        skill="a"
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("wants%20a%20human", "wants a human"),
        ("M%C3%BCnchen", "München"),
        ("München", "München"),
        ("a+b", "a+b"),
        ("50% off, 100%", "50% off, 100%"),
        ("a%2", "a%2"),
        ("a%zz%41", "a%zzA"),
        ("%ff%C3", "\ufffd\ufffd"),
        ("a%00%0d%0ab%7f%c2%85%E2%80%A8", "ab"),
        ("%20 a %09", "a"),
        ("a;b=c,d", "a;b=c,d"),
        ('"quoted"', '"quoted"'),
        ("48656C6C6F", "48656C6C6F"),
        ("48656C6C6F;encoding=hex", "Hello"),
        ("48656C6C6F ; purpose=x; Encoding=HEX", "Hello"),
        ("4865%20;encoding=hex", "4865"),
    ],
)
def test_values_are_url_decoded_and_lose_their_control_characters(written: str, read: str) -> None:
    assert bye(f"X-Handoff-Reason: {written}").reason == read


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("48656C6C6F;encoding=hex", "Hello"),
        ("48656c6c6f;purpose=isdn-uui;content=isdn-uui;encoding=hex", "Hello"),
        ("48656c6c6f;purpose=isdn-uui", "Hello"),
        ("48656C6C6F", "Hello"),
        ("0048656C6C6F;encoding=hex", "Hello"),
        ("0448656C6C6F;encoding=hex", "Hello"),
        ("0048656C6C6F", "Hello"),
        ('"48656C6C6F";encoding="hex"', "Hello"),
        ("c3bc;encoding=hex", "ü"),
        ("48ff;encoding=hex", "H\ufffd"),
        ("4711", "4711"),
        ("48656C6C6", "48656C6C6"),
        ("48656C6C6;encoding=hex", "48656C6C6"),
        ("00;encoding=hex", "00"),
        ("c3", "c3"),
        ("48656C6C6F;encoding=ascii", "48656C6C6F"),
        ("queue%2f1;purpose=x", "queue/1"),
        ('"say \\"no\\", then";purpose=x', 'say "no", then'),
        (";encoding=hex", ";encoding=hex"),
        ('"";encoding=hex, 4A6F;encoding=hex', "Jo"),
        ("4A6F;encoding=hex, 4142", "Jo"),
        ("two words, not of the form", "two words, not of the form"),
        ('"never closed', '"never closed'),
        ("a,,b", "a,,b"),
    ],
)
def test_user_to_user_information_is_read_as_rfc_7433_has_it(written: str, read: str) -> None:
    for name in ("User-to-User", "X-User-to-User"):
        found = from_bye(request(f"{name}: {written}"), {"destination": name})
        assert found == Ask(destination=read)


def test_of_several_user_to_user_headers_the_first_that_says_something_counts() -> None:
    found = from_bye(request("User-to-User: ", "User-to-User: 4A6F;encoding=hex", "User-to-User: x"), UUI)
    assert found == Ask(destination="Jo")


@pytest.mark.parametrize(
    ("written", "data"),
    [
        ("%7B%22a%22%3A%20%5B1%5D%7D", {"a": [1]}),
        (b'{"a":\n 1}'.hex() + ";encoding=hex", {"a": 1}),
        ("call me back", {"text": "call me back"}),
        ("[1, 2]", {"text": "[1, 2]"}),
        ("{broken", {"text": "{broken"}),
        ('{"a": NaN}', {"text": '{"a": NaN}'}),
        ('{"a": 1e999}', {"text": '{"a": 1e999}'}),
        ("", {}),
    ],
)
def test_data_is_a_json_object_or_else_a_text(written: str, data: object) -> None:
    assert bye(f"X-Handoff-Data: {written}").data == data


@pytest.mark.parametrize("depth", [100, 100_000])
def test_data_that_is_nested_too_deeply_stays_text(depth: int) -> None:
    written = '{"a":' * depth + "1" + "}" * depth
    assert bye(f"X-Handoff-Data: {written}").data == {"text": written}


def test_what_is_too_long_is_cut_and_marked() -> None:
    names = {name: f"X-{name}" for name in FIELDS}
    found = from_bye(request(*(f"X-{name}: {'ü' * 40_000}" for name in FIELDS)), names)
    assert found is not None
    assert found.destination == found.skill == found.shared_id == "ü" * 255 + "…"
    assert found.reason == "ü" * 1999 + "…"
    assert set(found.parameters.values()) == {"ü" * 31_999 + "…"}
    assert len(found.parameters) == 9


# -- REFER --------------------------------------------------------------------------------------------------


def test_a_refer_says_where_to_by_its_headers() -> None:
    asked = from_refer(
        request("r: <sip:queue@cc.example>", "X-Handoff-Destination: billing", method="REFER"), NAMES
    )
    assert asked.ask == Ask(destination="billing")
    assert asked.refer_to == "sip:queue@cc.example"


@pytest.mark.parametrize(
    ("refer_to", "destination"),
    [
        ("<sip:billing@cc.example>", "billing"),
        ("sip:billing@cc.example", "billing"),
        ('"A <sip:evil@x>" <sip:billing;x=1@cc.example>', "billing"),
        ("<sip:a%20b%0d@cc.example>", "a b"),
        ("<sips:billing@cc.example>", "billing"),
        ("<sip:billing:secret@cc.example>", "billing"),
        ("tel:+14155550123;phone-context=x", "+14155550123"),
        ("<sip:cc.example>", ""),
        ("mailto:a@b", ""),
        ("", ""),
        (f"<sip:{'1' * 300}@cc.example>", "1" * 255 + "…"),
    ],
)
def test_without_a_destination_the_user_part_of_refer_to_is_it(refer_to: str, destination: str) -> None:
    assert refer(refer_to) == Ask(destination=destination)


def test_headers_embedded_in_refer_to_are_read_too() -> None:
    said = refer(
        "<sip:queue@cc.example;transport=tcp?x-handoff-skill=4711&X%2DHandoff%2DReason=a%20b%26c"
        '&X-Handoff-Data=%7B%22a%22%3A1%7D&X-Handoff-Shared-Id=48656C6C6F;encoding=hex&Replaces=1>;x="y"'
    )
    assert said == Ask(destination="queue", skill="4711", reason="a b&c", data={"a": 1}, shared_id="Hello")


def test_the_refers_own_headers_win_over_embedded_ones_where_they_say_something() -> None:
    said = refer(
        "<sip:q@cc.example?X-Handoff-Skill=inner&X-Handoff-Reason=inner>",
        "X-Handoff-Skill: outer",
        "X-Handoff-Reason: ",
    )
    assert (said.skill, said.reason) == ("outer", "inner")


def test_user_to_user_embedded_in_refer_to_is_decoded() -> None:
    message = request(
        "Refer-To: <sip:q@cc.example?User-to-User=0048656C6C6F%3Bencoding%3Dhex>", method="REFER"
    )
    assert from_refer(message, UUI).ask == Ask(destination="Hello")


def test_a_refer_without_a_usable_refer_to_still_hands_back() -> None:
    asked = from_refer(request("X-Handoff-Skill: 1", method="REFER"), NAMES)
    assert asked.ask == Ask(skill="1")
    assert asked.refer_to == ""


# -- INFO ---------------------------------------------------------------------------------------------------


def test_an_info_is_the_body_of_the_handoff_api_without_the_call() -> None:
    body = {"destination": "billing", "skill": 4711, "parameters": {"p9": "x"}, "data": {"a": [1]}}
    assert from_info(json.dumps(body)) == Ask(**{**body, "skill": "4711"})
    assert from_info("{}") == Ask()


@pytest.mark.parametrize("body", ["", "x", "[]", "1", "null", '{"data": {"a": NaN}}', "{" * 9000, '{"a":'])
def test_an_info_that_is_no_json_object_is_refused(body: str) -> None:
    assert refused(body) == "the body is not a JSON object"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            {"skil": 1},
            "skil is not known: use destination, skill, reason, parameters, data, shared_id",
        ),
        (
            {"call_id": "c-1"},
            "call_id is not known: use destination, skill, reason, parameters, data, shared_id",
        ),
        ({"shared_id": 4.7e9}, 'shared_id must be text: write it in quotes, such as "4512"'),
        ({"skill": 4101.0}, 'skill must be text: write it in quotes, such as "4512"'),
        ({"skill": [1]}, "skill must be text, in quotes"),
        ({"skill": "a\0"}, "skill holds the character U+0000, which can't be stored: leave it out"),
        ({"reason": "r" * 2001}, "reason is longer than 2000 characters"),
        ({"data": "text"}, "data must be an object"),
    ],
)
def test_an_info_that_can_not_be_used_says_which_field_is_wrong(body: object, error: str) -> None:
    assert refused(json.dumps(body)) == error


def test_numbers_beyond_json_and_endless_nesting_are_refused_in_data() -> None:
    assert refused('{"data": {"a": [1e999]}}') == "data holds a number that is not JSON"
    deep = '{"data": ' + '{"a":' * 70 + "1" + "}" * 71
    assert refused(deep) == "data is nested deeper than 64 levels"


def test_an_unknown_key_can_not_break_the_line_of_the_error() -> None:
    error = refused(json.dumps({"a\r\nb" + "x" * 100: 1}))
    assert error.startswith("abxxx")
    assert len(error.splitlines()) == 1
    assert "…" in error


def test_an_info_of_more_than_16_kib_is_refused() -> None:
    room = 16 * 1024 - len('{"data": {"a": ""}}')
    assert from_info('{"data": {"a": "%s"}}' % ("x" * room))
    assert refused('{"data": {"a": "%s"}}' % ("x" * (room + 1))) == "the body is longer than 16384 bytes"
    assert refused('{"data": {"a": "%s"}}' % ("ü" * (room // 2 + 1))) == "the body is longer than 16384 bytes"


def test_the_model_refuses_what_can_not_be_stored() -> None:
    for wrong in ({"shared_id": "a\0"}, {"reason": "\ud800"}, {"data": {"a": float("inf")}}):
        with pytest.raises(ValidationError):
            Ask.model_validate(wrong)


# -- whatever comes -----------------------------------------------------------------------------------------

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=80)
PIECES = st.sampled_from(
    ["%", "%4", "%41", "%00", "%ff", ";", ",", "=", "&", "?", "@", ":", "<", ">", '"', "\\", "\r\n", "\0",
     " ", "sip:", "sips:", "tel:", "host", "[::1]", "00", "48656C6C6F", "encoding=hex", "skill", "{", "}",
     "…", "\ud800", "\x85", "1e999", "NaN", "[", "]"]
)  # fmt: skip
ODD_TEXT = st.lists(PIECES, max_size=14).map("".join) | ANY_TEXT


@given(st.lists(st.tuples(st.sampled_from([*FIELDS, "refer-to", "user-to-user"]), ODD_TEXT), max_size=8))
def test_no_header_of_a_bye_or_refer_is_ever_an_error(headers: list[tuple[str, str]]) -> None:
    names = {field: "User-to-User" if field == "p9" else field for field in FIELDS}
    message = Message("REFER sip:x SIP/2.0", tuple(headers), "")
    asked = from_refer(message, names)
    said = from_bye(message, names)
    assert (said is None) is not any(name in FIELDS[:-1] or name == "user-to-user" for name, _ in headers)
    for ask in (asked.ask, said or Ask()):
        texts = (ask.destination, ask.skill, ask.reason, ask.shared_id, *ask.parameters.values())
        assert all(text == text.strip() and len(text.splitlines()) <= 1 for text in texts)
        assert "".join(texts).encode() is not None
        assert Ask.model_validate(ask.model_dump()) == ask
        assert json.loads(json.dumps(ask.data, allow_nan=False)) == ask.data


@pytest.mark.parametrize(
    "hostile", ['"\\' * 100_000, ";a=" * 70_000, "a;b" + " " * 200_000 + "x", "%" * 200_000, '{"a":' * 40_000]
)
def test_a_header_of_any_length_is_read_in_time_that_grows_with_it_alone(hostile: str) -> None:
    # Were it the square of the length, this would take minutes: the test's own time limit ends it.
    headers = tuple((name, hostile) for name in ("refer-to", "user-to-user", "x-handoff-data"))
    said = from_refer(Message("", headers, ""), {"p1": "User-to-User", "data": "X-Handoff-Data"})
    assert said.ask.data == {"text": hostile.strip()}


@given(ODD_TEXT)
def test_an_info_is_either_read_or_refused_in_one_line(body: str) -> None:
    error = ""
    try:
        assert json.dumps(from_info(body).model_dump(), allow_nan=False)
    except AskError as refusal:
        error = str(refusal)
    assert len(error.splitlines()) <= 1


@given(st.dictionaries(st.sampled_from([*FIELDS[:5], "parameters", "x\n"]), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3), max_leaves=6,
), max_size=4))  # fmt: skip
def test_any_json_object_is_either_read_or_refused_in_one_line(body: dict[str, object]) -> None:
    test_an_info_is_either_read_or_refused_in_one_line.hypothesis.inner_test(json.dumps(body))  # type: ignore[attr-defined]  # Hypothesis keeps it there


def test_user_to_user_embedded_in_refer_to_that_nothing_reads_is_told() -> None:
    refer = request("Refer-To: <sip:q@cc.example?User-to-User=4A6F%3Bencoding%3Dhex>", method="REFER")
    assert from_refer(refer, {}).uui_left_out
    assert not from_refer(refer, {"data": "User-to-User"}).uui_left_out
    assert not from_refer(request("Refer-To: <sip:q@cc.example>", method="REFER"), {}).uui_left_out
