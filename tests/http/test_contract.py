# SPDX-License-Identifier: GPL-3.0-or-later
"""The running agent does what its OpenAPI document says, whatever is sent to it."""

from __future__ import annotations

import asyncio
import copy
import itertools
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from agent.core.records import CallRecord, Handoff
from agent.delivery.sqlite import SqliteStore
from agent.http import waiting
from agent.http.openapi import HANDOFF_STATE, document
from tests.calls.harness.plan import API_KEY, SECRETS, Plan
from tests.calls.harness.ports import free_port
from tests.calls.harness.processes import Process
from tests.calls.harness.web import answers

KEY = {"x-api-key": API_KEY}
KNOWN = {"account": "acme", "project": "acme-care"}
KEYS = ["handoff-1", "call-1", "4711", "nothing"]
LONGEST_WAIT = 0.05


def narrowed() -> dict[str, Any]:
    """The document for one project and ids of which some are known: beyond the gate there is more to see."""
    found = copy.deepcopy(document())
    for path in found["paths"].values():
        for operation in path.values():
            for parameter in operation["parameters"]:
                if parameter["name"] in KNOWN:
                    parameter["schema"]["enum"] = [KNOWN[parameter["name"]]]
                elif parameter["name"] in ("id", "shared_id"):
                    parameter["schema"]["enum"] = KEYS
    for model in ("HandoffRequest", "TranscriptRequest"):
        for name in ("call_id", "contact_id"):
            found["components"]["schemas"][model]["properties"][name]["enum"] = KEYS
    return found


def contract(of: dict[str, Any]) -> schemathesis.BaseSchema:
    """A document, and the one thing that it can't say."""
    schema = schemathesis.openapi.from_dict(of)
    # What breaks a rule of the document may be too large besides, and then that is said.
    expected = schema.config.checks.negative_data_rejection.expected_statuses
    schema.config.checks.negative_data_rejection.expected_statuses = [*expected, "413"]
    return schema


ANYTHING = contract(document())
KNOWN_PROJECT = contract(narrowed())
bounded = settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


class Neighbours(requests.adapters.HTTPAdapter):
    """Asks from one address of this machine after the other: one alone may not try many keys."""

    _hosts = itertools.count(1)

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - what it overrides
        """Send from the next address."""
        number = next(self._hosts)
        self.poolmanager.clear()
        source = f"127.9.{number // 250}.{number % 250 + 1}"
        self.init_poolmanager(1, 1, source_address=(source, 0))
        return super().send(*args, **kwargs)


async def remember(database: Path) -> None:
    """A call that is over, with its handoff, as an earlier process of the agent would have left them."""
    store = await SqliteStore.open(database)
    now = time.time()
    ids = ("call-1", "edge-test", "test", "acme", "acme-care", "99", "4711", "4710", "sip-1")
    call = CallRecord(*ids, "ended", now - 60, now - 50, now - 10, "handoff", "released")
    await store.open_call(call, None)
    handoff = Handoff("handoff-1", "call-1", "acme", "acme-care", "4711", now - 20, data={"name": "Zoë"})
    assert await store.record_handoff(handoff, None)
    await store.aclose()


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the agent's API listens."""
    folder = tmp_path_factory.mktemp("contract")
    plan = Plan(free_port())
    plan.agent["storage"] = f"sqlite://{folder / 'agent.db'}"
    plan.projects = {
        name: {**one, "limits": {"requests_per_second": 100_000}} for name, one in plan.projects.items()
    }
    plan.projects["acme-care"]["cxone"]["transcripts"] = {"vendor_id": "v", "virtual_agent_id": "a"}
    plan.write(folder / "config")
    asyncio.run(remember(folder / "agent.db"))
    agent = Process(["run", "--config", str(folder / "config")], folder / "agent.log", SECRETS)
    agent.start(lambda: answers(plan.operations, "/readyz"))
    yield f"http://127.0.0.1:{plan.api}"
    agent.stop()


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        opened.mount("http://", Neighbours())
        yield opened


@ANYTHING.parametrize()
@bounded
def test_whatever_is_sent_is_answered_as_the_document_says(
    case: schemathesis.Case[Any], url: str, session: requests.Session
) -> None:
    case.call_and_validate(base_url=url, headers=KEY, session=session)


@KNOWN_PROJECT.parametrize()
@bounded
def test_whatever_is_sent_to_a_known_project_is_answered_as_the_document_says(
    case: schemathesis.Case[Any], url: str, session: requests.Session
) -> None:
    with suppress(KeyError, TypeError, ValueError):
        if LONGEST_WAIT < float(case.query["wait"]) <= waiting.LONGEST:
            case.query["wait"] = LONGEST_WAIT
    # That one of two parameters is needed can't be written in OpenAPI 3.1.
    keyless = case.path == HANDOFF_STATE and not {"id", "shared_id"} & set(case.query)
    # Probes for keys that are ignored leave from one address, which soon has used up its guesses: see
    # test_each_route_wants_the_project_s_key.
    excluded: list[CheckFunction] = [ignored_auth, *([positive_data_acceptance] if keyless else ())]
    case.call_and_validate(base_url=url, headers=KEY, session=session, excluded_checks=excluded)
