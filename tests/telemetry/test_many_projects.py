# SPDX-License-Identifier: GPL-3.0-or-later
"""/metrics of a node with 500 projects is bounded. Its time is measured by ``make bench PROFILE=scrape``."""

from __future__ import annotations

import re
from collections import Counter

from tests.telemetry.many import PROJECTS, TARGETS_EACH, metrics_of_many

MEGABYTE = 1_000_000
TEXT = metrics_of_many().render()[0]
SAMPLES = Counter(re.findall(r"^([a-z_]+)[{ ]", TEXT.decode(), re.MULTILINE))


def test_it_is_below_a_megabyte() -> None:
    assert len(TEXT) < MEGABYTE


def test_no_metric_has_more_than_five_series_for_a_project_beside_its_targets() -> None:
    most = 5 * len(PROJECTS)
    assert {name: count for name, count in SAMPLES.items() if count > most} == {}
    assert SAMPLES["handoff_target_up"] == TARGETS_EACH * len(PROJECTS)


def test_a_project_without_calls_has_next_to_nothing() -> None:
    quiet = metrics_of_many()
    quiet.readings.credential_alarms = lambda: dict.fromkeys((*PROJECTS, "quiet"), False)
    quiet.readings.failing = lambda: dict.fromkeys((*PROJECTS, "quiet"), False)
    assert quiet.render()[0].count(b'project="quiet"') == 2
