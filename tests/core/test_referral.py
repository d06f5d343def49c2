# SPDX-License-Identifier: GPL-3.0-or-later
"""A voice agent's REFER sends the caller only where the project lets it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.core.asking import allowed
from agent.core.headers import parse
from agent.core.model.handoff import HandoffSettings
from agent.core.referral import names_one, read_refer_to
from agent.core.uris import sip_uri


@pytest.mark.parametrize(
    ("written", "uri"),
    [
        ("<sip:queue@cc.example>", "sip:queue@cc.example"),
        ("sip:queue@cc.example", "sip:queue@cc.example"),
        ("  < sip:queue@cc.example > ; x=y", "sip:queue@cc.example"),
        ('"Human <sip:evil@x>" <sip:queue@cc.example>', "sip:queue@cc.example"),
        ("Human <sip:queue@cc.example", "sip:queue@cc.example"),
        ("<SIP:queue@[2001:db8::1]:5070>", "SIP:queue@[2001:db8::1]:5070"),
        ("<sip:q@cc.example;transport=tcp;method=BYE;lr;x=1?X-A=1>", "sip:q@cc.example;transport=tcp;x=1"),
        ("<sip:queue@cc.example?X-A=a@b>", "sip:queue@cc.example"),
        ("<sip:cc.example>", "sip:cc.example"),
        ("<tel:+1-415-555-0123;phone-context=x?a=b>", "tel:+1-415-555-0123"),
        ("<sips:queue@cc.example>", ""),
        ("<sip:queue@evil@cc.example>", ""),
        ("<sip:queue%40evil@cc.example>", ""),
        ("<sip:queue%0d%0aX@cc.example>", ""),
        ("<sip:queue%2540@cc.example>", ""),
        ("<sip:queue:password@cc.example>", ""),
        ("<sip:evil#@cc.example>", ""),
        ("<sip://evil/@cc.example>", ""),
        ("<sip:evil;x@cc.example>", ""),
        ("<sip:queue@cc.example;maddr=192.0.2.9>", ""),
        ("<sip:queue@cc.example;MAddr=192.0.2.9>", ""),
        ("<sip:queue@cc.example;transport=tcp;transport=udp>", ""),
        ("<sip:queue@cc.example;transport=ws>", ""),
        ("<sip:queue@cc.example;x=%6d>", ""),
        ("<sip:queue@cc.example:0>", ""),
        ("<sip:queue@cc.example:70000>", ""),
        ("<sip:queue@>", ""),
        ("<sip:queue@2001:db8::1>", ""),
        ("<sip:queue@cc.exämple>", ""),
        ("<http://cc.example>", ""),
        ("<sip:" + "q" * 500 + "@cc.example>", ""),
        ("nonsense", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_refer_to_names_a_uri_or_nothing_that_may_be_used(written: str, uri: str) -> None:
    assert read_refer_to(written).uri == uri


@pytest.mark.parametrize(
    ("refer_to", "pattern", "passes"),
    [
        ("sip:queue@cc.example", "sip:queue@cc.example", True),
        ("sip:queue@CC.Example", "sip:queue@cc.EXAMPLE", True),
        ("sip:Queue@cc.example", "sip:queue@cc.example", False),
        ("sip:queue2@cc.example", "sip:queue@cc.example", False),
        ("sip:4567@cc.example", "sip:45*@cc.example", True),
        ("sip:45@cc.example", "sip:45*@cc.example", True),
        ("sip:445@cc.example", "sip:45*@cc.example", False),
        ("sip:%34567@cc.example", "sip:45*@cc.example", True),
        ("sip:any@cc.example", "sip:*@cc.example", True),
        ("sip:cc.example", "sip:*@cc.example", False),
        ("sip:queue@a.example.org", "sip:*@*.example.org", True),
        ("sip:queue@a.b.Example.org", "sip:*@*.example.org", True),
        ("sip:queue@example.org", "sip:*@*.example.org", False),
        ("sip:queue@evilexample.org", "sip:*@*.example.org", False),
        ("sip:queue@a.example.org.evil.example", "sip:*@*.example.org", False),
        ("sip:queue@10.0.0.5", "sip:queue@10.0.0.5", True),
        ("sip:queue@10.0.0.5", "sip:queue@*.0.0.5", False),
        ("sip:queue@[2001:DB8:0::1]", "sip:queue@[2001:db8::1]", True),
        ("sip:queue@[2001:db8::2]", "sip:queue@[2001:db8::1]", False),
        ("sip:queue@[2001:db8::1]:5070", "sip:queue@[2001:db8::1]:5070", True),
        ("sip:queue@[::ffff:10.0.0.5]", "sip:queue@10.0.0.5", False),
        ("sip:queue@cc.example:5070", "sip:queue@cc.example:5070", True),
        ("sip:queue@cc.example", "sip:queue@cc.example:5070", False),
        ("sip:queue@cc.example", "sip:queue@cc.example:5060", False),
        ("sip:queue@cc.example:5070", "sip:queue@cc.example", False),
        ("sip:queue@cc.example:5060", "sip:queue@cc.example", True),
        ("sip:queue@cc.example:5061", "sip:queue@cc.example", False),
        ("sip:queue@cc.example:5061;transport=tls", "sip:queue@cc.example", True),
        ("sip:queue@cc.example:5060;transport=tls", "sip:queue@cc.example", False),
        ("sip:queue@cc.example;transport=tcp", "sip:queue@cc.example", True),
        ("sip:queue@cc.example;method=BYE", "sip:queue@cc.example", False),
        ("sip:queue@cc.example?X-A=1", "sip:queue@cc.example", False),
        ("<sip:queue@cc.example>", "sip:queue@cc.example", False),
        ("tel:+14155550123", "sip:*@*.example", False),
        ("", "sip:*@*.example", False),
    ],
)
def test_only_what_a_pattern_means_is_allowed(refer_to: str, pattern: str, passes: bool) -> None:  # noqa: FBT001
    assert HandoffSettings(refer_to_allowed=(pattern,)).refer_to_allowed == (pattern,)
    assert allowed(refer_to, [pattern]) is passes
    assert allowed(refer_to, ["sip:nobody@nowhere.example", pattern]) is passes
    assert not allowed(refer_to, [])


def test_a_pattern_that_is_none_is_refused_by_the_configuration() -> None:
    for wrong in ("sip:queue", "sips:q@h", "sip:a@b@c", "sip:q*x@h", "sip:q@h;transport=tcp", "sip:q@h*"):
        with pytest.raises(ValidationError):
            HandoffSettings(refer_to_allowed=(wrong,))


TRICKS = st.lists(
    st.sampled_from(
        ["queue", "evil", "cc.example", "evil.example", "192.0.2.9", "[::1]", "@", "%40", "%2540", "%3b",
         "%3F", ";", ":", "?", "/", "//", "#", "\\", "&", "=", "<", ">", '"', " ", "\t", "\r\n", "\0", ",",
         ".", "*", "sip:", "sips:", ":5060", ":5061", ":9", ";maddr=evil.example", ";transport=tls",
         ";method=INVITE", "maddr", "é", "\u2024", "\uff20"]
    ),
    max_size=7,
).map("".join)  # fmt: skip
PATTERNS = ("sip:queue@cc.example", "sip:*@cc.example", "sip:*@*.cc.example", "sip:45*@[2001:db8::1]:5070")


def _host_as_a_simple_parser_sees_it(uri: str) -> set[str]:
    """What parsers of different care take for the host: after the first @, the last, before ; ? # or /."""
    rest = uri.partition(":")[2]
    found = set()
    for text in (
        rest,
        rest.split(";", 1)[0],
        rest.split("?", 1)[0],
        rest.split("#", 1)[0],
        rest.split("/", 1)[0],
    ):
        for place in (text.partition("@")[2], text.rpartition("@")[2]):
            host = place.split(";")[0].split("?")[0]
            found.add((host if host.endswith("]") else host.rpartition(":")[0] or host).lower())
    return found


