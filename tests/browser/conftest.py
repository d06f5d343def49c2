# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian's Chromium, driven through Debian's chromium-driver."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

OPTIONS = (
    "--headless=new",
    "--no-sandbox",  # it would not run as root otherwise, and only our own pages are opened
    "--disable-dev-shm-usage",  # containers have a small one
    "--disable-background-networking",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # it may reach this machine and no other
)


def complaints(browser: Chrome) -> list[str]:
    """What went wrong since this was asked last, by the browser's own console."""
    entries: list[dict[str, str]] = browser.get_log("browser")  # type: ignore[no-untyped-call] # selenium's gap
    return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chrome]:
    """One browser for the whole run."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert browser, "chromium is not installed: deploy/setup --tests brings it"
    assert driver, "chromedriver is not installed: Debian's package is chromium-driver"
    options = ChromeOptions()
    options.binary_location = browser
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options, Service(driver))
    chrome.set_page_load_timeout(60)
    chrome.set_script_timeout(60)
    yield chrome
    chrome.quit()


@pytest.fixture
def browser(chromium: Chrome) -> Iterator[Chrome]:
    """The browser with nothing open and an empty console, for one test."""
    chromium.get("about:blank")
    complaints(chromium)
    yield chromium
    chromium.get("about:blank")  # a page that waits for its answer would go on for the next test
