# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts may be trusted with a credential."""

from __future__ import annotations

import pytest

from agent.core.hosts import allowed


@pytest.mark.parametrize(
    "url",
    [
        "https://cxone.niceincontact.com",
        "https://cxone.niceincontact.com/",
        "https://CXONE.NiceInContact.com:443/auth/token",
        "https://cxone-gov.niceincontact.com",
        "https://nicecxone-sov1.eu",
        "https://api-na2.nicecxone-gov.com",
        "https://na1.nice-incontact.com/authentication",
        "http://127.0.0.1:8090",
        "http://localhost:8090/auth/token",
        "http://[::1]:8090",
        "https://127.0.0.1",
    ],
)
def test_nice_hosts_by_https_and_loopback_by_http_are_allowed(url: str) -> None:
    assert allowed(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "",
        "cxone.niceincontact.com",
        "http://cxone.niceincontact.com",
        "ftp://cxone.niceincontact.com",
        "https://niceincontact.com.evil.example",
        "https://evilniceincontact.com",
        "https://evil.example",
        "https://evil.example/niceincontact.com",
        "https://user@cxone.niceincontact.com",
        "https://cxone.niceincontact.com@evil.example",
        "https://evil.example\\@cxone.niceincontact.com",
        "https://evil.example#.niceincontact.com",
        "https://evil.example?.niceincontact.com",
        "https://cxone.niceincontact.com/\n",
        " https://cxone.niceincontact.com",
        "https://cxone.niceincontact.com.",
        "https://cxone.niceincontact.com:99999",
        "https://cxone.niceincontact.com:x",
        "https://[::1",
        "http://10.0.0.1",
        "http://127.0.0.1.evil.example",
        "https://nice\u0131ncontact.com",
    ],
)
def test_any_other_url_meets_an_objection_in_one_line(url: str) -> None:
    objection = allowed(url)

    assert objection
    assert "\n" not in objection


def test_an_operator_can_allow_a_host_or_all_below_a_domain() -> None:
    assert allowed("https://proxy.acme.example", ("proxy.acme.example",)) is None
    assert allowed("https://a.acme.example", ("*.acme.example",)) is None
    assert allowed("https://acme.example", ("*.acme.example",)) is not None
    assert allowed("https://x.proxy.acme.example", ("proxy.acme.example",)) is not None
    assert allowed("https://anything.example", ("*.",)) is not None
    assert allowed("http://proxy.acme.example", ("proxy.acme.example",)) is not None


def test_an_objection_never_repeats_a_password_from_the_url() -> None:
    assert "geheim" not in (allowed("https://u:geheim@evil.example") or "")
