# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""``handoff-agent rollout``: all nodes take one configuration, or all keep what they held."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import agent.configuration
from agent.cli import rollout_node
from agent.cli.main import main
from tests.cli.fleet_nodes import MORE, WRONG, FleetBench, load_here

AT_ONCE = ("--watch", "0")


@pytest.fixture
def fleet(tmp_path: Path, elsewhere: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetBench]:
    monkeypatch.setattr(agent.configuration, "load_in_child", load_here)
    monkeypatch.setenv("FLEET_TOKEN", "nodes-know-one-another-by-this")
    monkeypatch.setattr(rollout_node, "_AGAIN", 0.05)
    bench = FleetBench(tmp_path, elsewhere)
    yield bench
    bench.close()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nodes are asked again a few times, however long that takes, and not until a deadline."""
    tries = iter(range(6))
    monkeypatch.setattr(rollout_node.Patience, "again", lambda _: next(tries, None) is not None)


def rollout(fleet: FleetBench, *options: str) -> int:
    """Run the command with the folder of the fleet."""
    return main(["rollout", "--config", str(fleet.config), *options])


def test_all_nodes_take_what_is_on_their_disks(fleet: FleetBench, capsys: pytest.CaptureFixture[str]) -> None:
    target = fleet.bring(MORE)
    assert rollout(fleet, "--watch", "0", "--why", "new numbers") == 0
    assert fleet.holds() == [target] * 3
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "edge-1, edge-2, edge-3:"
    assert "9995550101" in out[1]
    assert out[-4:] == [
        *(f"edge-{number} holds {target}, before {fleet.first}" for number in (1, 2, 3)),
        f"all 3 nodes hold {target}",
    ]
    last = fleet.nodes[2].configuration.reloads.newest(1)[0]
    assert (last.result, last.cause.why) == ("loaded", "new numbers")


def test_once_more_changes_nothing(fleet: FleetBench, capsys: pytest.CaptureFixture[str]) -> None:
    assert rollout(fleet, "--watch", "0") == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0] == "edge-1, edge-2, edge-3: nothing changes"
    assert out[-1] == f"all 3 nodes hold {fleet.first}"


def test_a_dry_run_changes_nothing(fleet: FleetBench, capsys: pytest.CaptureFixture[str]) -> None:
    target = fleet.bring(MORE)
    assert rollout(fleet, "--dry-run") == 0
    assert fleet.holds() == [fleet.first] * 3
    assert not any(node.told("take") for node in fleet.nodes)
    assert f"they would take {target}" in capsys.readouterr().out


@pytest.mark.usefixtures("impatient")
def test_a_node_whose_disk_has_something_else_stops_it_before_anything_changes(
    fleet: FleetBench, capsys: pytest.CaptureFixture[str]
) -> None:
    target = fleet.bring(MORE, but="edge-3")
    assert rollout(fleet, *AT_ONCE) == 1
    assert fleet.holds() == [fleet.first] * 3
    assert not any(node.told("take") for node in fleet.nodes)
    told = capsys.readouterr()
    assert told.out.splitlines()[-2:] == [
        f"edge-3 holds {fleet.first}: its files give {fleet.first} and not {target}",
        "nothing was changed on any node",
    ]
    assert told.err.count("its files give") == 1, "what stays the same is told once"


def test_files_that_arrive_late_are_waited_for(fleet: FleetBench) -> None:
    target = fleet.bring(MORE, but="edge-3")
    late = fleet.nodes[2]

    def arrive(path: str) -> None:
        if path == "/rollout/look" and late.told("look") == 2:
            late.write("numbers/acme.yaml", MORE)

    late.before = arrive
    assert rollout(fleet, "--watch", "0") == 0
    assert fleet.holds() == [target] * 3


@pytest.mark.usefixtures("impatient")
def test_mistakes_in_the_files_of_one_node_stop_it(
    fleet: FleetBench, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.bring(MORE)
    fleet.nodes[1].write("numbers/acme.yaml", WRONG)
    assert rollout(fleet, *AT_ONCE) == 1
    assert fleet.holds() == [fleet.first] * 3
    assert f"edge-2 holds {fleet.first}: its files have mistakes: " in capsys.readouterr().out


def test_mistakes_in_the_folder_ask_no_node(fleet: FleetBench, capsys: pytest.CaptureFixture[str]) -> None:
    (fleet.config / "numbers/acme.yaml").write_text(WRONG, encoding="utf-8")
    assert rollout(fleet) == 1
    assert not any(node.asked for node in fleet.nodes)
    assert "numbers/acme.yaml:2:" in capsys.readouterr().err


def test_one_that_refuses_after_others_took_it_takes_them_back(
    fleet: FleetBench, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.bring(MORE)
    third = fleet.nodes[2]

    def swap(path: str) -> None:
        if path == "/rollout/take":
            third.write("numbers/acme.yaml", WRONG)

    third.before = swap
    assert rollout(fleet, *AT_ONCE) == 1
    assert fleet.holds() == [fleet.first] * 3
    assert [node.told("back") for node in fleet.nodes] == [1, 1, 1]
    told = capsys.readouterr().out.splitlines()
    assert told[-4:-2] == [f"edge-1 holds {fleet.first}", f"edge-2 holds {fleet.first}"]
    assert told[-1].startswith("rolled back: edge-3: ")
    assert fleet.nodes[0].configuration.reloads.newest(1)[0].result == "back"


def test_the_first_goes_alone_and_what_it_complains_of_ends_it(
    fleet: FleetBench, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.bring(MORE)
    second = fleet.nodes[1]

    def complain(path: str) -> None:
        if path == "/rollout/take":
            second.alarms = [{"text": "signals of care do not get through"}]

    second.before = complain
    assert rollout(fleet, *AT_ONCE, "--first", "edge-2") == 1
    assert fleet.holds() == [fleet.first] * 3
    assert [node.told("take") for node in fleet.nodes] == [0, 1, 0]
    assert capsys.readouterr().out.splitlines()[-1] == (
        "rolled back: edge-2: signals of care do not get through"
    )


def test_one_that_takes_no_calls_any_more_ends_it(fleet: FleetBench) -> None:
    fleet.bring(MORE)

    def fall(path: str) -> None:
        fleet.nodes[0].ready = path != "/rollout/take" and fleet.nodes[0].ready

    fleet.nodes[0].before = fall
    assert rollout(fleet, *AT_ONCE) == 1
    assert fleet.holds() == [fleet.first] * 3


def test_one_that_drains_takes_part(fleet: FleetBench) -> None:
    target = fleet.bring(MORE)
    fleet.nodes[0].ready = fleet.nodes[2].ready = False
    assert rollout(fleet, "--watch", "0") == 0
    assert fleet.holds() == [target] * 3


@pytest.mark.usefixtures("impatient")
def test_one_that_does_not_run_changes_nothing(fleet: FleetBench, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.bring(MORE)
    fleet.nodes[2].stop()
    assert rollout(fleet, *AT_ONCE) == 1
    assert [node.holds() for node in fleet.nodes[:2]] == [fleet.first] * 2
    port = fleet.nodes[2].port
    assert f"edge-3 holds what is not known: no agent listens on http://127.0.0.1:{port}" in (
        capsys.readouterr().out.splitlines()
    )


def test_those_that_are_named_alone_are_told(fleet: FleetBench) -> None:
    target = fleet.bring(MORE)
    fleet.nodes[2].stop()
    assert rollout(fleet, "--watch", "0", "--only", "edge-2", "--only", "edge-1") == 0
    assert fleet.holds() == [target, target, fleet.first]


def test_one_that_is_started_again_meanwhile_takes_it_from_its_disk(fleet: FleetBench) -> None:
    target = fleet.bring(MORE)
    first = fleet.nodes[0]

    def restart(path: str) -> None:
        if path == "/rollout/take":
            first.before = lambda _path: None
            raise ConnectionResetError

    first.before = restart
    assert rollout(fleet, "--watch", "0") == 0
    assert fleet.holds() == [target] * 3
    assert first.told("take") == 2


def test_one_that_was_started_again_before_it_went_back_is_named(
    fleet: FleetBench, capsys: pytest.CaptureFixture[str]
) -> None:
    target = fleet.bring(MORE)
    first, third = fleet.nodes[0], fleet.nodes[2]

    def forget(path: str) -> None:
        if path == "/rollout/back":
            first.configuration._before = None

    def swap(path: str) -> None:
        if path == "/rollout/take":
            third.write("numbers/acme.yaml", WRONG)

    first.before, third.before = forget, swap
    assert rollout(fleet, *AT_ONCE, "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["result"] == "differing"
    assert [node["holds"] for node in told["nodes"]] == [target, fleet.first, fleet.first]
    assert told["nodes"][0]["said"] == (
        f"{fleet.first} is not remembered here any more (a restart?): put its files back and reload"
    )


def test_a_later_reload_by_somebody_else_is_not_undone(fleet: FleetBench) -> None:
    fleet.bring(MORE)
    second, third = fleet.nodes[1], fleet.nodes[2]
    newest = MORE + '  "9995550102": care\n'

    def swap(path: str) -> None:
        if path == "/rollout/take":
            third.write("numbers/acme.yaml", WRONG)

    def overtake(path: str) -> None:
        if path == "/rollout/back":
            second.write("numbers/acme.yaml", newest)
            second.configuration._put_in_force(agent.settings.load(second.folder))

    third.before, second.before = swap, overtake
    assert rollout(fleet, *AT_ONCE) == 1
    assert second.configuration.snapshot.numbers.match("9995550102") is not None
    assert fleet.nodes[0].holds() == fleet.first


def test_two_at_once_end_alike(fleet: FleetBench, capsys: pytest.CaptureFixture[str]) -> None:
    target = fleet.bring(MORE)
    codes: list[int] = []

    def another() -> None:
        codes.append(rollout(fleet, "--watch", "0", "--json"))

    second = threading.Thread(target=another)

    def begin(path: str) -> None:
        if path == "/rollout/take" and second.ident is None:
            second.start()

    fleet.nodes[0].before = begin
    assert rollout(fleet, "--watch", "0", "--json") == 0
    second.join()
    assert codes == [0]
    assert fleet.holds() == [target] * 3
    assert capsys.readouterr().out.count('"result": "done"') == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_says_who_holds_what(
    fleet: FleetBench, capsys: pytest.CaptureFixture[str], number: signal.Signals
) -> None:
    target = fleet.bring(MORE)
    second = fleet.nodes[1]

    def interrupt(path: str) -> None:
        if path == "/rollout/take":
            if second.told("take") == 1:
                os.kill(os.getpid(), number)
            raise ConnectionResetError

    second.before = interrupt
    assert rollout(fleet, "--watch", "0", "--only", "edge-1", "--only", "edge-2", "--first", "edge-2") == 130
    assert capsys.readouterr().out.splitlines()[-3:] == [
        f"edge-2 holds {fleet.first}: it was told to take {target}, and may yet",
        f"edge-1 holds {fleet.first}",
        "interrupted: nothing more is told to any node; once more goes on from here",
    ]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ("--only", "edge-9"),
            "there is no node 'edge-9' in fleet.nodes: it has edge-1, edge-2, edge-3",
        ),
        (("--first", "edge-9"), "there is no node 'edge-9' in fleet.nodes: it has edge-1, edge-2, edge-3"),
        (("--only", "edge-1", "--first", "edge-2"), "--first edge-2 is not among --only edge-1"),
        (("--deadline", "soon"), "'soon' is no number of seconds: write 0 to 86400"),
    ],
)
def test_what_can_not_be_meant_is_told_in_a_line(
    fleet: FleetBench, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], told: str
) -> None:
    assert rollout(fleet, *options) == 2
    assert capsys.readouterr().err == f"handoff-agent: {told}\n"


def test_nodes_that_can_not_be_asked_are_named(fleet: FleetBench, capsys: pytest.CaptureFixture[str]) -> None:
    path = fleet.config / "agent.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f', operations: "http://127.0.0.1:{fleet.nodes[1].port}"', ""))
    assert rollout(fleet) == 2
    assert capsys.readouterr().err.startswith("handoff-agent: edge-2 in fleet.nodes can't be asked: write")
    path.write_text("node: edge-1\n", encoding="utf-8")
    assert rollout(fleet) == 2
    assert "has no fleet: handoff-agent reload tells one node" in capsys.readouterr().err
