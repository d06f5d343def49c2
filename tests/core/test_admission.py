# SPDX-License-Identifier: GPL-3.0-or-later
"""Which INVITEs are taken, for which project, and what the others are told."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core import digest
from agent.core.admission import Invite, is_contact_id
from agent.core.headers import writable
from agent.core.numbers import NumberRule
from agent.core.reasons import Reason
from agent.core.units import network
from tests.core.examples import (
    CONTACT,
    NUMBER,
    READY,
    admitted,
    carrier,
    carriers,
    invite,
    project,
    refused,
    snapshot,
)

WITH_TOKENS = {"one": carrier(token_header="X-Token")}
CARE = project("care", token="token-of-care")
SANDBOX = project("sandbox", token="token-of-sandbox")
OPEN = project("open")
CONTACT_LINE = f"X-ContactID: {CONTACT}"


def test_an_invite_that_passes_every_check_is_admitted_with_what_was_learnt() -> None:
    found = admitted(
        invite(
            'From: "Jo" <sip:+14155550123@peer>;tag=1', "X-InContact-MasterId: 42", f"X-ContactID: {CONTACT}"
        ),
        snapshot(),
    )
    assert (found.carrier.name, found.project.project, found.rule.place) == (
        "one",
        "care",
        "numbers/acme.yaml:2",
    )
    assert (found.number, found.contact_id, found.master_id) == (NUMBER, CONTACT, "42")
    assert found.caller == "+14155550123"


# -- the checks stand in one order: of two that fail, the earlier one answers -------------------------------


def test_of_two_checks_that_fail_the_earlier_one_answers() -> None:
    settings = snapshot(
        project("care", token="t", limits={"calls": 5}),
        carriers={"one": carrier(token_header="X-Token", digest=DIGEST, duplicate_contact="refuse")},
    )
    bad_everything = invite(
        "X-Token: wrong", source="198.51.100.1", uri="sip:404@edge", body="m=audio 4 RTP/AVP 18"
    )
    facts = replace(READY, draining=True)
    other = "sip:404@edge"
    ladder = [
        (bad_everything, facts, Reason.DRAINING),
        (bad_everything, READY, Reason.UNKNOWN_SOURCE),
        (_known("Contact: <sip:a@peer>", "Contact: <sip:b@peer>", uri=other), READY, Reason.MALFORMED),
        (replace(bad_everything, source="192.0.2.1"), READY, Reason.UNAUTHORIZED),
        (_known("X-Token: wrong", uri=other), READY, Reason.UNKNOWN_NUMBER),
        (_known("X-Token: wrong"), READY, Reason.BAD_TOKEN),
        (_known("X-Token: t"), READY, Reason.MISSING_CONTACT_ID),
        (_known("X-Token: t", CONTACT_LINE), READY, Reason.OVER_LIMIT),
    ]
    for asked, at, reason in ladder:
        assert refused(asked, settings, at, calls=5, contact_is_up=True).reason is reason
    twice = refused(_known("X-Token: t", CONTACT_LINE), settings, contact_is_up=True)
    assert twice.reason is Reason.DUPLICATE_CONTACT
    assert refused(_known("X-Token: t", CONTACT_LINE), settings).reason is Reason.NO_CODEC


URI = f"sip:{NUMBER}@edge.example"
NO_CODEC = "m=audio 4 RTP/AVP 18"
DIGEST = {"realm": "edge", "username": "nice", "password": "made up"}


def _known(*headers: str, uri: str = URI) -> Invite:
    """An INVITE with a log-in that was not used before, and no codec of ours."""
    return invite(_authorization(uri), *headers, uri=uri, body=NO_CODEC)


def _authorization(uri: str = URI) -> str:
    from hashlib import md5  # noqa: PLC0415 - the only test that needs it

    from tests.core.examples import NONCES, NOW  # noqa: PLC0415 - the same

    challenge = digest.challenge(NONCES, "edge", NOW)
    nonce = challenge.partition('nonce="')[2].partition('"')[0]
    first = md5(b"nice:edge:made up", usedforsecurity=False).hexdigest()
    second = md5(f"INVITE:{uri}".encode(), usedforsecurity=False).hexdigest()
    response = md5(f"{first}:{nonce}:{second}".encode(), usedforsecurity=False).hexdigest()
    return (
        f'Authorization: Digest username="nice", realm="edge", nonce="{nonce}", '
        f'uri="{uri}", response="{response}"'
    )


# -- node, source, log-in ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "reason", "seconds"),
    [
        (replace(READY, draining=True), Reason.DRAINING, "60"),
        (replace(READY, started=False), Reason.NOT_READY, "5"),
        (replace(READY, storage_fault="disk full"), Reason.NOT_READY, "10"),
        (replace(READY, calls=10), Reason.OVER_LIMIT, "2"),
    ],
)
def test_a_node_that_takes_no_calls_says_when_to_try_again(
    facts: object, reason: Reason, seconds: str
) -> None:
    found = refused(invite(), snapshot(), facts)  # type: ignore[arg-type]  # a row of the table
    assert (found.reason, found.headers) == (reason, (("Retry-After", seconds),))
    assert found.reason.code == 503


def test_a_source_of_no_carrier_is_not_taken() -> None:
    found = refused(invite(source="198.51.100.1"), snapshot())
    assert (found.reason, found.reason.code) == (Reason.UNKNOWN_SOURCE, 403)
    assert "198.51.100.1" in found.detail


@pytest.mark.parametrize("carriers", ["192.0.2.0/24", "198.51.0.0/16", "198.51.100.1/32"])
def test_a_proxy_that_does_not_say_where_a_call_comes_from_brings_none_whatever_network_it_is_in(
    carriers: str,
) -> None:
    settings = snapshot()
    sip = settings.agent.sip.model_copy(update={"trusted_proxies": (network("198.51.100.0/24"),)})
    (name, carrier), *_ = settings.carriers.items()
    own = carrier.model_copy(update={"sources": (network(carriers),)})
    behind = replace(settings, agent=settings.agent.model_copy(update={"sip": sip}), carriers={name: own})
    found = refused(invite(source="198.51.100.1"), behind)
    assert found.reason is Reason.UNKNOWN_SOURCE
    assert (
        found.detail
        == "the proxy 198.51.100.1 did not say in one X-Handoff-Source where it has the call from"
    )


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("192.0.2.7", "narrow"),
        ("192.0.2.8", "wide"),
        ("::ffff:192.0.2.7", "narrow"),
        ("2001:db8::5", "six"),
        ("2001:db8:1::5", "wide_six"),
    ],
)
def test_the_narrowest_network_that_holds_the_source_names_the_carrier(source: str, name: str) -> None:
    settings = snapshot(
        carriers=carriers(
            {
                "wide": {"sources": ["192.0.2.0/24"]},
                "narrow": {"sources": ["192.0.2.7"]},
                "wide_six": {"sources": ["2001:db8::/32"]},
                "six": {"sources": ["2001:db8::/64"]},
            }
        )
    )
    assert admitted(invite(source=source), settings).carrier.name == name


def test_a_carrier_with_a_log_in_is_asked_for_it() -> None:
    settings = snapshot(carriers={"one": carrier(digest=DIGEST)})
    found = refused(invite(), settings)
    assert (found.reason, found.reason.code) == (Reason.UNAUTHORIZED, 401)
    assert [name for name, _ in found.headers] == ["WWW-Authenticate"]
    assert found.headers[0][1].startswith('Digest realm="edge", nonce="')
    assert admitted(invite(_authorization(), CONTACT_LINE), settings)


def test_a_log_in_that_was_used_is_challenged_anew_and_one_for_another_number_is_refused() -> None:
    settings = snapshot(carriers={"one": carrier(digest=DIGEST)})
    again = invite(_authorization(), CONTACT_LINE)
    assert admitted(again, settings)
    found = refused(again, settings)
    assert (found.code, found.detail) == (401, "digest sent before")
    assert found.headers[0][1].endswith("stale=true")
    elsewhere = invite(_authorization(), CONTACT_LINE, uri="sip:9995550199@edge.example")
    assert refused(elsewhere, settings).code == 403


def test_a_wrong_password_is_not_challenged_again() -> None:
    settings = snapshot(carriers={"one": carrier(digest=DIGEST)})
    found = refused(invite(_authorization().replace('response="', 'response="0')), settings)
    assert (found.reason, found.code, found.headers) == (Reason.UNAUTHORIZED, 403, ())


# -- number ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number_from", "asked"),
    [
        ("request-uri", invite(uri=f"sip:{NUMBER}@edge")),
        ("request-uri", invite(uri=f"sip:+1{NUMBER}@edge:5060;user=phone")),
        ("request-uri", invite(uri="sips:+1-999-555-0100;npdi;rn=+1555@edge")),
        ("request-uri", invite(uri="sip:%2B1(999)555.0100@edge")),
        ("request-uri", invite(uri=f"tel:+1{NUMBER};phone-context=+1")),
        ("to", invite(f'To: "A <b>" <sip:{NUMBER}@edge>', CONTACT_LINE, uri="sip:edge")),
        ("to", invite(f"t: sip:+1{NUMBER}@edge;tag=9", CONTACT_LINE, uri="sip:edge")),
        ("to", invite(f'To: "sip:911@evil" <sip:{NUMBER}@edge>', CONTACT_LINE, uri="sip:edge")),
        ("X-Dialled", invite(f"x-dialled: {NUMBER}", CONTACT_LINE, uri="sip:edge")),
        ("X-Dialled", invite(f"X-Dialled: <sip:{NUMBER}@a>", CONTACT_LINE, uri="sip:edge")),
    ],
)
def test_the_number_stands_where_the_carrier_puts_it(number_from: str, asked: object) -> None:
    settings = snapshot(carriers={"one": carrier(number_from=number_from, numbers={"strip": ["+1"]})})
    assert admitted(asked, settings).number == NUMBER  # type: ignore[arg-type]  # a row of the table


@pytest.mark.parametrize(
    "uri", ["sip:edge", "sip:911@edge", "sip:x@edge", "tel:", "http://edge", "", "sip:@"]
)
def test_a_number_of_no_map_is_refused(uri: str) -> None:
    found = refused(invite(uri=uri), snapshot())
    assert (found.reason, found.reason.code) == (Reason.UNKNOWN_NUMBER, 404)


def test_labels_of_the_rule_come_along() -> None:
    rule = NumberRule(f"{NUMBER}-{NUMBER[:-1]}9", ("care",), {"brand": "acme-uk"})
    assert admitted(invite(), snapshot(rules=[rule])).rule.labels == {"brand": "acme-uk"}


# -- token -------------------------------------------------------------------------------------------------


def test_the_token_decides_between_the_projects_of_a_number() -> None:
    settings = snapshot(CARE, SANDBOX, OPEN, carriers=WITH_TOKENS)
    for token, name in (("token-of-care", "care"), ("token-of-sandbox", "sandbox")):
        assert admitted(invite(f"x-token: {token}", CONTACT_LINE), settings).project.project == name
    assert admitted(invite(CONTACT_LINE), settings).project.project == "open"


@pytest.mark.parametrize(
    "token", ["wrong", "token-of-sandbox", "TOKEN-OF-CARE", "", "tökén", "token-of-care2"]
)
def test_a_token_that_is_not_the_projects_is_refused(token: str) -> None:
    found = refused(invite(f"X-Token: {token}", CONTACT_LINE), snapshot(CARE, carriers=WITH_TOKENS))
    assert (found.reason, found.reason.code, found.project) == (Reason.BAD_TOKEN, 403, "care")
    assert not token or token not in found.detail.replace("the token", "")


def test_an_absent_token_is_refused_by_the_name_of_its_header() -> None:
    found = refused(invite(CONTACT_LINE), snapshot(CARE, SANDBOX, carriers=WITH_TOKENS))
    assert found.detail == "the token in X-Token is absent"


def test_with_one_project_and_a_carrier_that_sends_no_token_source_and_number_decide() -> None:
    assert admitted(invite(CONTACT_LINE), snapshot(CARE)).project.project == "care"
    assert admitted(invite("X-Token: wrong", CONTACT_LINE), snapshot(CARE)).project.project == "care"


def test_with_two_projects_a_carrier_that_sends_no_token_reaches_the_one_that_asks_for_none() -> None:
    assert admitted(invite(CONTACT_LINE), snapshot(CARE, OPEN)).project.project == "open"
    found = refused(invite(CONTACT_LINE), snapshot(CARE, SANDBOX))
    assert (found.reason, found.detail) == (Reason.BAD_TOKEN, "the token in no header is absent")


def test_a_project_without_token_takes_calls_with_any() -> None:
    settings = snapshot(OPEN, carriers=WITH_TOKENS)
    assert admitted(invite("X-Token: whatever", CONTACT_LINE), settings).project.project == "open"


# -- contact id --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "contact"),
    [
        (("X-ContactID:   4711  ",), "4711"),
        (("x-contactid: 4711",), "4711"),
        (("X-ContactID: 4711", "X-ContactID: 4711"), "4711"),
        (("X-InContactId: 1", "X-InContact-ContactId: 2"), "2"),
        (("X-InContact-ContactId:", "X-ContactID: 3"), "3"),
        (("X-ContactID:\r\n 4711",), "4711"),
        ((f"X-ContactID: {2**63 - 1}",), str(2**63 - 1)),
        (("X-ContactID: 0000000000000000001",), "0000000000000000001"),
    ],
)
def test_the_contact_id_comes_from_the_first_header_of_the_list_that_is_there(
    lines: tuple[str, ...], contact: str
) -> None:
    assert admitted(invite(*lines), snapshot()).contact_id == contact


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (("X-ContactID: 4711", "X-ContactID: 4712"), "X-ContactID holds two different contact ids"),
        ((f"X-ContactID: {2**63}",), f"X-ContactID is not 1 to 19 digits: '{2**63}'"),
        (("X-ContactID: " + "9" * 19,), f"X-ContactID is not 1 to 19 digits: '{'9' * 19}'"),
        (("X-ContactID: " + "1" * 20,), f"X-ContactID is not 1 to 19 digits: '{'1' * 20}'"),
        (("X-ContactID: " + "1" * 99,), f"X-ContactID is not 1 to 19 digits: '{'1' * 32}'"),
        (("X-ContactID: 47 11",), "X-ContactID is not 1 to 19 digits: '47 11'"),
        (("X-ContactID: -1",), "X-ContactID is not 1 to 19 digits: '-1'"),
        (("X-ContactID: 4711,4711",), "X-ContactID is not 1 to 19 digits: '4711,4711'"),
        (("X-ContactID: ٤٧١١",), "X-ContactID is not 1 to 19 digits: '????'"),
        (("X-ContactID: ²",), "X-ContactID is not 1 to 19 digits: '?'"),
        (('X-ContactID: "4711\\"',), "X-ContactID is not 1 to 19 digits: '?4711??'"),
        (("X-ContactID: 47\n11",), "X-ContactID is not 1 to 19 digits: '47?11'"),
    ],
)
def test_a_contact_id_that_nobody_could_signal_is_refused_by_the_name_of_its_header(
    lines: tuple[str, ...], text: str
) -> None:
    found = refused(invite(*lines), snapshot())
    assert (found.reason, found.reason.code, found.project) == (Reason.BAD_CONTACT_ID, 400, "care")
    assert found.headers == (("Warning", f'399 handoff-agent "{text}"'),)
    assert all(writable(name, value) for name, value in found.headers)


def test_an_absent_contact_id_is_refused_by_the_names_of_all_headers_looked_at() -> None:
    settings = snapshot(carriers={"one": carrier(contact_id_headers=["X-A", "X-B"])})
    found = refused(invite("Subject: none"), settings)
    assert (found.reason, found.reason.code) == (Reason.MISSING_CONTACT_ID, 400)
    assert found.headers == (("Warning", '399 handoff-agent "contact id missing, looked for in X-A, X-B"'),)


def test_a_carrier_may_bridge_calls_without_contact_id() -> None:
    settings = snapshot(carriers={"one": carrier(missing_contact_id="bridge")})
    assert admitted(invite("Subject: none"), settings).contact_id == ""
    assert refused(invite("X-ContactID: x"), settings).reason is Reason.BAD_CONTACT_ID


@given(st.text(max_size=25))
def test_a_contact_id_is_1_to_19_ascii_digits_within_64_bits(text: str) -> None:
    good = bool(text) and all(char in "0123456789" for char in text) and len(text) <= 19
    assert is_contact_id(text) == (good and int(text) < 2**63)


def test_a_master_id_that_is_none_is_passed_over() -> None:
    found = admitted(invite(CONTACT_LINE, "X-InContact-MasterId: x", "X-InContact-MasterId: 7"), snapshot())
    assert found.master_id == "7"


# -- the project's limits, codecs --------------------------------------------------------------------------


def test_a_project_that_is_full_refuses_and_says_when_to_try_again() -> None:
    settings = snapshot(project(limits={"calls": 5}))
    found = refused(invite(), settings, calls=5)
    assert (found.reason, found.project) == (Reason.OVER_LIMIT, "care")
    assert found.headers == (("Retry-After", "2"),)
    assert admitted(invite(), settings)


def test_a_second_call_of_a_contact_is_refused_where_the_carrier_wants_it() -> None:
    settings = snapshot(carriers={"one": carrier(duplicate_contact="refuse", missing_contact_id="bridge")})
    found = refused(invite(), settings, contact_is_up=True)
    assert (found.reason, found.reason.code) == (Reason.DUPLICATE_CONTACT, 486)
    assert admitted(invite("Subject: no contact"), settings)


def test_an_offer_without_any_of_our_codecs_is_refused() -> None:
    found = refused(invite(body=NO_CODEC), snapshot())
    assert (found.reason, found.reason.code, found.project) == (Reason.NO_CODEC, 488, "care")


def test_an_invite_without_an_offer_leaves_the_choice_to_us() -> None:
    assert admitted(invite(body=""), snapshot())


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_in_an_invite_makes_the_judgement_raise(uri: str, value: str) -> None:
    settings = snapshot(CARE, OPEN, carriers={"one": carrier(token_header="X-Token", digest=DIGEST)})
    for name in ("X-Token", "X-ContactID", "From", "Authorization"):
        refused(invite(f"{name}: {value}", uri=uri), settings)
