# SPDX-License-Identifier: GPL-3.0-or-later
"""A real call becomes one line of a record file, a row of an export, and a webhook; they say the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from agent.core.record_form import json_schema
from tests.calls.harness.house import House, identity, new_contact
from tests.calls.harness.metrics import total
from tests.calls.harness.plan import SECRETS, TOKEN, Change, Plan
from tests.calls.harness.ports import free_port
from tests.calls.harness.processes import COMMAND
from tests.calls.harness.talk import talking
from tests.calls.harness.waiting import eventually
from tests.delivery.receiver import Receiver

pytestmark = [pytest.mark.calls, pytest.mark.usefixtures("ahead")]

PORT = free_port()


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory) -> Change:
    folder = tmp_path_factory.mktemp("files") / "records"

    def made(plan: Plan) -> None:
        plan.agent["records"] = {"folder": str(folder), "keep": "30d"}
        url = f"http://127.0.0.1:{PORT}/handoffs"
        hook = {"url": url, "secret": "${env:CLIENT_SECRET}", "events": ["call.ended"]}
        plan.projects["acme-care"]["webhook"] = hook

    return made


def lines(house: House) -> list[dict[str, Any]]:
    """The lines of the record file."""
    path = Path(house.plan.agent["records"]["folder"]) / "edge-test.jsonl"
    text = path.read_text(encoding="ascii") if path.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


async def line_of(house: House, call_id: str) -> dict[str, Any]:
    """The one line of a call, once it is there."""

    def found() -> list[dict[str, Any]]:
        return [line for line in lines(house) if line["call_id"] == call_id]

    await eventually(found, what="its line is in the file")
    (line,) = found()
    jsonschema_rs.validator_for(json_schema(), validate_formats=True).validate(line)
    return line


def exported(house: House) -> list[dict[str, Any]]:
    command = [str(COMMAND), "records", "export", "--config", str(house.config)]
    said = subprocess.run(command, env=SECRETS, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in said.stdout.splitlines()]


async def test_a_handed_off_call_is_told_alike_in_file_export_and_webhook(house: House) -> None:
    contact, since = new_contact(), house.watch()
    async with (
        Receiver(port=PORT, secret=SECRETS["CLIENT_SECRET"]) as receiver,
        house.voice_agent() as bot,
        house.caller("on_cue", headers=identity(contact, TOKEN)) as caller,
    ):
        await caller.saw("200 INVITE")
        asked = {"contact_id": contact, "destination": "billing", "skill": "4101"}
        reply = house.api("POST", "/v1/acme/acme-care/handoffs", asked)
        assert reply.status == 202, reply.text
        await bot.saw("BYE")
        caller.cue()
        await caller.succeeds()
        await bot.succeeds()
        row = await house.ended(caller, "handoff", "handoff")
        line = await line_of(house, row["call_id"])
        await receiver.reached(1)
    ((_, body),) = receiver.posts
    told = json.loads(body)
    assert (told["event"], told["id"]) == ("call.ended", row["call_id"])
    assert told["record"] | {"sequence": line["sequence"]} == line
    assert [one for one in exported(house) if one["call_id"] == row["call_id"]] == [line]
    assert (line["contact_id"], line["end"], line["handoff"]["id"]) == (contact, "handoff", reply.json["id"])
    assert line["handoff"]["skill"] == "4101"
    assert line["answered"] is not None
    await eventually(lambda: total(house.metrics(), "handoff_outbox_pending", channel="webhook") == 0)
    assert since.moved("handoff_webhooks_total", project="acme-care", outcome="accepted") == 1
    await eventually(lambda: since.moved("handoff_records_filed_total") == 1, what="it is counted")
    await eventually(lambda: total(house.metrics(), "handoff_record_files_fault") == 0, what="no fault")
    await house.at_rest()


async def test_a_call_with_audio_says_how_good_each_leg_was(house: House) -> None:
    async with talking(house) as talk:
        call_id = talk.call_id
        await talk.hear_each_other()
        talk.caller.cue()
        await talk.caller.succeeds()
        await talk.bot.succeeds()
    line = await line_of(house, call_id)
    legs = {leg["side"]: leg for leg in line["legs"]}
    assert set(legs) == {"caller", "agent"}
    for leg in legs.values():
        assert (leg["codec"], leg["path"], leg["lost"]) == ("PCMU", "relay", 0)
        assert leg["received"] > 10
        assert leg["sent"] > 10
        assert 4.0 < leg["mos"] <= 4.41
    shown = house.operations("GET", f"/calls/{call_id}").json
    assert {leg["side"]: leg["mos"] for leg in shown["legs"]} == {
        side: leg["mos"] for side, leg in legs.items()
    }
    story = house.story(call_id)
    story.when("caller: MOS", "by estimate (PCMU, relay)")
    await house.at_rest()
