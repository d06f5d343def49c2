# SPDX-License-Identifier: GPL-3.0-or-later
"""The number map's page in a real browser, by what a person does; a real agent and a real call behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import complaints
from tests.browser.logged_in import TOKEN, VIEWER, forget_cookies, guarded_house, log_in
from tests.browser.watching import as_it_was, faults, fill, follow, press, text
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import CARE
from tests.calls.harness.plan import TOKEN as CONNECTOR_TOKEN

pytestmark = pytest.mark.calls

PAGE = "/console/numbers"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with guarded_house(tmp_path_factory) as house:
        yield house


@pytest.fixture
def at(house: House) -> str:
    """Where the page is."""
    return f"http://127.0.0.1:{house.plan.operations}{PAGE}"


@pytest.fixture
def person(browser: Chrome, house: House) -> Iterator[Chrome]:
    """The browser of an operator who has logged in and opened the page."""
    log_in(browser, f"http://127.0.0.1:{house.plan.operations}", TOKEN)
    follow(browser, "Numbers")
    yield browser
    as_it_was(browser)
    forget_cookies(browser)


def test_it_says_who_takes_a_number_and_why(person: Chrome, at: str) -> None:
    fill(person, "Number, as the carrier sends it", CARE)
    press(person, "Ask")
    assert f"exact {CARE} matches {CARE}: the same number" in text(person)
    assert "project acme-care, if the call carries its token" in text(person)
    person.find_element(By.TAG_NAME, "summary").click()
    fill(person, "Number with token", CARE)
    fill(person, "Token", "of nobody")
    press(person, "Ask with it")
    assert "Refused: 403 bad token" in text(person)
    assert "of nobody" not in person.page_source
    person.find_element(By.TAG_NAME, "summary").click()
    fill(person, "Token", CONNECTOR_TOKEN)
    press(person, "Ask with it")
    assert "the token matches" in text(person)
    fill(person, "Number, as the carrier sends it", CARE[:-1] + "x")
    press(person, "Ask")
    assert "is not a number: use digits only" in text(person)
    assert list(faults(person, f"{at}?number={CARE}", "numbers-route")) == []


def test_rules_are_found_by_number_and_project(person: Chrome, at: str) -> None:
    fill(person, "Beginning of a number", CARE)
    press(person, "Search")
    assert f"{CARE} exact acme-care" in text(person)
    fill(person, "Beginning of a number", "nobody-at-all")
    press(person, "Search")
    assert "No rule has nobody-at-all." in text(person)
    assert list(faults(person, f"{at}?search=acme", "numbers")) == []
    assert complaints(person) == []


def preview(person: Chrome, name: str, body: str) -> None:
    """Paste a map and look what it would do."""
    fill(person, "File in numbers/", name)
    field = person.find_element(By.ID, "draft-text")
    person.execute_script("arguments[0].value = arguments[1]", field, body)
    press(person, "Preview")


def test_a_broken_map_is_previewed_and_says_why_it_would_be_refused(house: House, person: Chrome) -> None:
    preview(person, "new.csv", f"number,project\n{CARE},acme-car\n9.99555E+09,acme-care\n")
    said = text(person)
    assert "It has mistakes: a reload would refuse it, and what is in force would stay." in said
    assert f"{CARE} is there already, at " in said
    assert "new.csv:3:1: 9.99555E+09 is a number that a spreadsheet has rounded" in said
    assert "new.csv:2:12: unknown project 'acme-car': did you mean 'acme-care'?" in said
    field = person.find_element(By.ID, "draft-text")
    assert (field.get_attribute("value") or "").startswith("number,project\n"), "it can be put right here"
    assert not (house.config / "numbers/new.csv").exists()
    preview(person, "../new.csv", "number,project\n")
    assert "'../new.csv' can't be a number map: name it NAME.yaml or NAME.csv" in text(person)


async def test_an_edit_is_previewed_with_the_call_that_is_up_and_then_applied(
    house: House, person: Chrome, at: str, tmp_path: Path
) -> None:
    path = house.config / "numbers/acme.yaml"
    sound = path.read_text(encoding="utf-8")
    edited = tmp_path / "edited.yaml"
    lines = [line for line in sound.splitlines() if CARE not in line]
    edited.write_text("\n".join([*lines, f'  "{CARE}": acme-failover', "  '9995550777': acme-care"]) + "\n")
    async with house.voice_agent(), house.caller("on_cue", new_contact()) as caller:
        await caller.saw("200 INVITE")
        fill(person, "File in numbers/", "acme.yaml")
        person.find_element(By.ID, "draft-upload").send_keys(str(edited))
        press(person, "Preview")
        said = text(person)
        assert f"number {CARE} moves from acme-care to acme-failover" in said
        assert "number 9995550777 appears" in said
        (row,) = person.find_elements(By.CSS_SELECTOR, "tbody tr")
        assert row.text.endswith("acme-care acme-failover")
        assert path.read_text(encoding="utf-8") == sound
        caller.cue()
        await caller.succeeds()
    try:
        path.write_text(edited.read_text(encoding="utf-8"), encoding="utf-8")
        person.get(at)
        fill(person, "Reason", "new numbers of acme")
        press(person, "Reload from the files")
        reloads = [row.text for row in person.find_elements(By.CSS_SELECTOR, "tbody tr")]
        (ours,) = [one for one in reloads if "ana, 127.0.0.1, new numbers of acme" in one]
        assert "loaded" in ours or "unchanged" in ours, "the agent may have seen the file by itself"
        fill(person, "Number, as the carrier sends it", "9995550777")
        press(person, "Ask")
        assert "exact 9995550777 matches" in text(person)
        assert list(faults(person, at, "numbers-history")) == []
    finally:
        path.write_text(sound, encoding="utf-8")
    assert complaints(person) == []


def test_a_file_of_50_mb_is_refused_with_what_to_do_before_and_after_it_is_sent(
    person: Chrome, tmp_path: Path
) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(50 << 20)
    fill(person, "File in numbers/", "large.csv")
    upload = person.find_element(By.ID, "draft-upload")
    upload.send_keys(str(large))
    said = upload.get_property("validationMessage")
    assert isinstance(said, str)
    assert "A preview takes 5 MiB at most: on the node, handoff-agent check" in said
    person.execute_script("arguments[0].setCustomValidity('')", upload)  # as a browser without the script
    press(person, "Preview")
    assert person.find_element(By.TAG_NAME, "h1").text == "That is too large"
    assert "handoff-agent diff OLD NEW" in text(person)
    assert [one for one in complaints(person) if "413" not in one] == []


def test_a_viewer_may_look_and_no_more(browser: Chrome, house: House, at: str) -> None:
    log_in(browser, f"http://127.0.0.1:{house.plan.operations}", VIEWER)
    browser.get(f"{at}?number={CARE}")
    assert f"exact {CARE} matches" in text(browser)
    forms = browser.find_elements(By.CSS_SELECTOR, "form[method=post]")
    assert [form.get_attribute("action") for form in forms] == [at.replace(PAGE, "/console/log-out")]
    forget_cookies(browser)
