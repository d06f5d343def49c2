# SPDX-License-Identifier: GPL-3.0-or-later
"""Digest log-in, against the examples of the RFCs and against responses worked out here."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.digest import Verdict, challenge, verify
from agent.core.headers import Message, parse

NOW = 1_800_000_000.0
REALM, USER, PASSWORD = "edge", "nice", "made up"


def request(*authorization: str, method: str = "INVITE") -> Message:
    lines = [f"{method} sip:9995550100@edge SIP/2.0", *(f"Authorization: {one}" for one in authorization)]
    return parse("\r\n".join(lines) + "\r\n\r\n")


def judged(message: Message, now: float = NOW) -> Verdict:
    return verify(message, REALM, USER, PASSWORD, now)


def nonce_of(value: str) -> str:
    found = re.search(r'nonce="([^"]+)"', value)
    assert found is not None
    return found[1]


def answer(
    nonce: str,
    *,
    algorithm: str = "MD5",
    qop: str | None = "auth",
    user: str = USER,
    realm: str = REALM,
    password: str = PASSWORD,
    method: str = "INVITE",
) -> str:
    """An Authorization header's value, worked out after RFC 7616 section 3.4 without the code under test."""

    def hashed(text: str) -> str:
        made = hashlib.new(
            {"MD5": "md5", "SHA-256": "sha256"}[algorithm], text.encode(), usedforsecurity=False
        )
        return made.hexdigest()

    uri = "sip:9995550100@edge"
    first, second = hashed(f"{user}:{realm}:{password}"), hashed(f"{method}:{uri}")
    middle = f"{nonce}:00000001:c0ffee:{qop}" if qop else nonce
    response = hashed(f"{first}:{middle}:{second}")
    end = f', qop={qop}, nc=00000001, cnonce="c0ffee"' if qop else ""
    return (
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
        f'algorithm={algorithm}, response="{response}"{end}'
    )


NONCE = nonce_of(challenge(REALM, PASSWORD, NOW))

# RFC 2617 section 3.5 and RFC 7616 section 3.9.1: the response is right, and the nonce is not one of ours.
RFC_2617 = (
    'Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", '
    'response="6629fae49393a05397450978507c4ef1", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
RFC_7616 = (
    'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
    'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="{}", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
SHA_256 = "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"
MD5 = "8ca523f5e9506fed4657c9700eebdbec"


@pytest.mark.parametrize(
    ("header", "realm", "password"),
    [
        (RFC_2617, "testrealm@host.com", "Circle Of Life"),
        (RFC_7616.format("MD5", MD5), "http-auth@example.org", "Circle of Life"),
        (RFC_7616.format("SHA-256", SHA_256), "http-auth@example.org", "Circle of Life"),
    ],
)
def test_the_examples_of_the_rfcs_are_right_but_their_nonce_is_not_ours(
    header: str, realm: str, password: str
) -> None:
    assert verify(request(header, method="GET"), realm, "Mufasa", password, NOW) is Verdict.STALE
    assert verify(request(header, method="PUT"), realm, "Mufasa", password, NOW) is Verdict.WRONG
    assert verify(request(header, method="GET"), realm, "Mufasa", password + "!", NOW) is Verdict.WRONG


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", ["auth", None])
def test_the_right_password_is_good(algorithm: str, qop: str | None) -> None:
    assert judged(request(answer(NONCE, algorithm=algorithm, qop=qop))) is Verdict.GOOD


def test_names_and_scheme_are_alike_in_upper_and_lower_case_and_order_does_not_matter() -> None:
    scheme, _, rest = answer(NONCE).partition(" ")
    turned = ", ".join(reversed(rest.split(", ")))
    shouted = re.sub(r"(\w+)=", lambda found: found[0].upper(), turned)
    assert judged(request(f"{scheme.lower()} {shouted}")) is Verdict.GOOD


@pytest.mark.parametrize(
    "change",
    [{"password": "wrong"}, {"user": "other"}, {"method": "BYE"}],
    ids=["password", "user", "method"],
)
def test_anything_else_is_wrong(change: dict[str, str]) -> None:
    assert judged(request(answer(NONCE, **change))) is Verdict.WRONG


def test_the_log_in_of_another_realm_counts_as_none() -> None:
    assert judged(request(answer(NONCE, realm="other"))) is Verdict.ABSENT
    assert judged(request(answer(NONCE, realm="other"), answer(NONCE))) is Verdict.GOOD
    assert judged(request()) is Verdict.ABSENT


@pytest.mark.parametrize(("later", "verdict"), [(0, "good"), (300, "good"), (301, "stale"), (-1, "stale")])
def test_a_nonce_is_good_for_five_minutes(later: float, verdict: str) -> None:
    assert judged(request(answer(NONCE)), NOW + later).value == verdict


@pytest.mark.parametrize(
    "nonce",
    [
        NONCE[:-1] + ("0" if NONCE[-1] != "0" else "1"),
        "1800000001" + NONCE[10:],
        NONCE.partition(".")[0],
        "",
        ".",
        "nonsense",
        "9" * 400,
        "²." + NONCE,
        f"{NONCE}é",
        nonce_of(challenge(REALM, "another password", NOW)),
    ],
)
def test_a_nonce_that_we_did_not_make_is_stale_even_with_the_right_password(nonce: str) -> None:
    assert judged(request(answer(nonce))) is Verdict.STALE


def test_a_challenge_offers_what_trunks_speak_and_says_when_the_last_nonce_was_too_old() -> None:
    assert challenge(REALM, PASSWORD, NOW).startswith('Digest realm="edge", nonce="1800000000.')
    assert challenge(REALM, PASSWORD, NOW).endswith(', algorithm=MD5, qop="auth"')
    assert challenge(REALM, PASSWORD, NOW, stale=True).endswith(', qop="auth", stale=true')


def test_a_nonce_tells_nothing_of_the_password_and_changes_with_it() -> None:
    assert nonce_of(challenge(REALM, "another password", NOW)) != NONCE
    assert PASSWORD not in challenge(REALM, PASSWORD, NOW)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Digest",
        "Basic bmljZTptYWRlIHVw",
        'Digest realm="edge"',
        'Digest realm="edge", algorithm=SHA-512-256, response="x"',
        'Digest realm="edge", response="é"',
        'Digest realm="edge, response=',
    ],
)
def test_half_a_log_in_is_none(value: str) -> None:
    assert judged(request(value)) in (Verdict.ABSENT, Verdict.WRONG)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_garbage_is_never_good_and_never_raises(text: str) -> None:
    for value in (text, f"Digest {text}", f'Digest realm="edge", response="{text}", nonce="{text}"'):
        assert judged(request(value)) in (Verdict.ABSENT, Verdict.WRONG)


@pytest.mark.parametrize("hostile", ["a" * 300_000, 'a="\\' * 60_000, "a = " * 75_000])
def test_a_header_of_any_length_is_judged_in_time_that_grows_with_it_alone(hostile: str) -> None:
    # Were it the square of the length, this would take minutes: the test's own time limit ends it.
    assert judged(request(f"Digest {hostile}")) is Verdict.ABSENT
