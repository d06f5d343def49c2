# SPDX-License-Identifier: GPL-3.0-or-later
"""Digest log-in, against the examples of the RFCs and against responses worked out here."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.digest import Nonces, Verdict, challenge, verify
from agent.core.headers import Message, parse

NOW = 1_800_000_000.0
REALM, USER, PASSWORD = "edge", "nice", "made up"


URI = "sip:9995550100@edge"
NONCES = Nonces()


def request(*authorization: str, method: str = "INVITE", uri: str = URI) -> Message:
    lines = [f"{method} {uri} SIP/2.0", *(f"Authorization: {one}" for one in authorization)]
    return parse("\r\n".join(lines) + "\r\n\r\n")


def judged(message: Message, now: float = NOW, nonces: Nonces = NONCES) -> Verdict:
    return verify(message, nonces, REALM, USER, PASSWORD, now=now)


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
    uri: str = URI,
    count: str = "00000001",
    cnonce: str = "c0ffee",
) -> str:
    """An Authorization header's value, worked out after RFC 7616 section 3.4 without the code under test."""

    def hashed(text: str) -> str:
        made = hashlib.new(
            {"MD5": "md5", "SHA-256": "sha256"}[algorithm], text.encode(), usedforsecurity=False
        )
        return made.hexdigest()

    first, second = hashed(f"{user}:{realm}:{password}"), hashed(f"{method}:{uri}")
    middle = f"{nonce}:{count}:{cnonce}:{qop}" if qop else nonce
    response = hashed(f"{first}:{middle}:{second}")
    end = f', qop={qop}, nc={count}, cnonce="{cnonce}"' if qop else ""
    return (
        f'Digest username="{user}", realm="{realm}", nonce="{nonce}", uri="{uri}", '
        f'algorithm={algorithm}, response="{response}"{end}'
    )


NONCE = nonce_of(challenge(NONCES, REALM, NOW))


def new() -> str:
    """A nonce that nobody has used."""
    return nonce_of(challenge(NONCES, REALM, NOW))


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
    def verdict(method: str, password: str) -> Verdict:
        message = request(header, method=method, uri="/dir/index.html")
        return verify(message, NONCES, realm, "Mufasa", password, now=NOW)

    assert verdict("GET", password) is Verdict.STALE
    assert verdict("PUT", password) is Verdict.WRONG
    assert verdict("GET", password + "!") is Verdict.WRONG


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", ["auth", None])
def test_the_right_password_is_good(algorithm: str, qop: str | None) -> None:
    assert judged(request(answer(new(), algorithm=algorithm, qop=qop))) is Verdict.GOOD


def test_names_and_scheme_are_alike_in_upper_and_lower_case_and_order_does_not_matter() -> None:
    scheme, _, rest = answer(new()).partition(" ")
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
    assert judged(request(answer(NONCE, realm="other"), answer(new()))) is Verdict.GOOD
    assert judged(request()) is Verdict.ABSENT


@pytest.mark.parametrize(("later", "verdict"), [(0, "good"), (300, "good"), (301, "stale"), (-1, "stale")])
def test_a_nonce_is_good_for_five_minutes(later: float, verdict: str) -> None:
    assert judged(request(answer(new())), NOW + later).value == verdict


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
        nonce_of(challenge(Nonces(), REALM, NOW)),
        nonce_of(challenge(NONCES, "other", NOW)),
    ],
    ids=[f"nonce {number}" for number in range(11)],  # its own text is another in each process
)
def test_a_nonce_that_we_did_not_make_is_stale_even_with_the_right_password(nonce: str) -> None:
    assert judged(request(answer(nonce))) is Verdict.STALE


def test_a_challenge_offers_what_trunks_speak_and_says_when_the_last_nonce_was_too_old() -> None:
    assert challenge(NONCES, REALM, NOW).startswith('Digest realm="edge", nonce="1800000000.')
    assert challenge(NONCES, REALM, NOW).endswith(', algorithm=MD5, qop="auth"')
    assert challenge(NONCES, REALM, NOW, stale=True).endswith(', qop="auth", stale=true')


def test_nonces_are_keyed_by_a_secret_of_this_process_alone_and_none_is_made_twice() -> None:
    assert Nonces().secret != Nonces().secret
    assert repr(Nonces()) == "Nonces()"
    assert len({new() for _ in range(100)}) == 100
    assert Nonces(b"one").fresh(Nonces(b"one").new(REALM, NOW), REALM, NOW)
    assert not Nonces(b"two").fresh(Nonces(b"one").new(REALM, NOW), REALM, NOW)


@pytest.mark.parametrize("qop", ["auth", None])
def test_the_same_again_is_a_replay_and_the_next_count_is_not(qop: str | None) -> None:
    nonce = new()
    seen = answer(nonce, qop=qop)
    assert judged(request(seen)) is Verdict.GOOD
    assert judged(request(seen), NOW + 299) is Verdict.REPLAYED
    if qop:
        for count in ("00000002", "00000004", "00000003", "0000ffff"):
            assert judged(request(answer(nonce, count=count))) is Verdict.GOOD
            assert judged(request(answer(nonce, count=count))) is Verdict.REPLAYED
        assert judged(request(answer(nonce, count="00000005"))) is Verdict.REPLAYED  # too old to know
        assert judged(request(answer(nonce, cnonce="other"))) is Verdict.GOOD


@pytest.mark.parametrize("count", ["", "1", "zzzzzzzz", "000000001", "-0000001", "\u0660" * 8])
def test_a_count_that_is_none_is_wrong(count: str) -> None:
    assert judged(request(answer(new(), count=count))) is Verdict.WRONG


def test_what_was_used_is_forgotten_when_it_is_too_old_to_be_used_again() -> None:
    nonces = Nonces()
    for number in range(1000):
        now = NOW + number
        seen = answer(nonce_of(challenge(nonces, REALM, now)))
        assert judged(request(seen), now, nonces) is Verdict.GOOD
        assert judged(request(seen), now, nonces) is Verdict.REPLAYED
    assert len(nonces._used) <= 302


@pytest.mark.parametrize(
    ("uri", "asked", "same"),
    [
        (URI, URI, True),
        (URI, "sip:9995550199@edge", False),
        (URI, "sip:9995550100@other", False),
        (URI, "sips:9995550100@edge", False),
        (URI, "sip:9995550100@edge:5061", False),
        (URI, "sip:9995550100@edge:5060", True),
        (URI, "SIP:%39995550100@EDGE;user=phone", True),
        ("sip:9995550100@[2001:db8::1]", "sip:9995550100@[2001:DB8::1]:5060", True),
        ("sip:edge", "sip:edge;transport=udp", True),
        ("tel:+1999", "tel:+1999", True),
        ("tel:+1999", "tel:+1998", False),
        ("", URI, False),
        ("*", URI, False),
        ("sip:9995550100@edge@evil", "sip:9995550100@evil", False),
    ],
)
def test_a_log_in_is_good_for_the_uri_that_it_names(uri: str, asked: str, same: bool) -> None:  # noqa: FBT001
    verdict = judged(request(answer(new(), uri=uri), uri=asked))
    assert verdict is (Verdict.GOOD if same else Verdict.OTHER_URI)


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
