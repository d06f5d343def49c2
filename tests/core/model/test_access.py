# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may ask the operations listener, as agent.yaml says it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from agent.core.model.access import OperationsAuth, is_loopback
from agent.core.model.http import Http

TOKEN = "a-long-and-random-token"


def http(**keys: Any) -> Http:  # noqa: ANN401 - as YAML gives them
    return Http.model_validate(keys)


def auth(**keys: Any) -> OperationsAuth:  # noqa: ANN401 - the same
    return OperationsAuth.model_validate(keys)


@pytest.mark.parametrize("address", ["127.0.0.1:8081", "127.1.2.3:1", "[::1]:8081", "localhost:8081"])
def test_nobody_needs_to_log_in_on_a_loopback_address(address: str) -> None:
    assert http(operations=address).operations_auth is None


@pytest.mark.parametrize(
    "address", ["0.0.0.0:8081", "[::]:8081", "10.0.0.1:8081", "edge-1.acme.example:8081"]
)
def test_without_a_log_in_it_must_be_loopback(address: str) -> None:
    with pytest.raises(ValidationError, match=r"has no log-in: listen on 127\.0\.0\.1") as caught:
        http(operations=address)
    assert caught.value.errors()[0]["ctx"]["path"] == ("operations",)
    assert http(operations=address, operations_auth={"tokens": [{"name": "ana", "token": TOKEN}]})


@pytest.mark.parametrize(
    ("host", "ours"), [("::ffff:127.0.0.1", True), ("::ffff:10.0.0.1", False), ("fe80::1%lo", False)]
)
def test_loopback_is_seen_in_each_spelling(host: str, ours: bool) -> None:  # noqa: FBT001 - a table
    assert is_loopback(host) is ours


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({}, "nobody could log in"),
        ({"tokens": [{"name": "ana", "token": "short"}]}, "easy to guess"),
        ({"tokens": [{"name": "ana", "token": None}]}, "a token is needed"),
        ({"tokens": [{"name": "ana", "token": TOKEN}, {"name": "ana", "token": TOKEN + "2"}]}, "named twice"),
        (
            {"tokens": [{"name": "ana", "token": TOKEN}, {"name": "bo", "token": TOKEN}]},
            "has this token already",
        ),
        ({"tokens": [{"name": "ana", "token": TOKEN, "role": "root"}]}, "'viewer' or 'operator'"),
        ({"proxy": {"sources": []}}, "at least 1 item"),
        (
            {"proxy": {"sources": ["10.0.0.7"], "address_header": "x-forwarded-user"}},
            "the address needs a header of its own",
        ),
        ({"proxy": {"sources": ["10.0.0.7"], "role_header": "X-R", "operators": ["ana"]}}, "leave one out"),
        ({"proxy": {"sources": ["10.0.0.7"], "role_header": "x-forwarded-user"}}, "a header each"),
        ({"proxy": {"sources": ["10.0.0.7"]}, "open_paths": ["/calls"]}, "'/healthz'"),
    ],
)
def test_what_can_t_be_meant_is_refused(keys: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        auth(**keys)


def test_health_and_metrics_are_open_unless_somebody_says_otherwise() -> None:
    tokens = [{"name": "ana", "token": TOKEN}]
    assert auth(tokens=tokens).open_paths == ("/healthz", "/readyz", "/metrics")
    assert auth(tokens=tokens, open_paths=[]).open_paths == ()