@given(
    TRICKS, TRICKS, st.sampled_from(["sip:", "SIP:", "sip:queue@", "sip:queue@cc.example", "<sip:queue@", ""])
)
@example("", "cc.example@evil.example", "sip:queue@")
@example("evil.example", "", "sip:queue@cc.example")
def test_no_host_but_the_patterns_ever_passes(middle: str, end: str, begin: str) -> None:
    for uri in (begin + middle + end, read_refer_to(begin + middle + end).uri):
        if not allowed(uri, PATTERNS):
            continue
        parsed = sip_uri(uri)
        host = parsed.host.lower()
        assert host in ("cc.example", "2001:db8::1") or host.endswith(".cc.example")
        assert parsed.port in (None, 5060, 5061, 5070)
        assert _host_as_a_simple_parser_sees_it(uri) <= {host, f"[{host}]"}
        assert "maddr" not in uri.rpartition("@")[2]
        assert uri.isascii()
        assert uri.isprintable()
        assert read_refer_to(uri).uri == read_refer_to(f"<{uri}>").uri == uri


@given(st.from_regex(r"\Asip:(45|queue)[A-Za-z0-9%.;@]{0,12}@[a-z.]{0,4}cc\.example[A-Za-z0-9.:;=@]{0,8}\Z"))
def test_no_host_that_only_looks_like_the_patterns_ever_passes(uri: str) -> None:
    test_no_host_but_the_patterns_ever_passes.hypothesis.inner_test(uri, "", "")  # type: ignore[attr-defined]  # Hypothesis keeps it there


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert not allowed(text, PATTERNS)
    found = read_refer_to(text)
    assert read_refer_to(found.uri).uri == found.uri


@pytest.mark.parametrize(
    ("lines", "fits"),
    [
        (("Refer-To: <sip:queue@cc.example>",), True),
        (("r: sip:queue@cc.example",), True),
        (("Refer-To: <tel:+15550100>",), True),
        (('Refer-To: "Queue, first" <sip:queue@cc.example;x=a,b>',), True),
        (("Refer-To: <sip:queue@cc.example>", "Refer-To: <sip:other@cc.example>"), False),
        (("Refer-To: <sip:queue@cc.example>, <sip:other@cc.example>",), False),
        (("Refer-To: sip:queue@cc.example, sip:other@cc.example",), False),
        (("Refer-To: <sip:queue@cc.example>", "Contact: <sip:bot@192.0.2.1>"), True),
        (("Refer-To: <sip:queue@cc.example>", "m: <sip:bot@192.0.2.1>", "Contact: <sip:b@192.0.2.2>"), False),
        (("Refer-To: <sip:queue@cc.example>", "Contact: <sip:bot@192.0.2.1>, <sip:b@192.0.2.2>"), False),
        (("Refer-To: queue",), False),
        (("Refer-To: <>",), False),
        (("Refer-To: ",), False),
        (("Refer-To: <sip:>",), False),
        ((), False),
    ],
)
def test_a_refer_names_one_place(lines: tuple[str, ...], *, fits: bool) -> None:
    text = "\r\n".join(("REFER sip:edge SIP/2.0", *lines, "", ""))
    assert names_one(parse(text)) is fits
