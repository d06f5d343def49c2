# SPDX-License-Identifier: GPL-3.0-or-later
"""What agent.yaml means for each instance: nothing is shared that two agents can't have at once."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from agent.core.front import dispatcher_list, host_fleet
from agent.core.instances import missing, objections, overlay
from agent.core.model import Agent
from agent.core.model.instances import Instances
from agent.core.units import PortRange

PLAIN: dict[str, Any] = {
    "node": "edge",
    "sip": {"listen": ["udp://10.0.0.11:5060", "tcp://10.0.0.11:5060"]},
    "media": {"rtp_ports": "20000-27999"},
    "http": {"api": "10.0.0.11:8080", "operations": "127.0.0.1:8081"},
    "storage": "sqlite:///var/lib/handoff-agent/agent.db",
}


def agent(*, instances: object = None, **more: object) -> Agent:
    return Agent.model_validate({**PLAIN, "instances": instances or {"count": 2}, **more})


def objects(found: Agent) -> list[tuple[str, str]]:
    return [(".".join(map(str, one.path)), one.text) for one in objections(found)]


def test_the_first_instance_listens_where_agent_yaml_says_and_the_next_one_steps_further() -> None:
    whole = agent(instances={"count": 3, "sip": 10, "http": 100})
    listen = [[str(one) for one in overlay(whole, number).sip.listen] for number in (1, 2, 3)]
    assert listen == [[f"udp://10.0.0.11:{port}", f"tcp://10.0.0.11:{port}"] for port in (5060, 5070, 5080)]
    third = overlay(whole, 3)
    assert (str(third.http.api), str(third.http.operations)) == ("10.0.0.11:8280", "127.0.0.1:8281")
    assert [overlay(whole, number).node for number in (1, 2, 3)] == ["edge-1", "edge-2", "edge-3"]


@pytest.mark.parametrize(
    ("ports", "count", "slices"),
    [
        ("20000-27999", 2, ["20000-23999", "24000-27999"]),
        ("20000-27999", 1, ["20000-27999"]),
        ("20000-27999", 3, ["20000-22663", "22664-25327", "25328-27991"]),
        ("20001-20018", 2, ["20001-20008", "20009-20016"]),
    ],
)
def test_ports_for_rtp_are_shared_out_in_equal_slices_in_which_no_call_is_cut(
    ports: str, count: int, slices: list[str]
) -> None:
    limits = {"calls": 2}
    whole = agent(instances={"count": count}, media={"rtp_ports": ports}, limits=limits)
    found = [overlay(whole, number).media.rtp_ports for number in range(1, count + 1)]
    assert [str(one) for one in found] == slices
    assert objects(whole) == []


@pytest.mark.parametrize("count", range(1, 20))
def test_no_two_slices_meet_and_all_lie_within(count: int) -> None:
    whole = agent(instances={"count": count}, limits={"calls": 2}, media={"rtp_ports": "10000-11234"})
    found = [overlay(whole, number).media.rtp_ports for number in range(1, count + 1)]
    assert all(one.high < other.low for one, other in combinations(found, 2))
    assert PortRange(found[0].low, found[-1].high).count <= whole.media.rtp_ports.count
    assert {one.count % 4 for one in found} == {0}


def test_files_that_belong_to_one_process_get_its_number() -> None:
    whole = agent(
        log={"file": "/var/log/handoff-agent/agent.log"},
        audit="deeds.jsonl",
        capture={"folder": "/var/lib/handoff-agent/captures"},
        records={"folder": "/var/lib/handoff-agent/records"},
    )
    second = overlay(whole, 2)
    assert second.storage == "sqlite:///var/lib/handoff-agent/agent-2.db"
    assert str(second.log.file) == "/var/log/handoff-agent/agent-2.log"
    assert str(second.audit) == "deeds-2.jsonl"
    assert second.capture is not None
    assert str(second.capture.folder) == "/var/lib/handoff-agent/captures-2"
    assert second.records == whole.records  # its files have the node's name


def test_what_stands_beside_a_database_moves_with_it() -> None:
    second = overlay(agent(), 2)
    assert str(second.audit_file) == "/var/lib/handoff-agent/agent-2.db.audit.jsonl"


def test_postgresql_is_shared_and_limits_are_each_instance_s_own() -> None:
    whole = agent(storage="postgresql://db/handoff", limits={"calls": 900})
    assert overlay(whole, 2).storage == "postgresql://db/handoff"
    assert overlay(whole, 2).limits == whole.limits


@pytest.mark.parametrize(
    ("more", "path", "words"),
    [
        (
            {"instances": {"count": 3}, "limits": {"calls": 1000}},
            "limits.calls",
            "each of 3 instances has 2664 of media.rtp_ports 20000-27999: widen it, or set limits.calls",
        ),
        ({"instances": {"count": 3}}, "instances.count", "1000 calls need 4000 RTP ports"),
        (
            {"media": {"rtp_ports": "20000-20005"}, "limits": {"calls": 1}},
            "instances.count",
            "2 instances can't share the 6 ports of media.rtp_ports 20000-20005",
        ),
        (
            {"sip": {"listen": ["udp://10.0.0.11:65530"]}},
            "sip.listen.0",
            "instance 2 would listen on udp://10.0.0.11:65540, and ports end at 65535: write a lower port",
        ),
        (
            {"http": {"api": "127.0.0.1:8080", "operations": "127.0.0.1:65534"}},
            "http.operations",
            "smaller instances.http",
        ),
        (
            {"instances": {"count": 2, "http": 1}, "http": {"api": "0.0.0.0:8080"}},
            "http.api",
            "instance 2 would listen on 0.0.0.0:8081, where instance 1 listens",
        ),
        (
            {"instances": {"count": 2, "sip": 1}, "sip": {"listen": ["tcp://10.0.0.11:5060"]}},
            "",
            "",
        ),
        (
            {"sip": {"listen": ["udp://10.0.0.11:19990"]}},
            "sip.listen.0",
            "udp://10.0.0.11:20000 of instance 2 lies in media.rtp_ports 20000-27999",
        ),
        (
            {"sip": {"listen": ["tcp://10.0.0.11:5060", "tcp://10.0.0.11:5070"]}},
            "sip.listen.0",
            "instance 2 would listen on tcp://10.0.0.11:5070, where instance 1 listens",
        ),
        ({"sip": {"listen": ["tcp://10.0.0.11:5060", "tcp://10.0.0.12:5070"]}}, "", ""),
        (
            {"sip": {"listen": ["tcp://10.0.0.11:8070"]}, "http": {"api": "0.0.0.0:8080"}},
            "sip.listen.0",
            "tcp://10.0.0.11:8080, where instance 1 listens",
        ),
        ({"sip": {"listen": ["udp://10.0.0.11:8070"]}, "http": {"api": "0.0.0.0:8080"}}, "", ""),
        ({"node": "e" * 63}, "node", "-2, the last instance's name, is longer than 64 letters"),
        (
            {"fleet": {"nodes": [{"name": "edge-1", "sip": "sip:10.0.0.11:5060"}]}},
            "fleet.nodes",
            "edge-2 (instance 2) is not listed: add {name: edge-2, sip: sip:IP:5070}",
        ),
        (
            {
                "fleet": {
                    "nodes": [
                        {"name": "edge-1", "sip": "sip:10.0.0.11:5060"},
                        {"name": "edge-2", "sip": "sip:10.0.0.12"},
                    ]
                }
            },
            "fleet.nodes.1.sip",
            "edge-2 is listed as sip:10.0.0.12, and it listens on port 5070",
        ),
    ],
)
def test_what_can_t_run_side_by_side_is_said_where_it_stands(
    more: dict[str, Any], path: str, words: str
) -> None:
    found = objects(agent(**more))
    if not words:
        assert found == []
        return
    (only,) = found
    assert only[0] == path
    assert words in only[1]


def test_without_instances_nothing_is_objected_to() -> None:
    assert list(objections(Agent.model_validate({**PLAIN, "fleet": {"nodes": [
        {"name": "x", "sip": "sip:10.0.0.1"}]}}))) == []  # fmt: skip


@pytest.mark.parametrize(
    ("instances", "number", "words"),
    [
        (None, 1, "there is no instance 1: write instances: {count: 2}"),
        (None, 5, "there is no instance 5: write instances: {count: 5}"),
        (Instances(count=2), 3, "there is no instance 3: instances.count is 2"),
        (Instances(count=2), 2, None),
    ],
)
def test_an_instance_that_is_not_there(instances: Instances | None, number: int, words: str | None) -> None:
    assert missing(instances, number) == words


@pytest.mark.parametrize(
    ("sip", "listed"),
    [
        ({"listen": ["tcp://10.0.0.11:5060", "udp://10.0.0.11:5060"]},
         "sip:10.0.0.11:5060 sip:10.0.0.11:5070"),
        ({"listen": ["udp://0.0.0.0:5060"], "public_address": "203.0.113.10"},
         "sip:203.0.113.10:5060 sip:203.0.113.10:5070"),
        ({"listen": ["tcp://[2001:db8::1]:5060"]},
         "sip:[2001:db8::1]:5060;transport=tcp sip:[2001:db8::1]:5070;transport=tcp"),
    ],
)  # fmt: skip
def test_the_instances_of_one_host_are_a_fleet(sip: dict[str, Any], listed: str) -> None:
    found = host_fleet(agent(sip=sip))
    assert found is not None
    assert [node.sip for node in found.nodes] == listed.split()
    assert "duid=edge-2" in dispatcher_list(found)


def test_but_not_where_nobody_can_tell_their_address() -> None:
    assert host_fleet(agent(sip={"listen": ["udp://0.0.0.0:5060"]})) is None
    assert host_fleet(Agent.model_validate(PLAIN)) is None
