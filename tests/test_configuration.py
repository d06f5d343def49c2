# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration in force: replaced as a whole or not at all, and edits of its files are noticed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import agent.configuration
from agent.configuration import BusyError, Configuration, Reloaded
from agent.core.drafts import Draft
from agent.core.model import Snapshot
from agent.core.reloads import KEPT, Cause
from agent.core.rollout import Order
from agent.settings import Fresh, Summary, changes, load
from agent.settings.preview import Preview
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


def read(folder: Path, in_force: Snapshot) -> Fresh:
    """What the child does."""
    fresh = load(folder)
    return Fresh(fresh, changes(in_force, fresh).summary(len(in_force.numbers)))


class Bench:
    """A configuration folder, what holds it, and what was told of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)
        self.metrics = Metrics()
        self.applied: list[Summary] = []
        self.held = Configuration(folder, load(folder), self.metrics, self.applied.append)

    def write(self, name: str, text: str) -> None:
        """Replace a file."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    async def looked(self, *, times: int = 1) -> list[str]:
        """What became of the edits that so many looks found."""
        found = []
        for _ in range(times):
            before = self.held.last
            await self.held.look()
            now = self.held.last
            if now is not None and now is not before:
                found.append(now.result)
        return found

    def kept_out(self) -> float:
        """``handoff_config_kept_out``."""
        return next(
            sample.value
            for family in text_string_to_metric_families(self.metrics.render()[0].decode())
            for sample in family.samples
            if sample.name == "handoff_config_kept_out"
        )

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
    async def at_once(folder: Path, in_force: Snapshot) -> Fresh:
        return read(folder, in_force)

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

    async def first_one_slow(folder: Path, in_force: Snapshot) -> Fresh:
        snapshot = read(folder, in_force)
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


async def test_an_edit_is_loaded_once_it_has_been_left_alone_for_one_look(bench: Bench) -> None:
    assert await bench.looked() == []
    bench.write("numbers/acme.yaml", "numbers: {")
    assert await bench.looked() == [], "an editor may still be writing"
    bench.write("numbers/acme.yaml", MORE)
    assert await bench.looked() == []
    assert await bench.looked() == ["loaded"]


async def test_an_edit_is_loaded_once_good_or_bad(bench: Bench) -> None:
    for text, result in ((MORE, "loaded"), ("numbers: {", "refused")):
        bench.write("numbers/acme.yaml", text)
        assert await bench.looked(times=5) == [result]


async def test_a_new_file_and_one_taken_away_are_edits(bench: Bench) -> None:
    bench.write("numbers/more.yaml", 'numbers:\n  "9995550101": care\n')
    assert await bench.looked() == []
    (bench.folder / "numbers/more.yaml").unlink()
    assert await bench.looked(times=2) == [], "as it was: nothing to load"


async def test_a_folder_that_vanishes_is_an_edit_and_what_it_said_stays_in_force(bench: Bench) -> None:
    before = bench.held.current()
    elsewhere = bench.folder.rename(bench.folder.with_name("elsewhere"))
    assert await bench.looked(times=3) == ["refused"]
    assert bench.held.current() is before
    elsewhere.rename(bench.folder)
    assert await bench.looked(times=3) == ["unchanged"]


async def test_a_link_that_leads_nowhere_is_no_fault(bench: Bench) -> None:
    (bench.folder / "numbers/gone.yaml").symlink_to("nowhere.yaml")
    assert await bench.looked(times=3) == []


async def test_looks_while_one_is_under_way_do_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, let_go = 0, asyncio.Event()
    begun = asyncio.Event()

    async def hangs(folder: Path, in_force: Snapshot) -> Fresh:
        nonlocal asked
        asked += 1
        begun.set()
        await let_go.wait()
        return read(folder, in_force)

    monkeypatch.setattr(agent.configuration, "load_in_child", hangs)
    bench.write("numbers/acme.yaml", MORE)
    await bench.held.look()
    under_way = asyncio.ensure_future(bench.held.look())
    await begun.wait()
    bench.write("numbers/acme.yaml", MORE + "\n")
    assert await bench.looked(times=3) == []
    let_go.set()
    await under_way
    assert asked == 1


# -- what waits for the next start -------------------------------------------------------------------------


async def test_what_waits_for_the_next_start_is_remembered_until_then(bench: Bench) -> None:
    bench.write("agent.yaml", "node: edge-2\n")
    assert (await bench.held.reload()).restart == ("node",)
    bench.write("agent.yaml", "node: edge-2\nlimits: {calls: 5}\n")
    done = await bench.held.reload()
    assert done.restart == ("node",)
    assert done.changes == ("limits.calls changes", "node changes at the next start")
    done = await bench.held.reload()
    assert (done.result, done.restart) == ("unchanged", ("node",))
    bench.write("agent.yaml", "node: edge-1\nlimits: {calls: 5}\n")
    done = await bench.held.reload()
    assert (done.result, done.restart) == ("loaded", ())


