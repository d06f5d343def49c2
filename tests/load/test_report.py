# SPDX-License-Identifier: GPL-3.0-or-later
"""The report: one file that needs nothing else, whatever was measured."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from agent.load.course import Course, End, Sample
from agent.load.outcome import Outcome
from agent.load.report import keep_all, report
from agent.load.search import Found, Step
from tests.load.courses import course, judged_by, with_everything

_NAMESPACE = "http://www.w3.org/2000/svg"


def made(of: Course, found: Found | None = None) -> str:
    return report(Outcome(of, judged_by(of, "failures=0", "gap=100ms", "setup_p99=50ms"), "here", found))


def test_it_has_a_plot_of_everything_that_was_measured() -> None:
    page = made(with_everything())
    titles = re.findall(r"<h2>(.*?)</h2>", page)
    for title in ("Set-up time", "Set-up time over time, ms", "Calls and CPU", "Loss and gaps"):
        assert title in titles
    assert any(title.startswith("Signals") for title in titles)
    assert "503 &amp; more" in page
    assert "a &lt;b&gt;bad&lt;/b&gt; end" in page


def test_it_needs_nothing_from_outside_and_no_script() -> None:
    page = made(with_everything())
    assert set(re.findall(r"(?:https?:)?//[\w.-]+\.[a-z]+[^\"'\s<)]*", page)) <= {_NAMESPACE}
    for word in ("<script", "@import", "<link", "<img", "<iframe", "url("):
        assert word not in page, word
    assert not re.search(r"<[^>]+\son\w+=", page)


def test_its_plots_are_well_formed_and_say_what_they_show() -> None:
    for svg in re.findall(r"<svg.*?</svg>", made(with_everything()), re.DOTALL):
        root = ET.fromstring(svg)  # noqa: S314 - our own
        assert root.get("role") == "img"
        assert root.get("aria-label")


@pytest.mark.parametrize(
    "of",
    [
        course(waited=[], when=[]),
        course(samples=(Sample(0.1, 10, 0, 0, 0, 0, 0),), waited=[], when=[], end=End.INTERRUPTED),
        course(end=End.DIED, why="agent ended early"),
    ],
    ids=["nobody answered", "interrupted at once", "died"],
)
def test_a_run_with_little_in_it_has_a_report(of: Course) -> None:
    assert "<h1>Load: signalling</h1>" in made(of)


def test_what_draws_the_plots_leaves_the_imports_of_others_alone() -> None:
    assert [one for one in sys.meta_path if not hasattr(one, "find_spec")] == []


def test_a_search_shows_its_steps() -> None:
    of = course()
    steps = (Step(20, of, ()), Step(40, replace(of, end=End.DIED), ()))
    page = made(of, Found(20, 40, steps, over=True))
    assert "the highest clean rate is 20 calls a second; 40 are not clean" in page
    assert "Set-up time against the rate" in page


def test_all_of_it_is_kept(tmp_path: Path) -> None:
    of = course()
    page = keep_all(Outcome(of, (), "here"), b"trouble", tmp_path)
    assert page == tmp_path / "report.html"
    kept = {"report.html", "result.json", "samples.csv", "setups.csv", "sipp-errors.log"}
    assert {one.name for one in tmp_path.iterdir()} == kept


@pytest.mark.parametrize("name", ["report.html", "result.json", "setups.csv", "sipp-errors.log"])
def test_of_one_that_a_full_disk_does_not_take_nothing_is_left(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to("/dev/full")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(OSError, match="No space left"):
        keep_all(Outcome(course(), (), "here"), b"trouble", tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]
