# SPDX-License-Identifier: GPL-3.0-or-later
"""The example screen pop in a real browser, with a real handoff behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from agent.simulators.processes import Child
from tests.browser.conftest import complaints
from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import API_KEY, VOICE_AGENT, Plan
from tests.calls.harness.ports import free_port, free_rtp_port
from tests.calls.harness.waiting import eventually
from tests.examples.neighbours import HANDED_OFF, Run, ends_well, programs, running_house

pytestmark = pytest.mark.calls

PATH = "/v1/acme/acme-care"
PAGE = free_port()
HOSTILE = "<img src=x onerror=\"console.error('run')\"> & <b>"


def allow_page(plan: Plan) -> None:
    """Let the page's origin ask the API from a browser."""
    plan.agent["http"]["origins"] = [f"http://127.0.0.1:{PAGE}"]


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory, allow_page) as house:
        yield house


@pytest.fixture
async def run(tmp_path: Path) -> AsyncIterator[Run]:
    async with programs(tmp_path) as run:
        yield run


async def serve(run: Run, house: House, *more: str) -> Child:
    """Serve the page."""
    where = ("--listen", f"127.0.0.1:{PAGE}", "--api", f"http://127.0.0.1:{house.plan.api}")
    return await run("screen_pop/serve.py", "the screen pop is at", *where, *more)


def text(browser: Chrome, element: str) -> str:
    """What stands in an element, as a reader sees it."""
    return browser.find_element(By.ID, element).text


async def open_page(browser: Chrome, contact: str) -> None:
    """Open the page for a contact that was not handed off yet, until it has asked."""
    browser.get(f"http://127.0.0.1:{PAGE}/?contact_id={contact}")
    await eventually(lambda: text(browser, "standing") == "Waiting for the caller …", what="the page waits")
    assert not browser.find_element(By.ID, "handoff").is_displayed()


async def shows(browser: Chrome, summary: str) -> dict[str, str]:
    """Wait until the page shows a handoff; return the facts below its summary."""
    await eventually(lambda: text(browser, "summary") == summary, what=f"the page shows {summary!r}")
    names, values = (browser.find_elements(By.CSS_SELECTOR, f"#facts {kind}") for kind in ("dt", "dd"))
    return {name.text: value.text for name, value in zip(names, values, strict=True)}


async def hand_off(house: House, contact: str, data: dict[str, object]) -> None:
    """A call of that contact, handed off with this data."""
    async with house.voice_agent(), house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        asked = {"contact_id": contact, "destination": "billing", "data": data}
        await eventually(lambda: house.api("POST", f"{PATH}/handoffs", asked).status == 202, what="202")
        await caller.saw("BYE")
        await caller.succeeds()


async def test_a_page_that_opened_first_shows_the_handoff_of_a_voice_agent_when_it_comes(
    house: House, run: Run, browser: Chrome
) -> None:
    contact = new_contact()
    await serve(run, house)
    await run(
        "voice_agent_http.py",
        "taking calls",
        *("--listen", f"{VOICE_AGENT}:{house.plan.first}", "--rtp-port", free_rtp_port(), "--after", 0.5),
        *("--api", f"http://127.0.0.1:{house.plan.api}"),
    )
    await open_page(browser, contact)
    async with house.caller("on_cue", contact) as caller:
        await caller.saw("BYE")
        await caller.succeeds()
    facts = await shows(browser, "Question about the March bill: charged twice.")
    assert facts == {"destination": "billing", "digit": "none"}
    assert browser.title == "Question about the March bill: charged twice."
    assert text(browser, "standing") == "Handed over by the voice agent"
    assert API_KEY not in browser.execute_script("return fetch('settings.json').then(a => a.text())")
    assert complaints(browser) == []
    await house.signalled(contact, {"p1": "Connected"}, HANDED_OFF)
    await house.ended(caller, "handoff", "handoff")


async def test_a_page_that_asks_the_agent_itself_gets_its_answer_across_origins(
    house: House, run: Run, browser: Chrome
) -> None:
    contact = new_contact()
    await serve(run, house, "--direct")
    await open_page(browser, contact)
    await hand_off(house, contact, {"summary": HOSTILE, "balance": {"due": 12.5}, "<i>": "line\nbreak"})
    facts = await shows(browser, HOSTILE)
    assert facts == {"balance": '{\n  "due": 12.5\n}', "<i>": "line\nbreak"}
    assert not browser.find_elements(By.CSS_SELECTOR, "img, b, i"), "what was said is text, not HTML"
    assert complaints(browser) == []


async def test_a_page_that_opens_afterwards_shows_the_handoff_at_once(
    house: House, run: Run, browser: Chrome
) -> None:
    contact = new_contact()
    await serve(run, house)
    await hand_off(house, contact, {})
    browser.get(f"http://127.0.0.1:{PAGE}/?contact_id={contact}")
    assert await shows(browser, "A caller, without a summary") == {}
    assert complaints(browser) == []


async def test_a_page_outlives_a_restart_of_its_server(house: House, run: Run, browser: Chrome) -> None:
    contact = new_contact()
    server = await serve(run, house)
    await open_page(browser, contact)
    await ends_well(server)
    await eventually(lambda: text(browser, "standing") == "No answer; trying again …", what="it noticed")
    await hand_off(house, contact, {"summary": "meanwhile"})
    await serve(run, house)
    assert await shows(browser, "meanwhile") == {}


async def test_a_page_that_may_not_ask_says_why(
    house: House, run: Run, browser: Chrome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANDOFF_API_KEY", "wrong-key")
    await serve(run, house)
    browser.get(f"http://127.0.0.1:{PAGE}/?contact_id=4711")
    why = "No handoff to show: x-api-key is absent or not known"
    await eventually(lambda: text(browser, "standing") == why, what="it says why")


async def test_a_page_opened_for_nobody_says_how_to_open_it(house: House, run: Run, browser: Chrome) -> None:
    await serve(run, house)
    browser.get(f"http://127.0.0.1:{PAGE}/?contact_id=javascript:alert(1)")
    why = "No handoff to show: open this page with ?contact_id=… in its address"
    await eventually(lambda: text(browser, "standing") == why, what="it says why")
    assert complaints(browser) == []