async def test_until_then_no_part_sees_it(bench: Bench) -> None:
    bench.write("agent.yaml", "node: edge-2\nmedia: {silence_timeout: 5s}\nlimits: {calls: 5}\n")
    await bench.held.reload()
    held = bench.held.current().agent
    assert (held.node, held.media.silence_timeout, held.limits.calls) == ("edge-1", 60.0, 5)


# -- what is kept out --------------------------------------------------------------------------------------

FOUR = "numbers:\n" + "".join(f'  "{number}": care\n' for number in range(1, 5))


@pytest.mark.parametrize("left", ["numbers:\n", 'numbers:\n  "1": care\n', 'numbers:\n  "9": care\n'])
async def test_a_map_that_is_mostly_emptied_stays_out_until_it_is_confirmed(bench: Bench, left: str) -> None:
    bench.write("numbers/acme.yaml", FOUR)
    await bench.held.reload()
    bench.write("numbers/acme.yaml", left)
    for _ in range(2):
        done = await bench.held.reload()
        assert done.result == "held"
        assert "confirm with handoff-agent reload --yes" in done.mistakes[0]
    assert len(bench.held.current().numbers) == 4
    assert (await bench.held.reload(confirmed=True)).result == "loaded"
    assert len(bench.held.current().numbers) == left.count("care")


@pytest.mark.parametrize(
    "instead",
    [
        'numbers:\n  "1": care\n  "2": care\n',
        'numbers:\n  "*": care\n',
        "numbers:\n" + "".join(f'  "{number}": care\n' for number in range(5, 9)),
    ],
)
async def test_one_that_loses_half_or_is_written_otherwise_is_not_held(bench: Bench, instead: str) -> None:
    bench.write("numbers/acme.yaml", FOUR)
    await bench.held.reload()
    bench.write("numbers/acme.yaml", instead)
    assert (await bench.held.reload()).result == "loaded"


async def test_the_guard_in_force_decides_not_the_one_that_comes_with_the_edit(bench: Bench) -> None:
    bench.write("agent.yaml", "node: edge-1\nreload_guard: off\n")
    bench.write("numbers/acme.yaml", "numbers:\n")
    assert (await bench.held.reload()).result == "held"
    bench.write("numbers/acme.yaml", FILES["numbers/acme.yaml"])
    assert (await bench.held.reload()).result == "loaded"
    bench.write("numbers/acme.yaml", "numbers:\n")
    assert (await bench.held.reload()).result == "loaded"


