# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent with all its neighbours: what a test of a call talks to."""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs

from agent.core.record_form import json_schema
from tests.calls.harness.cxone import Cxone
from tests.calls.harness.door import Door
from tests.calls.harness.metrics import Samples, Since, parse, total
from tests.calls.harness.plan import API_KEY, CARE, SECRETS, TOKEN, VOICE_AGENT, Plan
from tests.calls.harness.processes import Process
from tests.calls.harness.records import Records, Row
from tests.calls.harness.sipp import Sipp
from tests.calls.harness.story import Story
from tests.calls.harness.waiting import LONG, eventually, eventually_now
from tests.calls.harness.web import Reply, answers, ask

_contacts = itertools.count(int(time.time()) * 1000 + os.getpid() % 1000)
_HALF = re.compile(r"(?<!\\)\\ud[0-9a-f]{3}")
"""Half a character: JSON takes it, the validator does not."""
CONTACT_HEADER = "X-InContact-ContactId"


def new_contact() -> str:
    """A contact id that no other call has."""
    return str(next(_contacts))


def identity(contact_id: str | None, token: str | None = TOKEN, *more: str) -> str:
    """Header lines that CXone's script would put on the INVITE."""
    lines = [
        "X-OrigDnis: 8005550100",
        *([f"{CONTACT_HEADER}: {contact_id}"] if contact_id is not None else []),
        *([f"X-PolyAi-Auth-Token: {token}"] if token is not None else []),
        *more,
    ]
    return "\r\n".join(lines)


