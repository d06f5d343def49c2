# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator at the command line beside the running agent."""

from __future__ import annotations

import asyncio
import json
import os
from typing import Any

import pytest

from tests.calls.harness.house import House, new_contact
from tests.calls.harness.plan import SECRETS
from tests.calls.harness.processes import COMMAND

pytestmark = pytest.mark.calls


async def operate(house: House, *arguments: str) -> tuple[int | None, str]:
    """Run a command with the house's configuration; its exit code and what it said."""
    process = await asyncio.create_subprocess_exec(
        *(str(COMMAND), *arguments, "--config", str(house.config)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **SECRETS},
    )
    said, _ = await process.communicate()
    return process.returncode, said.decode()


async def test_a_lost_signal_is_found_explained_and_sent_again(house: House) -> None:
    contact = new_contact()
    house.cxone.fault(signal={"status": 404, "description": "Invalid Contact ID.", "contact_id": contact})
    async with house.voice_agent("on_cue") as bot, house.caller("on_cue", contact) as caller:
        await caller.saw("200 INVITE")
        bot.cue()
        await caller.succeeds()
    await house.ended(caller, "completed", "completed")
    await house.at_rest()

    code, said = await operate(house, "signals", "list", "--contact", contact)
    assert (code, said.count("NOT taken")) == (0, 2), said
    assert "HTTP 404 Invalid Contact ID." in said.splitlines()[0]

    code, said = await operate(house, "explain", contact)
    assert code == 0, said
    assert said.startswith("The voice agent hung up after"), said
    assert "From the running agent:" in said
    assert "INVITE" in said

    house.cxone.heal()
    row: dict[str, Any] = json.loads(
        (await operate(house, "signals", "list", "--json", "--contact", contact, "--moment", "completed"))[1]
    )["signals"][0]
    code, said = await operate(house, "signals", "retry", row["signal_id"])
    assert code == 0, said
    await house.signalled(contact, {"p1": "End"})

    await house.at_rest()
    code, said = await operate(house, "signals", "show", row["signal_id"])
    assert "ACCEPTED by NICE" in said, said
    assert "an operator had it sent again, by " in said
    code, said = await operate(house, "signals", "retry", row["signal_id"], "--yes")
    assert (code, "would restart the script" in said) == (1, True), said
    assert len(house.cxone.accepted(contact)) == 1