async def test_what_is_kept_out_shows_until_it_is_gone_and_each_reload_is_logged(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    class Log:
        def info(self, text: str, **_: object) -> None:
            said.append(text)

        error = info

    monkeypatch.setattr(agent.configuration, "_log", Log())
    bench.write("agent.yaml", "nod: edge-1\n")
    await bench.held.reload()
    assert bench.kept_out() == 1
    bench.write("agent.yaml", FILES["agent.yaml"])
    await bench.held.reload()
    assert bench.kept_out() == 0
    await bench.held.reload()
    assert said == [
        "reload refused, the old configuration stays in force",
        "what is on disk is what is in force again",
        "configuration unchanged",
    ]


async def test_reloads_are_remembered_with_their_cause_and_what_they_moved(bench: Bench) -> None:
    bench.write("numbers/acme.yaml", MORE)
    await bench.looked(times=2)
    bench.write("numbers/acme.yaml", "numbers: [")
    await bench.held.reload(cause=Cause("signal", origin="SIGHUP"))
    bench.write("numbers/acme.yaml", MORE)
    await bench.held.reload(cause=Cause("http", "ana", "127.0.0.1", "put right"))
    newest = bench.held.reloads.newest()
    told = [(one.cause.how, one.result, one.rules, dict(one.counts)) for one in newest]
    assert told == [
        ("http", "unchanged", 2, {}),
        ("signal", "refused", 2, {}),
        ("file", "loaded", 2, {"appear": 1}),
        ("start", "started", 1, {}),
    ]
    assert newest[1].mistakes[0].startswith(f"{bench.folder}/numbers/acme.yaml:1:")
    assert list(newest[2].changes) == ["number 9995550101 appears"]
    shown = newest[0].shown()
    assert (shown["who"], shown["origin"], shown["why"]) == ("ana", "127.0.0.1", "put right")


async def test_only_so_many_reloads_are_remembered(bench: Bench) -> None:
    for _ in range(KEPT + 5):
        bench.held.reloads.add(bench.held.reloads.newest(1)[0])
    assert len(bench.held.reloads.newest()) == KEPT


async def test_a_preview_changes_nothing_and_says_what_would_be_held(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "config")
    before = bench.held.current()
    draft = Draft("yaml", b"numbers: {}\n", "acme.yaml")
    found, held = await bench.held.preview(draft, [("c-1", "9995550100")])
    assert held is not None
    assert held.startswith("1 of 1 rules of the number map would go")
    assert [one.call_id for one in found.touched] == ["c-1"]
    found, held = await bench.held.preview(Draft("yaml", b"numbers: [", "acme.yaml"), [])
    assert (found.summary, held) == (None, None)
    assert bench.held.current() is before
    assert bench.applied == []
    assert len(bench.held.reloads.newest()) == 1


async def test_one_preview_at_a_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    let_go = asyncio.Event()

    async def slow(*_: object) -> Preview:
        await let_go.wait()
        return Preview()

    monkeypatch.setattr(agent.configuration, "preview_in_child", slow)
    first = asyncio.ensure_future(bench.held.preview(Draft("csv", b""), []))
    await asyncio.sleep(0)
    with pytest.raises(BusyError, match="another preview is being made"):
        await bench.held.preview(Draft("csv", b""), [])
    let_go.set()
    await first
    assert (await bench.held.preview(Draft("csv", b""), []))[0] == Preview()


async def test_a_rehearsal_says_what_a_reload_would_do_and_does_nothing(bench: Bench) -> None:
    before = bench.held.current()
    assert (await bench.held.rehearse()).result == "unchanged"
    bench.write("numbers/acme.yaml", MORE)
    would = await bench.held.rehearse()
    assert (would.result, would.files) == ("would_load", load(bench.folder).shared_shown)
    assert any("9995550101" in line for line in would.changes)
    bench.write("carriers.yaml", "carriers: {}\n")
    wrong = await bench.held.rehearse()
    assert (wrong.result, wrong.files) == ("refused", "")
    assert wrong.mistakes
    assert bench.held.current() is before
    assert bench.held.last is None
    assert bench.reloads() == {}


async def test_a_rollout_puts_only_what_it_ordered_in_force_and_only_in_time(bench: Bench) -> None:
    bench.write("numbers/acme.yaml", MORE)
    wanted = load(bench.folder).shared_shown
    other = await bench.held.reload(order=Order("0123456789ab"))
    assert other.mistakes == (
        f"the files on this node give {wanted} and not 0123456789ab: bring them there first",
    )
    late = await bench.held.reload(order=Order(wanted, until=1.0))
    assert late.result == "refused"
    assert late.mistakes[0].endswith("s too late: the rollout was given up meanwhile")
    assert bench.kept_out() == 0
    assert (await bench.held.reload(order=Order(wanted))).result == "loaded"
    assert bench.held.current().shared_shown == wanted


async def test_what_was_in_force_before_is_put_back_and_stays_until_somebody_reloads(bench: Bench) -> None:
    first = bench.held.current()
    bench.write("numbers/acme.yaml", MORE)
    await bench.held.reload()
    second = bench.held.current()
    cause = Cause("http", "anna")
    assert (await bench.held.go_back("0123456789ab", second.shared_shown, cause)).mistakes == (
        "0123456789ab is not remembered here any more (a restart?): put its files back and reload",
    )
    other = await bench.held.go_back(first.shared_shown, "0123456789ab", cause)
    in_force = f"{second.shared_shown} is in force here and not 0123456789ab"
    assert other.mistakes == (f"{in_force}: somebody else reloaded, and keeps that",)
    assert bench.held.current() is second
    done = await bench.held.go_back(first.shared_shown, second.shared_shown, cause)
    assert (done.result, bench.held.current().shared) == ("back", first.shared)
    assert bench.held.current().numbers.match("9995550101") is None
    assert bench.kept_out() == 1
    assert bench.held.reloads.newest(1)[0].result == "back"
    assert len(bench.applied) == 2
    assert await bench.looked(times=3) == [], "the files are those that were read: no edit"
    assert bench.held.current().shared == first.shared
    again = await bench.held.go_back(first.shared_shown, second.shared_shown, cause)
    assert again.result == "unchanged", "it is asked for again when its answer was lost"
    assert (await bench.held.reload()).result == "loaded"
    assert bench.kept_out() == 0


async def test_a_change_of_the_node_alone_forgets_nothing(bench: Bench) -> None:
    first = bench.held.current().shared_shown
    bench.write("numbers/acme.yaml", MORE)
    await bench.held.reload()
    bench.write("agent.yaml", "node: edge-1\nreload_guard: off\n")
    assert (await bench.held.reload()).result == "loaded"
    second = bench.held.current().shared_shown
    assert (await bench.held.go_back(first, second, Cause("http"))).result == "back"


async def test_where_edits_wait_none_is_taken_unasked(bench: Bench) -> None:
    bench.write("agent.yaml", "node: edge-1\nreload_on_edit: false\n")
    assert (await bench.held.reload()).result == "loaded"
    bench.write("numbers/acme.yaml", MORE)
    assert await bench.looked(times=4) == []
    assert (await bench.held.reload()).result == "loaded"
