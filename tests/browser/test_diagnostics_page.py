# SPDX-License-Identifier: GPL-3.0-or-later
"""Captures and the log's level in a real browser, by what a person does; real calls behind it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from agent.telemetry.pcap import HEADER
from tests.browser.conftest import complaints
from tests.browser.logged_in import TOKEN, VIEWER, forget_cookies, guarded_house, log_in
from tests.browser.test_calls_pages import FETCHED
from tests.browser.watching import as_it_was, enter, faults, fill, follow, follow_first, press, text, tick
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import CARE, Plan
from tests.calls.harness.waiting import eventually

pytestmark = pytest.mark.calls

PAGE = "/console/diagnostics"


def with_captures(plan: Plan) -> None:
    """Captures are allowed."""
    plan.agent["capture"] = {"folder": "../captures"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with guarded_house(tmp_path_factory, with_captures) as house:
        yield house


@pytest.fixture
def at(house: House) -> str:
    """Where the console is."""
    return f"http://127.0.0.1:{house.plan.operations}"


@pytest.fixture
def person(browser: Chrome, at: str) -> Iterator[Chrome]:
    """The browser of an operator who has logged in and opened the page."""
    log_in(browser, at, TOKEN)
    follow(browser, "Diagnostics")
    yield browser
    as_it_was(browser)
    forget_cookies(browser)


def choose(browser: Chrome, label: str, option: str) -> None:
    """Choose an option of the list of this label, with the keyboard."""
    found = browser.find_element(By.XPATH, f"//label[normalize-space()='{label}']").get_attribute("for")
    assert found is not None
    browser.find_element(By.ID, found).send_keys(option)


def begin(browser: Chrome, which: str, why: str = "no audio") -> None:
    """Fill in the form of a capture and begin."""
    fill(browser, "Call id, contact id or SIP Call-ID", which)
    field = browser.find_element(By.ID, "capture-why")
    field.clear()
    field.send_keys(why)
    press(browser, "Begin")


def fact(browser: Chrome, title: str) -> str:
    """A fact of a capture's page, in one step: it may be renewed between two."""
    script = """
    const found = [...document.querySelectorAll("dt")].find(one => one.textContent === arguments[0]);
    return found ? found.nextElementSibling.textContent : "";
    """
    return str(browser.execute_script(script, title))


async def test_an_operator_captures_the_calls_to_a_number_and_takes_the_file_away(
    house: House, person: Chrome, at: str
) -> None:
    choose(person, "Of", "all calls to a number")
    fill(person, "Minutes, at most 60", "5")
    tick(person, "Audio too (RTP)")
    begin(person, CARE)
    assert "Nothing has come yet" in text(person)
    where = person.current_url
    contact = new_contact()
    async with house.voice_agent("hangs_up"), house.caller("on_cue", contact) as caller:
        await caller.saw("BYE")
        await caller.succeeds()
    await house.at_rest()
    await eventually(lambda: fact(person, "Calls").startswith("1: "), what="it has the call")
    assert list(faults(person, where, "capture")) == []
    as_it_was(person)
    press(person, "Stop")
    assert "stopped" in fact(person, "State")
    link = person.find_element(By.LINK_TEXT, "Download").get_attribute("href")

    def fetched() -> tuple[bytes, int] | None:
        status, begins, length = person.execute_async_script(FETCHED, link)
        return (
            (bytes(begins), length) if status == 200 else None
        )  # 503 while a slow disk has its end to write

    found = await eventually(fetched, what="its file")
    assert found is not None
    assert (found[0], found[1] > 1000) == (HEADER, True)
    follow(person, "All captures")
    assert "stopped" in text(person)
    person.get(where)
    press(person, "Delete the file")
    assert person.find_element(By.TAG_NAME, "h1").text == "Diagnostics"
    person.get(f"{at}/console/audit")
    newest = [row.text for row in person.find_elements(By.CSS_SELECTOR, "tbody tr")][:3]
    for row, part in zip(newest, ("capture delete", "capture stop", "no audio"), strict=True):
        assert part in row
    assert [one for one in complaints(person) if "503" not in one] == []


async def test_a_call_that_is_up_is_captured_from_its_own_page(house: House, person: Chrome, at: str) -> None:
    contact = new_contact()
    async with house.voice_agent(), house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        person.get(f"{at}/console/calls?id={contact}")
        follow_first(person, "tbody tr a")
        assert list(faults(person, person.current_url, "call-up")) == []
        as_it_was(person)
        person.find_element(By.ID, "capture-why").send_keys("one-way audio")
        press(person, "Capture this call")
        await eventually(lambda: fact(person, "Packets") not in ("", "0"), what="what came before is in it")
        caller.cue()
        await caller.succeeds()
    await house.at_rest()
    press(person, "Stop")
    assert complaints(person) == []


def test_what_can_t_be_is_said_beside_the_form_and_nothing_is_lost(person: Chrome, at: str) -> None:
    choose(person, "Of", "all calls of a project")
    fill(person, "Size of the file", "much")
    begin(person, "acme-cara", "a try")
    assert "There is no project 'acme-cara'." in text(person)
    begin(person, "acme-care", "a try")
    assert "'much' is not a size: write 500kB, 50MB or 2GB." in text(person)
    assert person.find_element(By.ID, "capture-size").get_attribute("value") == "much"
    assert person.find_element(By.ID, "capture-of").get_attribute("value") == "project"
    assert list(faults(person, f"{at}{PAGE}", "diagnostics")) == []
    assert [one for one in complaints(person) if "422" not in one] == []


def test_the_level_of_a_project_is_set_and_set_back_by_keyboard(person: Chrome, at: str) -> None:
    assert "It is in force for the node and all projects." in text(person)
    choose(person, "Level from which lines are written", "debug")
    fill(person, "Project (empty: the node)", "acme-care")
    fill(person, "Minutes, then it goes back", "10")
    enter(person, "Minutes, then it goes back")
    row = [one.text for one in person.find_elements(By.XPATH, "//tr[th[starts-with(., 'project')]]")]
    assert row
    assert "debug" in row[0]
    assert "ana" in row[0]
    assert list(faults(person, f"{at}{PAGE}", "diagnostics-level")) == []
    as_it_was(person)
    choose(person, "Level from which lines are written", "normal")
    fill(person, "Project (empty: the node)", "acme-care")
    press(person, "Set the level")
    assert "It is in force for the node and all projects." in text(person)
    assert complaints(person) == []


def test_a_viewer_sees_what_is_on_and_has_no_form(browser: Chrome, at: str) -> None:
    log_in(browser, at, VIEWER)
    browser.get(f"{at}{PAGE}")
    assert "Log level" in text(browser)
    forms = browser.find_elements(By.CSS_SELECTOR, "form[method=post]")
    assert [form.get_attribute("action") for form in forms] == [f"{at}/console/log-out"]
    assert list(faults(browser, f"{at}{PAGE}", "diagnostics-viewer")) == []
    as_it_was(browser)
    forget_cookies(browser)
