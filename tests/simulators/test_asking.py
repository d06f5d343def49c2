# SPDX-License-Identifier: GPL-3.0-or-later
"""What the simulated voice agent says is what the agent reads, in each way."""

from __future__ import annotations

import argparse
import json

import pytest

from agent.core.asking import Ask, from_bye, from_info, from_refer
from agent.core.headers import Message
from agent.core.model.handoff import HandoffSettings
from agent.core.records import Way
from agent.simulators.asking import Headers, Words, add_arguments

WORDS = Words("CUSTOMER_CARE", "4711", "Wants a human; 50% sure", "A bill, too high & odd")
ASK = Ask(
    destination="CUSTOMER_CARE",
    skill="4711",
    reason="Wants a human; 50% sure",
    data={"summary": "A bill, too high & odd"},
)
NAMES = HandoffSettings().headers


def message(headers: Headers, *more: tuple[str, str]) -> Message:
    return Message("", tuple((name.lower(), value) for name, value in (*headers, *more)), "")


def test_the_body_of_an_info_says_it() -> None:
    assert from_info(json.dumps(WORDS.json())) == ASK


def test_the_headers_of_a_bye_say_it() -> None:
    assert from_bye(message(WORDS.headers()), NAMES) == ASK


@pytest.mark.parametrize("where", ["embedded", "own"])
@pytest.mark.parametrize("refer_to", ["", "sip:queue@10.0.0.9:5080"])
def test_a_refer_says_it_in_its_uri_or_beside_it(refer_to: str, where: str) -> None:
    uri, headers = WORDS.referring(refer_to, embedded=where == "embedded")
    asked = from_refer(message(headers, ("refer-to", f"<{uri}>")), NAMES)
    assert asked.ask == ASK
    assert (headers == ()) is (where == "embedded")
    assert asked.refer_to == (refer_to or "sip:CUSTOMER_CARE@handoff.invalid")


def _parsed(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return parser.parse_args(arguments)


@pytest.mark.parametrize("way", list(Way))
def test_each_way_can_be_chosen(way: Way) -> None:
    assert _parsed("--ask", way.value).ask is way


def test_by_default_nothing_is_handed_off_and_http_is_the_way() -> None:
    options = _parsed()
    assert (options.hand_off_after, options.ask, options.talk_on) == (None, Way.HTTP, 0.0)


def test_another_way_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        _parsed("--ask", "pigeon")
    assert ended.value.code == 2
    assert "--ask" in capsys.readouterr().err
