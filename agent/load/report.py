# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a load: one HTML file that needs nothing else, in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agent.load import plots
from agent.load.course import figures
from agent.load.limits import MEASURES, figure_text
from agent.load.outcome import CLEAN, INTERRUPTED, Outcome, document

REPORT: Final = "report.html"
_PAGES: Final = Path(__file__).with_name("pages")


def page(template: str, **values: object) -> str:
    """A page by its template, everything in it escaped but the plots."""
    environment = Environment(
        loader=FileSystemLoader(_PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["sentence"] = sentence
    return environment.get_template(template).render(**values)


def sentence(text: str) -> str:
    """A text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def report(outcome: Outcome) -> str:
    """The report of a load as HTML."""
    course = outcome.course
    measured = figures(course)
    pictures = plots.of_run(course)
    if outcome.found is not None and outcome.found.steps:
        pictures.insert(0, plots.of_search(outcome.found.steps))
    return page(
        "report.html",
        result=document(outcome),
        tone={CLEAN: "good", INTERRUPTED: "unsure"}.get(outcome.code, "bad"),
        does=course.plan.profile.does,
        proves=course.plan.profile.proves,
        judged=outcome.judged,
        interrupted=outcome.code == INTERRUPTED,
        found=outcome.found,
        figures=[
            (name, figure_text(measure, measured[name]), measure.says)
            for name, measure in MEASURES.items()
            if name in measured
        ],
        plots=pictures,
    )


def write(outcome: Outcome, folder: Path) -> Path:
    """Write the report into a folder. Returns its path.

    Raises:
        OSError: it can't be written.
    """
    path = folder / REPORT
    path.write_text(report(outcome), encoding="utf-8")
    return path
