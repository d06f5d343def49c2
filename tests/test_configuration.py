# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration in force: replaced as a whole or not at all, and edits of its files are noticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import agent.configuration
from agent.configuration import Configuration, Reloaded
from agent.core.model import Snapshot
from agent.settings import Changes, load
from agent.telemetry.metrics import Metrics

FILES = {
    "agent.yaml": "node: edge-1\n",
    "carriers.yaml": "carriers:\n  one: {sources: [192.0.2.0/24]}\n",
    "projects/care.yaml": (
        'project: care\naccount: acme\nvoice_agent: {targets: [{uri: "sip:bot@10.0.0.5:5070"}]}\n'
    ),
    "numbers/acme.yaml": 'numbers:\n  "9995550100": care\n',
}
MORE = 'numbers:\n  "9995550100": care\n  "9995550101": care\n'


class Bench:
    """A configuration folder, what holds it, and what was told of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)
        self.metrics = Metrics()
        self.applied: list[Changes] = []
        self.held = Configuration(folder, load(folder), self.metrics, self.applied.append)

    def write(self, name: str, text: str) -> None:
        """Replace a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def reloads(self) -> dict[str, float]:
        """``handoff_config_reloads_total`` by result."""
        return {
            sample.labels["result"]: sample.value
            for family in text_string_to_metric_families(self.metrics.render()[0].decode())
            if family.name == "handoff_config_reloads"
            for sample in family.samples
        }


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    async def at_once(folder: Path) -> Snapshot:
        return load(folder)

    monkeypatch.setattr(agent.configuration, "load_in_child", at_once)
    return Bench(tmp_path / "config")


async def test_an_edit_comes_into_force_as_a_whole(bench: Bench) -> None:
    before = bench.held.current()
    bench.write("numbers/acme.yaml", MORE)
    done = await bench.held.reload()
    assert done.result == "loaded"
    assert any("9995550101" in line for line in done.changes)
    assert bench.held.current().numbers.match("9995550101") is not None
    assert before.numbers.match("9995550101") is None, "a running call keeps the snapshot it started with"
    assert len(bench.applied) == 1
    assert bench.held.last == done


async def test_one_mistake_in_one_file_leaves_everything_as_it_was(bench: Bench) -> None:
    before = bench.held.current()
    bench.write("numbers/acme.yaml", MORE)
    bench.write("carriers.yaml", "carriers:\n  one: {sources: [nowhere]}\n")
    done = await bench.held.reload()
    assert done.result == "refused"
    assert len(done.mistakes) == 1
    assert done.mistakes[0].startswith(f"{bench.folder}/carriers.yaml:2:")
    assert bench.held.current() is before
    assert bench.applied == []
    bench.write("carriers.yaml", FILES["carriers.yaml"])
    assert (await bench.held.reload()).result == "loaded"
    assert bench.reloads() == {"refused": 1, "loaded": 1}


async def test_files_that_mean_the_same_change_nothing(bench: Bench) -> None:
    before = bench.held.current()
    bench.write("agent.yaml", "# a remark\nnode: edge-1\n")
    assert await bench.held.reload() == Reloaded("unchanged")
    assert bench.held.current() is before
    assert bench.reloads() == {"unchanged": 1}


async def test_what_waits_for_the_next_start_is_named(bench: Bench) -> None:
    bench.write("agent.yaml", "node: edge-2\nlimits: {calls: 5}\n")
    done = await bench.held.reload()
    assert done.restart == ("node",)


async def test_two_reloads_at_once_never_put_the_older_files_in_force(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    let_go = asyncio.Event()
    asked: list[Path] = []

    async def first_one_slow(folder: Path) -> Snapshot:
        snapshot = load(folder)
        asked.append(folder)
        if len(asked) == 1:
            await let_go.wait()
        return snapshot

    monkeypatch.setattr(agent.configuration, "load_in_child", first_one_slow)
    older = asyncio.ensure_future(bench.held.reload())
    await asyncio.sleep(0)
    bench.write("numbers/acme.yaml", MORE)
    newer = asyncio.ensure_future(bench.held.reload())
    await asyncio.sleep(0)
    let_go.set()
    await asyncio.gather(older, newer)
    assert bench.held.current().numbers.match("9995550101") is not None


async def test_the_child_process_reads_the_same_files(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "config")
    bench.write("numbers/acme.yaml", MORE)
    assert (await bench.held.reload()).result == "loaded"
    bench.write("numbers/acme.yaml", "numbers: [")
    assert (await bench.held.reload()).result == "refused"


def test_an_edit_is_noticed_once_it_has_been_left_alone_for_one_look(bench: Bench) -> None:
    assert not bench.held.edited()
    bench.write("numbers/acme.yaml", "numbers: {")
    assert not bench.held.edited(), "an editor may still be writing"
    bench.write("numbers/acme.yaml", MORE)
    assert not bench.held.edited()
    assert bench.held.edited()


async def test_an_edit_is_loaded_once_good_or_bad(bench: Bench) -> None:
    for text in (MORE, "numbers: {"):
        bench.write("numbers/acme.yaml", text)
        assert [bench.held.edited(), bench.held.edited()] == [False, True]
        await bench.held.reload()
        assert [bench.held.edited(), bench.held.edited()] == [False, False]


def test_a_new_file_and_one_taken_away_are_edits(bench: Bench) -> None:
    bench.write("numbers/more.yaml", 'numbers:\n  "9995550101": care\n')
    assert [bench.held.edited(), bench.held.edited()] == [False, True]
    (bench.folder / "numbers/more.yaml").unlink()
    assert [bench.held.edited(), bench.held.edited()] == [False, False], "as it was: nothing to load"


async def test_a_folder_that_vanishes_is_an_edit_and_what_it_said_stays_in_force(bench: Bench) -> None:
    before = bench.held.current()
    elsewhere = bench.folder.rename(bench.folder.with_name("elsewhere"))
    assert [bench.held.edited(), bench.held.edited()] == [False, True]
    assert (await bench.held.reload()).result == "refused"
    assert bench.held.current() is before
    elsewhere.rename(bench.folder)
    assert [bench.held.edited(), bench.held.edited()] == [False, True]
    assert (await bench.held.reload()).result == "unchanged"


def test_a_link_that_leads_nowhere_is_no_fault(bench: Bench) -> None:
    (bench.folder / "numbers/gone.yaml").symlink_to("nowhere.yaml")
    assert [bench.held.edited(), bench.held.edited()] == [False, False]
