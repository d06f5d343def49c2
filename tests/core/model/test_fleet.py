# SPDX-License-Identifier: GPL-3.0-or-later
"""What may be written into ``fleet``, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from agent.core.model.base import REFERENCES_ONLY, Resolved
from agent.core.model.fleet import Fleet

TOKEN = "b1946ac92492d2347c62"


def fleet(*nodes: dict[str, Any], token: object = TOKEN) -> Fleet:
    named = [
        {"name": f"edge-{index}", "sip": f"sip:10.0.0.1{index}:5060", **node}
        for index, node in enumerate(nodes, 1)
    ]
    return Fleet.model_validate({"nodes": named, **({} if token is None else {"token": token})})


def test_a_fleet_that_only_shares_a_front_needs_no_token() -> None:
    made = fleet({}, {}, token=None)
    assert [(node.api, node.operations) for node in made.nodes] == [(None, None)] * 2
    assert made.token == ()


def test_nodes_that_ask_one_another_are_found_by_name() -> None:
    made = fleet({"api": "https://edge-1.example.net:8443", "operations": "http://10.0.0.11:8081"}, {})
    found = made.node("edge-1")
    assert found is not None
    assert (found.api, found.operations) == ("https://edge-1.example.net:8443", "http://10.0.0.11:8081")
    assert made.node("edge-9") is None


@pytest.mark.parametrize("key", ["api", "operations"])
def test_nodes_that_ask_one_another_need_a_token(key: str) -> None:
    with pytest.raises(ValidationError, match=r"need fleet\.token: write .* or leave " + key):
        fleet({key: "http://10.0.0.11:8080"}, token=None)


@pytest.mark.parametrize(
    "written",
    [
        "10.0.0.11:8080",
        "sip:10.0.0.11:8080",
        "http://",
        "http://10.0.0.11:8080/",
        "http://10.0.0.11:8080/v1",
        "http://10.0.0.11:8080?a=b",
        "http://me:secret@10.0.0.11:8080",
        "http://@10.0.0.11:8080",
        "http://10.0.0.11:0",
        "http://10.0.0.11:80800",
        "http://[10.0.0.11:8080",
        "",
    ],
)
def test_what_is_no_listener_is_refused_with_what_would_be_right(written: str) -> None:
    with pytest.raises(ValidationError, match="host and port, nothing after them") as told:
        fleet({"api": written})
    assert "secret" not in str(told.value)


def test_no_two_nodes_have_one_listener() -> None:
    with pytest.raises(ValidationError, match="is there twice"):
        fleet({"api": "http://edge:80"}, {"api": "http://EDGE"})
    with pytest.raises(ValidationError, match="listeners of their own"):
        fleet({"api": "http://10.0.0.11:8080", "operations": "http://10.0.0.11:8080"})


def test_a_token_is_never_written_in_nor_easy_to_guess_nor_a_hash() -> None:
    with pytest.raises(ValidationError, match="never written in"):
        Fleet.model_validate(
            {"nodes": [{"name": "edge-1", "sip": "sip:10.0.0.11:5060"}], "token": TOKEN},
            context={REFERENCES_ONLY: True},
        )
    with pytest.raises(ValidationError, match="easy to guess"):
        fleet({}, token=Resolved("aaaaaaaaaaaaaaaaa"))
    with pytest.raises(ValidationError, match="a hash is not enough"):
        fleet({}, token="sha256:" + "ab" * 32)


def test_one_token_may_replace_another_and_none_is_shown() -> None:
    made = fleet({}, token=[TOKEN, TOKEN[::-1]])
    assert [key.get_secret_value() for key in made.token] == [TOKEN, TOKEN[::-1]]
    assert TOKEN not in repr(made)
