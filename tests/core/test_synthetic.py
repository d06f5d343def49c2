# SPDX-License-Identifier: GPL-3.0-or-later
"""Test calls: what they are told, what is wrong with what came of them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agent.core.errors import AgentError
from agent.core.model import Project
from agent.core.synthetic import Order, Result, Row, doubts, faults
from agent.core.synthetic_order import order_for
from agent.core.through import signals_to_nice, through
from tests.core.examples import TENANT, carrier, snapshot
from tests.shell.harness.settings import SECOND_AGENT, care

GOOD = Result(
    "care",
    tried=(("sip:bot@10.0.0.5:5070", "answered"),),
    answered_by="sip:bot@10.0.0.5:5070",
    answered_after=0.4,
    first_audio=0.3,
    response_gap=0.8,
    received=400,
    sent=400,
    mos=4.4,
)


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, []),
        ({"answered_by": "", "received": 0, "sent": 0}, ["no voice agent answered"]),
        ({"received": 0, "first_audio": None}, ["no audio came at all"]),
        ({"first_audio": None, "response_gap": None}, ["only silence came"]),
        ({"response_gap": None}, ["it said nothing after we had spoken"]),
        ({"response_gap": None, "talked_on": True}, []),
        ({"response_gap": None, "talked_on": True, "echo": True}, ["it sends our own speech back"]),
        ({"echo": True}, ["it sends our own speech back"]),
        ({"lost_by_peer": 200}, ["50.0% of our audio was lost on the way to it"]),
        ({"sent": 0}, ["no audio left"]),
        ({"lost": 40}, ["9.1% of its audio was lost"]),
        ({"lost": 4}, []),
        ({"mos": 2.9}, ["the audio is bad: MOS 2.9"]),
        ({"mos": None}, []),
    ],
)
def test_what_is_wrong_is_told_in_words(changes: dict[str, object], wrong: list[str]) -> None:
    found = list(faults(replace(GOOD, **changes)))  # type: ignore[arg-type] # fields of the result
    assert len(found) == len(wrong)
    assert all(line.startswith(start) for line, start in zip(found, wrong, strict=True))


def test_a_silent_one_whose_reports_say_that_our_audio_arrives_is_told_so() -> None:
    (line,) = faults(replace(GOOD, first_audio=None, response_gap=None, round_trip=0.001))
    assert line.endswith("though it reports that our audio arrives")


def test_one_that_talks_on_whatever_we_say_is_neither_good_nor_bad() -> None:
    talks = replace(GOOD, response_gap=None, talked_on=True)
    assert list(faults(talks)) == []
    (line,) = doubts(talks)
    assert "can't be told" in line
    assert replace(talks, unclear=(line,)).verdict == "unclear"
    assert not replace(talks, unclear=(line,)).passed
    assert replace(talks, unclear=(line,), wrong=("bad",)).verdict == "failed"
    assert list(doubts(GOOD)) == []
    assert list(doubts(replace(talks, echo=True))) == [], "that is a fault"


def test_a_row_goes_on_until_one_passes() -> None:
    row = Row().after("failed").after("unclear").after("failed")
    assert row == Row(failed=2, unclear=1)
    assert row.after("passed") == Row()


def test_order_and_result_come_through_json_as_they_were() -> None:
    order = order_for(snapshot(care(SECOND_AGENT)), care(SECOND_AGENT), lambda: 0.0)
    assert Order.from_json(order.to_json()) == order
    result = replace(GOOD, more=("a",), wrong=("b",), unclear=("c",))
    assert Result.from_json(result.to_json()) == result
    assert '"passed": false' in result.to_json()


def test_a_test_call_goes_where_a_customers_would_and_says_what_it_is() -> None:
    project = care("sip:bot@10.0.0.5:5070", SECOND_AGENT)
    order = order_for(snapshot(project), project, lambda: 0.0, down={"sip:bot@10.0.0.5:5070"})
    assert [callee.uri for callee in order.callees] == [SECOND_AGENT, "sip:bot@10.0.0.5:5070"]
    assert order.headers[-1] == ("X-Handoff-Test", "1")


def _way(project: Project, number: str, **of_carrier: object) -> object:
    now = snapshot(project, carriers={"loopback": carrier(sources=["127.0.0.1"], **of_carrier)})
    return through(order_for(now, project, lambda: 0.0), now, project, number, "4512")


def test_a_number_that_leads_nowhere_or_elsewhere_is_told_before_anything_is_dialled() -> None:
    with pytest.raises(AgentError, match="no rule takes 111"):
        _way(care(), "111")


def test_signals_to_a_simulator_are_no_signals_to_nice() -> None:
    assert signals_to_nice(care())
    assert not signals_to_nice(care(cxone={**TENANT, "issuer": "http://127.0.0.1:8090"}))
    assert not signals_to_nice(care(signals={}))
