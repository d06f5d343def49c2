# SPDX-License-Identifier: GPL-3.0-or-later
"""What the customer's system is told of a handoff, and that only it and we can have signed it."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from agent.core.model.project import Project
from agent.core.moments import Moment, SignalState
from agent.core.record_form import Finished, HandoffFacts, as_record
from agent.core.records import CallRecord, Channel, Handoff, Way
from agent.core.webhook import compose, compose_end, headers, signature, tells_of_ends

CALL = CallRecord(
    *("c-1", "edge-1", "nice-na1", "acme", "acme-care", "9995550100", "4711", "4710", "sip-1", "bridged"),
    began=1000.0,
)
HANDOFF = Handoff(
    *("h-1", "c-1", "acme", "acme-care", "4711"),
    asked=1_800_000_000.25,
    destination="CARE",
    skill="billing",
    reason="angry",
    parameters={"p4": "not told"},
    data={"name": "Zoë", "odd": "\ud800", "list": [1, None]},
    shared_id="crm-7",
    way=Way.REFER,
)
PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")


def project(**webhook: object) -> Project:
    given = {"url": "https://crm.example.org/handoffs", "secret": "s3cret"} | webhook
    return Project.model_validate(
        {
            "project": "acme-care",
            "account": "acme",
            "voice_agent": {"targets": [{"uri": "sip:bot@127.0.0.1:5070"}]},
            "webhook": given,
        }
    )


def body() -> str:
    entry = compose(project(), HANDOFF, CALL, "w-1", 1_800_000_001.0, labels={"brand": "acme-uk"})
    assert entry is not None
    return entry.parameters["body"]


def test_it_tells_of_the_handoff_and_whose_it_is() -> None:
    assert json.loads(body()) == {
        "event": "handoff",
        "id": "h-1",
        "call_id": "c-1",
        "contact_id": "4711",
        "master_id": "4710",
        "account": "acme",
        "project": "acme-care",
        "number": "9995550100",
        "labels": {"brand": "acme-uk"},
        "destination": "CARE",
        "skill": "billing",
        "reason": "angry",
        "shared_id": "crm-7",
        "data": {"name": "Zoë", "odd": "\ud800", "list": [1, None]},
        "way": "refer",
        "asked": "2027-01-15T08:00:00.250Z",
    }


def test_it_waits_in_the_outbox_as_long_as_the_project_says() -> None:
    entry = compose(project(ttl="1h"), HANDOFF, CALL, "w-1", 2000.0)
    assert entry is not None
    assert (entry.channel, entry.moment, entry.state) == (
        Channel.WEBHOOK,
        Moment.HANDOFF,
        SignalState.RECORDED,
    )
    assert (entry.signal_id, entry.call_id, entry.contact_id) == ("w-1", "c-1", "4711")
    assert (entry.recorded, entry.expires) == (2000.0, 5600.0)
    assert entry.parameters.keys() == {"body"}


def test_a_project_without_a_webhook_tells_nobody() -> None:
    without = Project.model_validate(project().model_dump() | {"webhook": None})
    assert compose(without, HANDOFF, CALL, "w-1", 2000.0) is None


def test_each_attempt_is_signed_with_its_own_time_and_the_same_id() -> None:
    first, second = headers(body(), "s3cret", 1_800_000_001.9), headers(body(), "s3cret", 1_800_000_060.0)
    assert first["X-Handoff-Timestamp"] == "1800000001"
    assert first["X-Handoff-Id"] == second["X-Handoff-Id"] == "h-1"
    assert first["Content-Type"] == "application/json"
    assert first["X-Handoff-Signature"] != second["X-Handoff-Signature"]


def test_the_signature_is_the_one_of_the_standard_tools() -> None:
    # printf '1800000001.{}' | openssl dgst -sha256 -hmac s3cret
    expected = "v1=" + hmac.new(b"s3cret", b"1800000001.{}", hashlib.sha256).hexdigest()
    assert signature("s3cret", "1800000001", b"{}") == expected
    assert expected == "v1=fefa1c5ea61871da85b352eaa70fdac6d9ac020302d61d72a8baa92335033c58"


def test_a_body_that_is_none_of_ours_is_not_signed() -> None:
    with pytest.raises(ValueError, match="JSON object"):
        headers("[]", "s3cret", 1.0)


def documented() -> Callable[..., bool]:
    """The receiver's check as docs/webhooks.md shows it."""
    found = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    names: dict[str, Any] = {}
    exec(found[1], names)  # noqa: S102 - our own page
    return cast("Callable[..., bool]", names["genuine"])


def test_the_check_that_the_page_shows_receivers_takes_ours_and_nothing_else() -> None:
    genuine, sent = documented(), headers(body(), "s3cret", 1_800_000_001.0)
    raw = body().encode()
    assert genuine(raw, sent, "s3cret", now=1_800_000_100)
    assert not genuine(raw + b" ", sent, "s3cret", now=1_800_000_100)
    assert not genuine(raw, sent, "other", now=1_800_000_100)
    assert not genuine(raw, sent | {"X-Handoff-Timestamp": "1800000099"}, "s3cret", now=1_800_000_100)
    assert not genuine(raw, sent, "s3cret", now=1_800_000_001 + 301)
    assert not genuine(raw, {}, "s3cret", now=1_800_000_100)


def shown_bodies() -> list[dict[str, Any]]:
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def test_the_page_shows_each_field_of_the_body() -> None:
    assert list(shown_bodies()[0]) == list(json.loads(body()))


# -- the end of a call ---------------------------------------------------------------------------------------

OVER = CALL.moved("ended", ended=1060.0, end="handoff", reason="handoff")
FINISHED = Finished(OVER, HandoffFacts.of(HANDOFF))


def test_a_project_is_told_of_what_it_asks_for() -> None:
    usual, both, ends = project(), project(events=["handoff", "call.ended"]), project(events=["call.ended"])
    assert [tells_of_ends(one) for one in (usual, both, ends)] == [False, True, True]
    handoffs = [compose(one, HANDOFF, CALL, "w-1", 1.0) is not None for one in (usual, both, ends)]
    assert handoffs == [True, True, False]
    assert compose_end(usual, FINISHED, 1.0) is None
    without = Project.model_validate(project().model_dump() | {"webhook": None})
    assert (tells_of_ends(without), compose_end(without, FINISHED, 1.0)) == (False, None)


def test_the_end_of_a_call_is_told_with_its_record() -> None:
    entry = compose_end(project(events=["call.ended"], ttl="1h"), FINISHED, 2000.0)
    assert entry is not None
    told = json.loads(entry.parameters["body"])
    assert told == {"event": "call.ended", "id": "c-1", "record": json.loads(json.dumps(as_record(FINISHED)))}
    assert told["record"]["handoff"]["skill"] == "billing"
    assert (entry.channel, entry.state, entry.expires) == (Channel.WEBHOOK, SignalState.RECORDED, 5600.0)
    assert headers(entry.parameters["body"], "s3cret", 1.0)["X-Handoff-Id"] == "c-1"
    shown = shown_bodies()[1]
    assert (list(shown), shown["event"]) == (list(told), "call.ended")


@pytest.mark.parametrize("end", ["handoff", "completed", "failed", "caller"])
def test_a_call_has_one_whoever_composes_it(end: str) -> None:
    over = Finished(CALL.moved("ended", ended=1060.0, end=end, reason="operator"))
    entries = [compose_end(project(events=["call.ended"]), over, now) for now in (2000.0, 3000.0)]
    assert {entry.signal_id for entry in entries if entry is not None} == {"e-1"}
