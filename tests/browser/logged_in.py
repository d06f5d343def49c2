# SPDX-License-Identifier: GPL-3.0-or-later
"""A house whose console asks who you are, and how a person says it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from selenium.webdriver import Chrome

from tests.browser.watching import fill, press
from tests.calls.harness.house import House
from tests.calls.harness.plan import Change, Plan
from tests.examples.neighbours import running_house

TOKEN, VIEWER = "an-operator's-own-token", "a-viewer's-own-token"


@contextmanager
def guarded_house(folders: pytest.TempPathFactory, change: Change | None = None) -> Iterator[House]:
    """An agent that an operator (ana) and a viewer (wallboard) may ask; the harness can't list its calls."""

    def guarded(plan: Plan) -> None:
        plan.agent["http"]["operations_auth"] = {
            "tokens": [
                {"name": "ana", "role": "operator", "token": "${env:CONSOLE_TOKEN}"},
                {"name": "wallboard", "token": "${env:CONSOLE_VIEWER}"},
            ]
        }
        if change is not None:
            change(plan)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONSOLE_TOKEN", TOKEN)
        patch.setenv("CONSOLE_VIEWER", VIEWER)
        with running_house(folders, guarded) as house:
            yield house


def forget_cookies(browser: Chrome) -> None:
    """Those of all pages; selenium's own way knows the open page alone."""
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})


def log_in(browser: Chrome, at: str, token: str) -> None:
    """Open the console, be asked who you are, and say it."""
    forget_cookies(browser)
    browser.get(f"{at}/")
    fill(browser, "Token", token)
    press(browser, "Log in")