@dataclass
class House:
    """A running agent, its plan, its CXone and its records."""

    plan: Plan
    cxone: Cxone
    folder: Path

    def __post_init__(self) -> None:
        """Write the configuration and prepare the agent's process."""
        self.config = self.folder / "config"
        database = self.folder / "agent.db"
        self.plan.agent.setdefault("storage", f"sqlite://{database}")
        self.plan.write(self.config)
        self.records = Records(database)
        self._doors: dict[int, Door] = {}
        self.agent = Process(["run", "--config", str(self.config)], self.folder / "agent.log", environment())

    # -- life ------------------------------------------------------------------------------------------

    def start(self, within: float = 240.0) -> None:
        """Start the agent and wait until it is ready, so many seconds at most."""
        self.agent.start(lambda: answers(self.plan.operations, "/readyz"), within)

    def close(self) -> None:
        """Hold the agent to having left nothing behind, and end it."""
        try:
            if self.agent.running:
                eventually_now(lambda: not self.leftovers(), what="nothing left behind (see leftovers)")
                self.agent.stop()
            else:
                self.agent.said_nothing_bad()
            self.records_fit()
        except AssertionError as error:
            left = self.leftovers() if self.agent.running else {}
            raise AssertionError(f"{error}\nleft behind: {left}\nlog: {self.agent.log}") from None
        finally:
            self.agent.kill()

    def records_fit(self) -> None:
        """Hold the record of every call that is over to the schema that customers are given."""
        validator = jsonschema_rs.validator_for(json_schema(), validate_formats=True)
        for record in self.records.finished():
            plain = json.loads(_HALF.sub("?", json.dumps(record)))
            wrong = [f"{error.instance_path}: {error.message}" for error in validator.iter_errors(plain)]
            assert not wrong, f"the record of {record['call_id']} does not fit its schema: {wrong}"

    def leftovers(self) -> dict[str, float]:
        """What is not at rest: calls, legs and signals that should be gone when no call is up."""
        names = ("handoff_calls_active", "handoff_legs_active", "handoff_signals_pending")
        samples = self.metrics()
        return {name: value for name in names if (value := total(samples, name))}

    def sweep(self) -> None:
        """End every call that a failed test left up."""
        for call in self.live():
            self.operations("DELETE", f"/calls/{call['call_id']}")

    def live(self) -> list[Row]:
        """The calls that the agent says are up."""
        found = self.operations("GET", "/calls").json
        rows: list[Row] = found["calls"] if isinstance(found, dict) else found
        return rows

    # -- ends of a call ---------------------------------------------------------------------------------

    def caller(
        self,
        scenario: str,
        contact_id: str = "",
        *,
        number: str = CARE,
        headers: str | None = None,
        folder: str = "functional/callers",
        **options: Any,  # noqa: ANN401 - fields of Sipp
    ) -> Sipp:
        """A caller that plays a scenario against this agent."""
        keys = {
            "number": number,
            "identity": identity(contact_id or new_contact()) if headers is None else headers,
        }
        return Sipp(f"{folder}/{scenario}.xml", self.plan.sip, keys=keys, **options)

    def voice_agent(
        self,
        scenario: str = "answers",
        *,
        port: int = 0,
        bye_headers: str = "X-Reason: done",
        refer_to: str = "sip:queue@127.0.0.1",
        asking: str = "X-Reason: done",
        folder: str = "functional/voice_agents",
        **options: Any,  # noqa: ANN401 - fields of Sipp
    ) -> Sipp:
        """A voice agent behind the first target's port, or another; behind the queue's it is the queue."""
        keys = {"bye_headers": bye_headers, "refer_to": refer_to, "asking": asking}
        port = port or self.plan.first
        door = self._doors.setdefault(port, Door(VOICE_AGENT, port, self.plan.sip))
        return Sipp(f"{folder}/{scenario}.xml", keys=keys, address=VOICE_AGENT, door=door, **options)

    # -- what can be seen -------------------------------------------------------------------------------

    def metrics(self) -> Samples:
        """All samples now."""
        reply = self.operations("GET", "/metrics")
        assert reply.status == 200, f"/metrics says {reply.status}: {reply.text}\n{self.agent.tail(10)}"
        return parse(reply.text)

    def unready(self) -> str:
        """What /readyz says where it says 503: a busy machine makes an agent late for a moment, too."""
        reply = self.operations("GET", "/readyz")
        return reply.text if reply.status == 503 else ""

    def watch(self) -> Since:
        """The metrics now, to tell later what moved."""
        return Since(self.metrics, self.metrics())

    async def ended(self, caller: Sipp, end: str, reason: str) -> Row:
        """Wait until the record of a caller's call is closed; hold it to ``end`` and ``reason``."""

        def closed() -> Row | None:
            row = self.records.call(caller.call_id)
            return row if row and row["ended"] else None

        row = await eventually(closed, what=f"record of {caller.call_id} is closed")
        assert row is not None
        assert (row["end"], row["reason"]) == (end, reason), row
        return row

    async def signalled(self, contact_id: str, *parameters: dict[str, str]) -> None:
        """Wait until CXone accepted just these signals for a contact, in this order; extra ones fail."""
        wanted = list(parameters)
        await eventually(
            lambda: len(self.cxone.accepted(contact_id)) >= len(wanted),
            what=f"{len(wanted)} signals of {contact_id}",
        )
        assert self.cxone.accepted(contact_id) == wanted

    def story(self, call_id: str) -> Story:
        """The agent's own time line of a call."""
        reply = self.operations("GET", f"/calls/{call_id}/story?numbers=shown")
        assert reply.status == 200, reply.text
        return Story(tuple((entry["when"], entry["text"]) for entry in reply.json["story"]))

    async def tells(self, call_id: str, *words: str) -> None:
        """Wait until the agent's time line of a call has a line with all these words."""
        await eventually(lambda: self.story(call_id).first(*words), what=f"a line with {words}")

    async def at_rest(self, within: float = LONG) -> None:
        """Wait until no call, leg or signal is left."""
        await eventually(lambda: not self.leftovers(), within, "no call, leg or signal left")

    def operations(self, method: str, path: str, body: object = None) -> Reply:
        """Ask the operations listener."""
        return ask(self.plan.operations, method, path, body, {"X-Requested-By": "test"})

    def api(self, method: str, path: str, body: object = None, key: str = API_KEY) -> Reply:
        """Ask the handoff API."""
        return ask(self.plan.api, method, path, body, {"x-api-key": key})


def environment() -> dict[str, str]:
    """Secrets of the plan; and another build of pjsua2 when HANDOFF_PJSUA2 names its folder."""
    build = os.environ.get("HANDOFF_PJSUA2")
    path = os.pathsep.join(filter(None, (build, os.environ.get("PYTHONPATH"))))
    return {**SECRETS, **({"PYTHONPATH": path} if path else {})}
