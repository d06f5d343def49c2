# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""One folder is read as each of its instances, by reloads too."""

from __future__ import annotations

from typing import Any

import pytest

from agent.core.drafts import Draft
from agent.settings import Mistakes, load, load_in_child
from agent.settings.preview import preview_in_child

TWO = "node: edge\ninstances:\n  count: 2\nlog: {file: ../agent.log}\nstorage: sqlite://../var/agent.db\n"


def test_an_instance_gets_its_own(folder: Any) -> None:
    folder.write("agent.yaml", TWO)
    first, second = (load(folder.path, folder.environment, instance=number) for number in (1, 2))
    assert (first.instance, first.agent.node, second.agent.node) == (1, "edge-1", "edge-2")
    assert second.agent.database == folder.path.parent / "var/agent-2.db"
    assert second.agent.log.file == folder.path.parent / "agent-2.log"
    assert first.shared == second.shared
    assert first.fingerprint != second.fingerprint


def test_without_one_it_is_as_it_stands(folder: Any) -> None:
    folder.write("agent.yaml", TWO)
    found = folder.load()
    assert (found.instance, found.agent.node) == (0, "edge")


@pytest.mark.parametrize(
    ("text", "number", "said"),
    [
        (TWO, 3, "3:10: there is no instance 3: instances.count is 2"),
        ("node: edge\n", 1, "1:1: there is no instance 1: write instances: {count: 2}"),
    ],
)
def test_one_that_is_not_there_is_a_mistake(folder: Any, text: str, number: int, said: str) -> None:
    folder.write("agent.yaml", text)
    with pytest.raises(Mistakes) as found:
        load(folder.path, folder.environment, instance=number)
    assert str(found.value).endswith(f"agent.yaml:{said}")


def test_all_that_can_t_run_side_by_side_is_told_at_its_place_whoever_reads(folder: Any) -> None:
    folder.write(
        "agent.yaml",
        "node: edge\ninstances: {count: 5, http: 1}\nsip:\n  listen:\n    - udp://0.0.0.0:19980\n",
    )
    texts = folder.mistakes()
    assert [text.partition(": ")[0] for text in texts] == [
        "agent.yaml:1:1",
        "agent.yaml:2:20",
        "agent.yaml:5:7",
    ]


@pytest.mark.parametrize("written", ["2", "{}", "{count: 0}", "{count: 200}", "{count: 2, rtp: 1}"])
def test_what_is_no_number_of_instances_is_a_mistake(folder: Any, written: str) -> None:
    folder.write("agent.yaml", f"node: edge\ninstances: {written}\n")
    (said,) = folder.mistakes()
    assert said.startswith("agent.yaml:2:")


async def test_a_reload_lays_the_same_over_it(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in folder.environment.items():
        monkeypatch.setenv(name, value)
    folder.write("agent.yaml", TWO)
    running = (await load_in_child(folder.path, instance=2)).snapshot
    assert running.agent.node == "edge-2"
    folder.write("agent.yaml", TWO.replace("count: 2", "count: 3").replace("agent.log", "other.log")
                 + "limits: {calls: 500}\n")  # fmt: skip
    fresh = await load_in_child(folder.path, running)
    assert (fresh.snapshot.instance, fresh.snapshot.agent.node) == (2, "edge-2")
    assert fresh.snapshot.agent.log.file == folder.path.parent / "other-2.log"
    assert fresh.summary is not None
    assert set(fresh.summary.restart) == {"instances.count", "media.rtp_ports"}
    folder.write("agent.yaml", TWO.replace("count: 2", "count: 1"))
    with pytest.raises(Mistakes, match=r"no instance 2: instances\.count is 1"):
        await load_in_child(folder.path, running)


async def test_so_does_a_preview(folder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in folder.environment.items():
        monkeypatch.setenv(name, value)
    folder.write("agent.yaml", TWO)
    running = load(folder.path, folder.environment, instance=2)
    draft = Draft("yaml", b'numbers: {"9995550101": care}\n', "more.yaml")
    found = await preview_in_child(folder.path, running, draft, ())
    assert found.summary is not None
    assert found.summary.restart == ()
    assert found.summary.lines == ("number 9995550101 appears",)
