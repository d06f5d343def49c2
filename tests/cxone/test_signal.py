# SPDX-License-Identifier: GPL-3.0-or-later
"""How the signal request is built."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cxone.signal import Style, build, without_gaps

BASE = "https://api-na1.niceincontact.com"


def test_the_url_is_the_one_of_nices_sdk() -> None:
    request = build(BASE + "/", "v30.0", " 123456789012 ", {"p1": "End"}, "body")

    assert request.url == BASE + "/incontactAPI/services/v30.0/interactions/123456789012/signal"
    assert request.headers == {"Accept": "application/json", "Content-Type": "application/json"}
    assert request.body == b'{"p1": "End"}'


def test_gaps_are_sent_empty_so_that_numbering_never_shifts() -> None:
    assert without_gaps({"p4": "d", "p2": "b"}) == {"p1": "", "p2": "b", "p3": "", "p4": "d"}
    assert without_gaps({"p1": "", "p2": ""}) == {"p1": "", "p2": ""}
    assert without_gaps({}) == {}


def test_mixed_puts_p1_in_the_query_and_the_rest_in_the_body() -> None:
    request = build(BASE, "v24.0", "1", {"p1": "Escalate", "p3": "x"}, "mixed")

    assert urlsplit(request.url).query == "p1=Escalate"
    assert json.loads(request.body or b"") == {"p2": "", "p3": "x"}


@pytest.mark.parametrize("style", ["query", "mixed"])
def test_without_anything_for_it_there_is_no_body(style: Style) -> None:
    request = build(BASE, "v30.0", "1", {"p1": "a b"}, style)

    assert request.url.endswith("/signal?p1=a%20b")
    assert request.body is None
    assert request.headers == {"Accept": "application/json"}


@pytest.mark.parametrize("contact_id", ["", "a", "-1", "+1", "1/2", "1" * 20, str(2**63), "\u0661"])
def test_a_contact_id_beyond_64_bits_or_with_other_signs_is_refused(contact_id: str) -> None:
    with pytest.raises(ValueError, match="contact id"):
        build(BASE, "v30.0", contact_id, {}, "body")


@pytest.mark.parametrize("name", ["p0", "p10", "P1", "", "skill"])
def test_a_name_that_is_no_parameter_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="p1 to p9"):
        without_gaps({name: "x"})


@given(
    st.dictionaries(st.sampled_from([f"p{n}" for n in range(1, 10)]), st.text(st.characters(codec="utf-8"))),
    st.sampled_from(["body", "query", "mixed"]),
)
def test_each_value_is_in_exactly_one_place_and_unharmed(parameters: dict[str, str], style: Style) -> None:
    request = build(BASE, "v30.0", "1", parameters, style)

    query = {n: v[0] for n, v in parse_qs(urlsplit(request.url).query, keep_blank_values=True).items()}
    body = json.loads(request.body) if request.body else {}
    assert not query.keys() & body.keys()
    assert query | body == without_gaps(parameters)


def test_values_stay_out_of_the_repr() -> None:
    assert "GEHEIM" not in repr(build(BASE, "v30.0", "1", {"p1": "GEHEIM", "p2": "GEHEIM"}, "mixed"))
