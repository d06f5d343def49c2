# SPDX-License-Identifier: GPL-3.0-or-later
"""How a page is looked at: by axe-core, in light and dark, at a width; and how a person uses it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from axe_core_python.base import AXE_SCRIPT
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

NARROW, WIDE = 360, 1280
LOOKS: Final = [(scheme, width) for scheme in ("light", "dark") for width in (WIDE, NARROW)]
_RULES: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
_RUN: Final = """
const done = arguments[arguments.length - 1];
axe.run(document, {runOnly: {type: 'tag', values: arguments[0]}}).then(found => done(found.violations.map(
  one => `${one.id}: ${one.help}: ${one.nodes.map(node => `${node.target} ${node.html}`).join(' | ')}`
)), error => done([String(error)]));
"""


def look(browser: Chrome, scheme: str, width: int, height: int = 900) -> None:
    """Let the browser be of this width, and prefer light or dark."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < WIDE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def as_it_was(browser: Chrome) -> None:
    """Undo `look`."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def violations(browser: Chrome) -> list[str]:
    """What axe-core finds wrong with the page that is open."""
    browser.execute_script(AXE_SCRIPT)
    found: list[str] = browser.execute_async_script(_RUN, list(_RULES))
    return found


def wider_than_the_screen(browser: Chrome) -> bool:
    """Whether a reader would have to scroll the page sideways."""
    script = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
    return bool(browser.execute_script(script))


def keep_picture(browser: Chrome, name: str) -> None:
    """Keep a picture of the page in the folder that ``HANDOFF_PICTURES`` names, if it names one."""
    folder = os.environ.get("HANDOFF_PICTURES")
    if folder:
        Path(folder).mkdir(parents=True, exist_ok=True)
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


def faults(browser: Chrome, url: str, name: str) -> Iterator[str]:
    """What is wrong with a page in each of the `LOOKS`."""
    for scheme, width in LOOKS:
        look(browser, scheme, width)
        browser.get(url)
        keep_picture(browser, f"{name}-{scheme}-{width}")
        yield from (f"{scheme} {width}: {one}" for one in violations(browser))
        if wider_than_the_screen(browser):
            yield f"{scheme} {width}: wider than the screen"


def text(browser: Chrome) -> str:
    """What stands on the page, as a reader sees it."""
    return browser.find_element(By.TAG_NAME, "main").text


def fill(browser: Chrome, label: str, value: str) -> None:
    """Write into the field of this label."""
    field = _labelled(browser, label)
    field.clear()
    field.send_keys(value)


def tick(browser: Chrome, label: str) -> None:
    """Tick the box of this label."""
    _labelled(browser, label).click()


def press(browser: Chrome, button: str) -> None:
    """Press the button of this name, and wait for the page that follows."""
    _leads_on(browser, By.XPATH, f"//button[normalize-space()='{button}']")


def enter(browser: Chrome, label: str) -> None:
    """Press Enter in the field of this label, and wait for the page that follows."""
    _mark(browser)
    _labelled(browser, label).send_keys(Keys.ENTER)
    WebDriverWait(browser, 60).until(_another_is_there)


def follow(browser: Chrome, link: str) -> None:
    """Follow the link of this text, and wait for its page."""
    _leads_on(browser, By.LINK_TEXT, link)


def follow_first(browser: Chrome, selector: str) -> None:
    """Follow the first link that a CSS selector finds, and wait for its page."""
    _leads_on(browser, By.CSS_SELECTOR, selector)


def _leads_on(browser: Chrome, by: str, what: str) -> None:
    """Click on what is found so, and wait for another page.

    What a page that renews itself has replaced between finding and clicking is found again.
    """
    _mark(browser)

    def clicked(_: Chrome) -> bool:
        browser.find_element(by, what).click()
        return True

    WebDriverWait(browser, 60, ignored_exceptions=(StaleElementReferenceException,)).until(clicked)
    WebDriverWait(browser, 60).until(_another_is_there)


def _mark(browser: Chrome) -> None:
    """Make the page that is open known again."""
    browser.execute_script("window.beforeTheClick = true")


def _another_is_there(browser: Chrome) -> bool:
    """Whether another page has come, and whole; in between, Chromium answers with errors of its own."""
    script = "return !window.beforeTheClick && document.readyState === 'complete'"
    try:
        return bool(browser.execute_script(script))
    except WebDriverException:
        return False


def _labelled(browser: Chrome, label: str) -> Any:  # noqa: ANN401 - selenium's element
    found = browser.find_element(By.XPATH, f"//label[starts-with(normalize-space(), '{label}')]")
    return browser.find_element(By.ID, found.get_attribute("for") or "")
