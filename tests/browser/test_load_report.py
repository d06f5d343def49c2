# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a load in a real browser: light and dark, on a phone, for everybody."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from agent.load.comparing import write
from agent.load.comparison import compare, read
from agent.load.outcome import Outcome
from agent.load.report import keep_all
from tests.browser.conftest import complaints
from tests.load.courses import course, judged_by, with_everything

_PACKAGE = find_spec("axe_core_python")
assert _PACKAGE is not None
assert _PACKAGE.origin is not None
AXE = (Path(_PACKAGE.origin).parent / "axe.min.js").read_text()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("reports")
    for name, of in (("a", with_everything()), ("b", course(wait=0.05))):
        outcome = Outcome(of, judged_by(of, "failures=0", "gap=100ms", "setup_p99=50ms"), "here")
        keep_all(outcome, b"", folder / name)
    write(compare(read(folder / "a"), read(folder / "b")), folder / "comparison.html")
    return {"report": folder / "a/report.html", "comparison": folder / "comparison.html"}


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("name", ["report", "comparison"])
def test_axe_core_finds_nothing(browser: Chrome, pages: dict[str, Path], name: str, mode: str) -> None:
    feature = {"name": "prefers-color-scheme", "value": mode}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.get(pages[name].as_uri())
    browser.execute_script(AXE)
    found = browser.execute_async_script(
        "axe.run().then(arguments[0], e => arguments[0]({error: String(e)}))"
    )
    told = [
        (one["id"], [node["html"][:200] for node in one["nodes"]])
        for one in found.get("violations", [("no result", found)])
    ]
    assert told == []
    assert complaints(browser) == []


@pytest.mark.parametrize("name", ["report", "comparison"])
def test_a_phone_scrolls_down_and_never_sideways(browser: Chrome, pages: dict[str, Path], name: str) -> None:
    phone = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    try:
        browser.get(pages[name].as_uri())
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= 360
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
