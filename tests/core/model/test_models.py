# SPDX-License-Identifier: GPL-3.0-or-later
"""The models as data: defaults, immutability, pickling, secrets."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest
from pydantic import ValidationError

from agent.core.model import Agent, Carriers, NumbersFile, Project
from agent.core.moments import Moment

PROJECT: dict[str, Any] = {
    "project": "care",
    "account": "acme",
    "token": "a-token",
    "voice_agent": {
        "targets": [{"uri": "sip:bot@10.0.0.5:5070;transport=tcp"}],
        "headers": {"X-Id": "{contact_id}"},
    },
    "cxone": {
        "issuer": "https://cxone.niceincontact.com/",
        "business_unit": "4591234",
        "client_id": "c",
        "client_secret": "client-secret",
        "access_key_id": "k",
        "access_key_secret": "key-secret",
    },
    "signals": {"arrival": {"p1": "Connected"}},
}


def test_a_node_needs_only_its_name() -> None:
    agent = Agent.model_validate({"node": "edge-1"})
    assert [str(each) for each in agent.sip.listen] == ["udp://0.0.0.0:5060", "tcp://0.0.0.0:5060"]
    assert str(agent.media.rtp_ports) == "20000-27999"
    assert (agent.limits.calls, agent.limits.ring, agent.limits.duration) == (1000, 30.0, 14400.0)
    assert str(agent.http.operations) == "127.0.0.1:8081"


def test_a_project_is_read_as_the_agent_uses_it() -> None:
    project = Project.model_validate(PROJECT)
    assert project.signals[Moment.ARRIVAL]["p1"] == "Connected"
    assert project.voice_agent.targets[0].address.transport == "tcp"
    assert project.cxone is not None
    assert project.cxone.issuer == "https://cxone.niceincontact.com"
    assert (project.signal_ttl, project.handoff.deadline, project.repeat_unknown) == (120.0, 3.0, False)


def test_nothing_shows_a_secret() -> None:
    text = repr(Project.model_validate(PROJECT)) + Project.model_validate(PROJECT).model_dump_json()
    assert "secret" in text
    assert not any(secret in text for secret in ("a-token", "client-secret'", "key-secret"))


def test_nothing_can_be_changed() -> None:
    project = Project.model_validate(PROJECT)
    with pytest.raises(ValidationError):
        project.account = "other"  # type: ignore[misc]  # that is the test
    with pytest.raises(TypeError):
        project.voice_agent.headers["X-Other"] = ""  # type: ignore[index]  # the same
    with pytest.raises(TypeError):
        project.signals[Moment.ARRIVAL]["p1"] = ""  # type: ignore[index]  # the same


def test_models_survive_the_way_from_a_child_process() -> None:
    project = Project.model_validate(PROJECT)
    assert pickle.loads(pickle.dumps(project)) == project  # noqa: S301 - our own


def test_json_schemas_can_be_made_and_keep_the_hidden_name_out() -> None:
    schemas = [model.model_json_schema() for model in (Agent, Carriers, Project, NumbersFile)]
    assert json.dumps(schemas)
    assert "name" not in Carriers.model_json_schema()["$defs"]["Carrier"]["properties"]
