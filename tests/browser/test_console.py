# SPDX-License-Identifier: GPL-3.0-or-later
"""The console in a real browser, by what a person does; a real agent and real calls behind it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import complaints
from tests.browser.logged_in import TOKEN, VIEWER, forget_cookies, guarded_house, log_in
from tests.browser.watching import as_it_was, faults, fill, follow, follow_first, press, text
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

UP = """
const card = [...document.querySelectorAll("h3")].find(one => one.textContent === "Calls up");
return card.nextElementSibling.textContent;
"""
PAGES = {
    "overview": "/",
    "calls": "/console/calls",
    "numbers": "/console/numbers",
    "signals": "/console/signals",
    "configuration": "/console/configuration",
    "project": "/console/configuration/projects/acme-care",
    "audit": "/console/audit",
    "not-found": "/console/nowhere",
}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with guarded_house(tmp_path_factory) as house:
        yield house


@pytest.fixture
def at(house: House) -> str:
    """Where the console is."""
    return f"http://127.0.0.1:{house.plan.operations}"


@pytest.fixture
def person(browser: Chrome, at: str) -> Iterator[Chrome]:
    """The browser of an operator who has logged in."""
    log_in(browser, at, TOKEN)
    yield browser
    as_it_was(browser)
    forget_cookies(browser)


async def a_refused_handoff(house: House) -> str:
    """A call whose handoff signal NICE refuses; gives the contact."""
    contact = new_contact()
    house.cxone.fault(signal={"status": 400, "contact_id": contact})
    async with house.voice_agent("hangs_up"), house.caller("on_cue", contact) as caller:
        await caller.saw("BYE")
        await caller.succeeds()
    await house.at_rest()
    house.cxone.heal()
    return contact


def test_a_person_logs_in_with_a_token_and_out_again(house: House, browser: Chrome, at: str) -> None:
    log_in(browser, at, "no token of ours")
    assert "this token is not known" in text(browser)
    fill(browser, "Token", TOKEN)
    press(browser, "Log in")
    assert browser.find_element(By.TAG_NAME, "h1").text == "Overview"
    assert "ana" in browser.find_element(By.CLASS_NAME, "who").text
    (cookie,) = browser.get_cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    press(browser, "Log out")
    assert browser.find_element(By.TAG_NAME, "h1").text == "Log in"
    browser.get(f"{at}/console/signals")
    assert browser.find_element(By.TAG_NAME, "h1").text == "Log in"
    assert house.agent.running


def test_a_viewer_sees_no_button_that_changes_anything(browser: Chrome, at: str) -> None:
    log_in(browser, at, VIEWER)
    for path in PAGES.values():
        browser.get(at + path)
        forms = browser.find_elements(By.CSS_SELECTOR, "form[method=post]")
        assert [form.get_attribute("action") for form in forms] == [f"{at}/console/log-out"], path


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_wrong_in_light_and_dark_wide_and_narrow(
    person: Chrome, at: str, name: str
) -> None:
    assert list(faults(person, at + PAGES[name], name)) == []
    if name != "not-found":  # which the browser tells of
        assert complaints(person) == []


def test_nor_with_the_log_in_page(browser: Chrome, at: str) -> None:
    forget_cookies(browser)
    assert list(faults(browser, f"{at}/console/log-in", "log-in")) == []
    as_it_was(browser)


async def test_a_refused_signal_is_found_by_its_contact_and_sent_again_with_a_reason(
    house: House, person: Chrome, at: str
) -> None:
    contact = await a_refused_handoff(house)
    follow(person, "Signals")
    fill(person, "Contact id", contact)
    press(person, "Find")
    rows = person.find_elements(By.CSS_SELECTOR, "tbody tr")
    assert {row.find_elements(By.TAG_NAME, "td")[0].text for row in rows} == {"refused"}
    follow_first(person, "tbody tr a")
    assert "Attempts and decisions" in text(person)
    assert list(faults(person, person.current_url, "signal")) == []
    fill(person, "Reason", "NICE was down")
    press(person, "Send again")
    assert "It goes out again now" in text(person)

    def accepted() -> bool:
        person.refresh()
        return "accepted" in person.find_element(By.CSS_SELECTOR, "dl.facts dd").text

    await eventually(accepted, what="NICE took it")
    assert "by ana: NICE was down" in text(person)
    person.get(f"{at}/console/audit")
    newest = person.find_element(By.CSS_SELECTOR, "tbody tr").text
    for shown in ("ana", "retry", "NICE was down", "done"):
        assert shown in newest
    assert list(faults(person, f"{at}/console/audit", "audit")) == []
    lines = (house.folder / "agent.db.audit.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1])["why"] == "NICE was down"


async def test_a_broken_map_is_refused_with_its_place_and_the_old_one_stays(
    house: House, person: Chrome, at: str
) -> None:
    path = house.config / "numbers" / "acme.yaml"
    sound = path.read_text(encoding="utf-8")
    try:
        path.write_text(sound + "  '9995550777': acme-car\n", encoding="utf-8")
        follow(person, "Configuration")
        press(person, "Reload")
        line = sound.count("\n") + 1
        assert f"numbers/acme.yaml:{line}" in text(person)
        assert "did you mean 'acme-care'?" in text(person)
        assert list(faults(person, f"{at}/console/configuration", "configuration-refused")) == []
        follow(person, "Overview")
        assert "The edited configuration was refused for 1 mistake" in text(person)
        assert list(faults(person, f"{at}/", "overview-trouble")) == []
        follow(person, "the mistakes")
    finally:
        path.write_text(sound, encoding="utf-8")
    press(person, "Reload")
    assert "Nothing changed" in text(person)


async def test_a_call_appears_while_somebody_looks(house: House, person: Chrome) -> None:
    def up() -> str:
        # In one step: between two the page may have been renewed.
        return str(person.execute_script(UP)).strip()

    assert up().startswith("0 of")
    async with house.voice_agent(), house.caller("on_cue") as caller:
        await caller.saw("200 INVITE")
        await eventually(lambda: up().startswith("1 of"), what="the call is on the page")
        assert person.find_element(By.ID, "live").text == "Live"
        assert list(faults(person, person.current_url, "overview-call")) == []
        caller.cue()
        await caller.succeeds()
    await eventually(lambda: up().startswith("0 of"), what="and gone again")
    assert complaints(person) == []
