# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""The number map's page and its forms."""

from __future__ import annotations

from typing import Any

import pytest

from agent.core.drafts import Draft, DraftError
from agent.core.errors import SettingsError
from agent.core.reloads import Cause
from agent.http.ports import ReloadAnswer

PAGE = "/console/numbers"


async def test_it_leads_from_a_number_to_its_rule_and_shows_reloads(console: Any, desk: Any) -> None:
    text = await console.page(f"{PAGE}?number=999&carrier=one&search=abc")
    assert desk.maps.asked[:2] == [("999", "one", None), ("abc", 50)]
    assert "No rule has abc." in text
    assert "started" in text
    assert "acme.yaml" in text


async def test_what_is_typed_in_is_escaped(console: Any) -> None:
    text = await console.page(f"{PAGE}?search=%3Cscript%3Ealert(1)%3C/script%3E")
    assert "<script>alert" not in text


async def test_a_carrier_that_is_none_is_told(console: Any) -> None:
    assert "no carrier in force has this name" in await console.page(f"{PAGE}?number=1&carrier=two", 404)


async def test_a_token_is_asked_with_and_shown_nowhere(console: Any, desk: Any) -> None:
    status, _, text = await console.send(PAGE, f"{PAGE}/route", number="999", token="a-token")
    assert (status, desk.maps.asked[-2][:3]) == (200, ("999", None, "a-token"))
    assert "a-token" not in text


async def test_a_reload_carries_who_and_why_and_leads_back(console: Any, desk: Any) -> None:
    status, where, _ = await console.send(PAGE, f"{PAGE}/reload", why="new numbers")
    assert (status, where) == (303, f"{PAGE}#reloads")
    assert desk.causes == [Cause("http", "ana", "127.0.0.1", "new numbers")]
    assert desk.confirmed == [False]
    desk.reloaded = ReloadAnswer("held", mistakes=("5 of 5 rules would go",))
    assert 'name="yes"' in await console.page(PAGE)
    await console.send(PAGE, f"{PAGE}/reload", yes="yes")
    assert desk.confirmed == [False, True]


@pytest.mark.parametrize(("name", "kind"), [("a.csv", "csv"), ("a.yaml", "yaml")])
async def test_a_draft_goes_on_as_it_was_pasted(console: Any, desk: Any, name: str, kind: Any) -> None:
    desk.maps.answer = told("unchanged")
    status, _, text = await console.send(PAGE, f"{PAGE}/preview", file=f" {name} ", text="a\r\nb")
    assert (status, desk.maps.drafts) == (200, [Draft(kind, b"a\nb", name)])
    assert "It would change nothing." in text
    assert console.audit.newest(1)[0].outcome == "would be unchanged"


async def test_mistakes_and_calls_are_shown_escaped_and_masked(console: Any, desk: Any) -> None:
    mistakes = [{"told": "a.csv:2:1: <b>"}] * 150
    desk.maps.answer = told("refused", mistakes=mistakes, more_mistakes=7)
    _, _, text = await console.send(PAGE, f"{PAGE}/preview", file="a.csv", text="x")
    assert text.count("a.csv:2:1: &lt;b&gt;") == 100
    assert "57 more mistakes." in text
    call = {"call_id": "c-1", "number": "9995550101", "began": 1.0, "project": "care", "after": []}
    desk.maps.answer = told("held", held="5 of 5 rules would go", live_calls=[call], counts={"go": 5})
    _, _, text = await console.send(PAGE, f"{PAGE}/preview", file="a.csv", text="x")
    assert "5 of 5 rules would go." in text
    assert "9995550101" not in text
    assert "nobody" in text


async def test_what_is_no_draft_is_told(console: Any, desk: Any) -> None:
    desk.maps.answer = DraftError("'x' can't be a number map")
    _, _, text = await console.send(PAGE, f"{PAGE}/preview", file="x", text="<b>")
    assert "can&#39;t be a number map." in text
    assert "&lt;b&gt;" in text
    _, _, text = await console.send(PAGE, f"{PAGE}/preview", file=" ", text="x")
    assert "Name the file that it would be" in text


async def test_what_was_pasted_comes_back_where_no_preview_can_be_made(console: Any, desk: Any) -> None:
    desk.maps.answer = SettingsError("the preview took longer than 60 s and was given up")
    status, _, text = await console.send(PAGE, f"{PAGE}/preview", file="a.csv", text="what was pasted")
    assert (status, "was given up." in text, "what was pasted" in text) == (200, True, True)


def told(result: str, **more: Any) -> dict[str, Any]:
    """What a preview says."""
    nothing = {"mistakes": [], "more_mistakes": 0, "held": None, "counts": {}, "changes": [], "restart": []}
    return {"result": result, "rules": 5, "live_calls": [], **nothing, **more}
