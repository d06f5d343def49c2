# SPDX-License-Identifier: GPL-3.0-or-later
"""A real call whose headers hold markup, quotes and control characters: nothing of it breaks out anywhere."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.conftest import complaints
from tests.browser.watching import as_it_was, faults, text
from tests.calls.harness.dialog import HandCaller, HandVoiceAgent
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.plan import CARE, VOICE_AGENT
from tests.calls.harness.ports import free_rtp_port
from tests.calls.harness.sip_socket import SipSocket, offer
from tests.calls.harness.waiting import eventually
from tests.calls.test_operators import operate
from tests.examples.neighbours import running_house

pytestmark = pytest.mark.calls

MARKUP = "\"'><script>window.hit=1</script><img src=x onerror=window.hit=2><svg/onload=window.hit=3>"
CALL_ID = "hostile-\"><svg/onload:(1)><script>hit(1)</script>'`{{7*7}}"
"""A Call-ID may have all of these characters (RFC 3261 section 25.1, word); its begin is a tag here, too."""
HEADERS = (
    f"User-Agent: {MARKUP}\x1b[2J\x07]]>&lt;b&gt;",
    f"Subject: </pre></text></a>{MARKUP}",
    f"X-Note: =cmd|'/c calc'!A1 \x1b]0;owned\x07\x7f\x01 {MARKUP} {{{{ csrf }}}}",
    "X-Empty:",
    "X-Long: " + "<b>" * 400,
)
MESSAGES = """
return [...document.querySelectorAll(".ladder a[href*='/messages/']")].map(one => one.href.baseVal);
"""
WITHIN = """
return [document.title, window.hit, [...document.querySelectorAll(
  "script:not([src^='/console/assets/']), img, object, iframe, [onload], [onerror], [onclick], main style"
)].map(one => one.outerHTML)];
"""


class Hostile(SipSocket):
    """Writes a display name of its own into each From."""

    def send(self, data: bytes) -> None:
        """Send a datagram to the agent."""
        name = MARKUP.replace('"', '\\"').encode()
        super().send(data.replace(b"\r\nFrom: <sip:", b'\r\nFrom: "' + name + b'" <sip:'))


class Call(NamedTuple):
    """The call, over."""

    contact: str
    call_id: str


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with running_house(tmp_path_factory) as house:
        yield house


async def hostile_call(house: House) -> Call:
    """Make it; the voice agent's answers are no better."""
    contact = new_contact()
    async with (
        SipSocket(house.plan.sip, VOICE_AGENT, house.plan.first) as far,
        Hostile(house.plan.sip) as near,
    ):
        uri = f"sip:{CARE}@127.0.0.1:{house.plan.sip}"
        call_id = f"{CALL_ID}{contact}"
        caller = HandCaller(
            near, uri, (*identity(contact).split("\r\n"), *HEADERS), free_rtp_port(), call_id=call_id
        )
        caller.branch = f"z9hG4bK{contact}"
        caller.invite()
        port = free_rtp_port()
        bot = HandVoiceAgent(far, port, contact)
        invite = await bot.asked("INVITE")
        bot.answer(invite, 200, body=offer(port))
        await bot.asked("ACK")
        await caller.answered("INVITE", 200)
        caller.in_dialog("ACK", 1)
        caller.in_dialog("BYE", 9, headers=(f'Reason: SIP;cause=200;text="{MARKUP[2:]}"',))
        await caller.answered("BYE", 200)
        await bot.asked("BYE")
    await house.at_rest()

    def recorded() -> bool:
        row = house.records.call(call_id)
        return bool(row and row["ended"])

    await eventually(recorded, what="its end is on record")
    return Call(contact, call_id)


def sound(browser: Chrome, url: str) -> str:
    """Open a page and hold it to being our own markup alone; gives what a reader sees."""
    browser.get(url)
    title, hit, foreign = browser.execute_script(WITHIN)
    assert (hit, foreign, title != "owned") == (None, [], True), url
    assert complaints(browser) == [], url
    return text(browser)


async def test_nothing_of_a_hostile_call_breaks_out_of_a_page_or_a_file(
    house: House, browser: Chrome
) -> None:
    call = await hostile_call(house)
    at = f"http://127.0.0.1:{house.plan.operations}"
    assert call.contact in sound(browser, f"{at}/console/calls?id={call.contact}")
    page = browser.find_element(By.CSS_SELECTOR, "tbody tr a").get_attribute("href")
    assert page is not None
    assert call.call_id in sound(browser, page), "it is told as it was"
    assert browser.find_elements(By.CSS_SELECTOR, ".ladder svg"), "the ladder is there"
    assert list(faults(browser, page, "hostile-call")) == []
    as_it_was(browser)
    messages = [f"{at}{path}" for path in browser.execute_script(MESSAGES)]
    assert len(messages) >= 8
    shown = [sound(browser, f"{one}?numbers=shown") for one in messages]
    assert any("<script>window.hit=1</script>" in one for one in shown), "whole, as it was on the wire"
    for one in messages[:1]:
        sound(browser, one)

    internal = page.rpartition("/")[2]
    story = house.operations("GET", f"/calls/{internal}/story?numbers=shown")
    assert story.headers["content-type"].startswith("application/json")
    assert all(entry["text"].isprintable() for entry in story.json["story"])
    told = house.operations("GET", f"/calls/{internal}/call.txt?numbers=shown")
    assert told.headers["content-type"].startswith("text/plain")
    assert told.headers["x-content-type-options"] == "nosniff"
    assert all(line.isprintable() for line in told.text.splitlines())
    assert house.operations("GET", f"/calls/{internal}/call.json").json["call"]["sip_call_id"] == call.call_id

    code, said = await operate(house, "explain", call.contact)
    assert (code, all(line.isprintable() for line in said.splitlines())) == (0, True), said
    code, said = await operate(house, "calls", "--contact", call.contact, "--json")
    assert json.loads(said)["calls"][0]["sip_call_id"] == call.call_id
    code, said = await operate(house, "records", "export", "--format", "csv")
    (row,) = [row for row in csv.DictReader(io.StringIO(said)) if row["contact_id"] == call.contact]
    assert row["sip_call_id"] == call.call_id
    assert None not in row
    assert not any(value[:1] in ("=", "@", "-", "\t") for value in row.values())
