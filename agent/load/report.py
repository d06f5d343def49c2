# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a load: one HTML file that needs nothing else, in light and dark."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agent.load import plots
from agent.load.course import figures
from agent.load.limits import MEASURES, figure_text
from agent.load.outcome import CLEAN, INTERRUPTED, RESULT, SAMPLES, SETUPS, Outcome, document, keep

REPORT: Final = "report.html"
ERRORS: Final = "sipp-errors.log"
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


def keep_all(outcome: Outcome, errors: bytes, folder: Path) -> Path:
    """Write all that is kept of a load into a folder: report, data, SIPp's log of errors if there is any.

    Returns:
        The report.

    Raises:
        OSError: it can't be written; then none of it is there.
    """
    try:
        keep(outcome, folder)
        if errors:
            (folder / ERRORS).write_bytes(errors)
        (folder / REPORT).write_text(report(outcome), encoding="utf-8")
    except OSError:
        for name in (RESULT, SAMPLES, SETUPS, ERRORS, REPORT):
            with contextlib.suppress(OSError):
                (folder / name).unlink()
        raise
    return folder / REPORT
