# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading an id_token."""

from __future__ import annotations

import base64
import json

import pytest

from agent.core.errors import CxoneError
from agent.cxone.claims import Claims, check_business_unit, read


def _token(payload: object) -> str:
    middle = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    return f"e30.{middle}.c2ln"


@pytest.mark.parametrize("unit", ["4591234", 4591234])
def test_tenant_business_unit_and_issuer_are_read(unit: object) -> None:
    claims = read(_token({"tenantId": "t-1", "icBUId": unit, "iss": "https://cxone.niceincontact.com/"}))

    assert claims == Claims("t-1", "4591234", "https://cxone.niceincontact.com")


@pytest.mark.parametrize(
    "token",
    [
        None,
        7,
        "",
        "a.b",
        "a.!!!.c",
        "a.e30.c.d",
        "a.gICA.c",
        "x" * 70_000,
        "a." + base64.urlsafe_b64encode(b"[" * 40_000).decode() + ".c",
        _token([]),
        _token({}),
        _token({"tenantId": "t", "iss": 5}),
        _token({"tenantId": "\ud800", "iss": "https://cxone.niceincontact.com"}),
        _token({"tenantId": "", "iss": "https://cxone.niceincontact.com"}),
    ],
)
def test_what_is_no_id_token_is_refused_in_one_line(token: object) -> None:
    with pytest.raises(CxoneError, match="id_token") as caught:
        read(token)

    assert "\n" not in str(caught.value)


def test_the_key_of_another_customer_is_refused() -> None:
    check_business_unit(Claims("t", "1", "i"), "1")
    check_business_unit(Claims("t", "", "i"), "1")
    with pytest.raises(CxoneError, match="belongs to business unit 2"):
        check_business_unit(Claims("t", "2", "i"), "1")
