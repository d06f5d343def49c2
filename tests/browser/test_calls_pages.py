# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls in a real browser: found by the contact, read as a ladder, opened, taken away, watched, ended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from agent.telemetry.pcap import HEADER
from tests.browser.conftest import complaints
from tests.browser.watching import as_it_was, faults, fill, follow, follow_first, press, text
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import TOKEN
from tests.calls.harness.waiting import eventually
from tests.examples.neighbours import running_house

pytestmark = pytest.mark.calls

FETCHED = """
const done = arguments[arguments.length - 1];
fetch(arguments[0]).then(answer => answer.arrayBuffer().then(body =>
  done([answer.status, Array.from(new Uint8Array(body).slice(0, 24)), body.byteLength])));
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory) as house:
        yield house


@pytest.fixture
def at(house: House) -> str:
    """Where the console is."""
    return f"http://127.0.0.1:{house.plan.operations}"


async def over(house: House) -> str:
    """A call that is over; gives the contact."""
    contact = new_contact()
    async with house.voice_agent("hangs_up"), house.caller("on_cue", contact) as caller:
        await caller.saw("BYE")
        await caller.succeeds()
        await house.ended(caller, "completed", "completed")
    await house.at_rest()
    return contact


def words(browser: Chrome) -> str:
    """All that the ladder says."""
    drawn = browser.find_elements(By.CSS_SELECTOR, ".ladder text")
    return "\n".join(one.get_attribute("textContent") or "" for one in drawn)


async def test_a_call_is_found_by_its_contact_and_its_ladder_read(
    house: House, browser: Chrome, at: str
) -> None:
    contact = await over(house)
    await over(house)
    browser.get(f"{at}/")
    follow(browser, "Calls")
    fill(browser, "Call, contact or SIP Call-ID", contact)
    press(browser, "Find")
    (row,) = browser.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert contact in row.text
    follow_first(browser, "tbody tr a")
    said = words(browser)
    for part in ("Caller", "Voice agent", "NICE", "INVITE", "200 OK (INVITE)", "BYE", "202 accepted"):
        assert part in said, part
    assert "Caller → " in text(browser)
    assert "9995550100" not in text(browser) + said
    assert list(faults(browser, browser.current_url, "call")) == []
    as_it_was(browser)
    follow_first(browser, ".ladder a")
    whole = browser.find_element(By.CSS_SELECTOR, "pre.message").text
    assert whole.startswith("INVITE sip:********")
    assert f"ContactId: {contact}" in whole
    assert TOKEN not in whole
    assert list(faults(browser, browser.current_url, "message")) == []
    as_it_was(browser)
    assert complaints(browser) == []


async def test_a_call_is_taken_away_as_json_text_and_pcap(house: House, browser: Chrome, at: str) -> None:
    contact = await over(house)
    browser.get(f"{at}/console/calls?id={contact}")
    follow_first(browser, "tbody tr a")
    links = [
        str(one.get_attribute("href"))
        for one in browser.find_elements(By.CSS_SELECTOR, "a[download]")
        if "numbers" not in str(one.get_attribute("href"))
    ]
    assert [link.rpartition(".")[2] for link in links] == ["json", "txt", "pcap"]
    for link in links:
        status, begins, length = browser.execute_async_script(FETCHED, link)
        assert (status, length > 1000) == (200, True), link
        if link.endswith("pcap"):
            assert bytes(begins) == HEADER


async def test_a_call_appears_while_somebody_looks_and_is_ended_with_a_reason(
    house: House, browser: Chrome, at: str
) -> None:
    browser.get(f"{at}/console/calls")
    assert "No call is up" in text(browser)
    contact = new_contact()
    async with house.voice_agent(), house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        await eventually(lambda: contact in text(browser), what="the call appears by itself")
        follow_first(browser, "tbody tr a")
        fill(browser, "Your name", "ana")
        fill(browser, "Reason", "it is stuck")
        press(browser, "Hang up")
        assert "The call is being ended" in text(browser)
        await caller.saw("BYE")
        await caller.succeeds()
    await house.at_rest()
    browser.get(f"{at}/console/audit")
    newest = browser.find_element(By.CSS_SELECTOR, "tbody tr").text
    assert "hang up" in newest
    assert "it is stuck" in newest


async def test_a_page_of_many_calls_has_nothing_wrong(house: House, browser: Chrome, at: str) -> None:
    await over(house)
    assert list(faults(browser, f"{at}/console/calls?since=1d", "calls")) == []
    as_it_was(browser)
    assert complaints(browser) == []
