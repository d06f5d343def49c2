# SPDX-License-Identifier: GPL-3.0-or-later
"""Series in the text format: read back by the client library's own parser."""

from __future__ import annotations

import math
from collections.abc import Iterable

from prometheus_client.parser import text_string_to_metric_families

from agent.telemetry.series import Counter, Family, Gauge, Histogram, Read, Together

ODD = 'a "quoted" one\\with\nall of it'


def read(*families: Family) -> dict[tuple[str, tuple[str, ...]], float]:
    """Every sample, by its name and its labels' values."""
    text = "".join(line for family in families for line in family.lines())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def kinds(families: Iterable[Family]) -> dict[str, str]:
    """The type of each metric."""
    text = "".join(line for family in families for line in family.lines())
    return {family.name: family.type for family in text_string_to_metric_families(text)}


def test_a_counter_without_labels_is_there_from_the_start() -> None:
    counter = Counter("calls", "Calls")
    assert read(counter) == {("calls_total", ()): 0}
    counter.inc()
    counter.inc(2)
    assert read(counter) == {("calls_total", ()): 3}


def test_a_series_with_labels_is_made_when_it_is_used() -> None:
    gauge = Gauge("up", "Whether it is up", ["project", "target"])
    assert read(gauge) == {}
    gauge.labels("care", ODD).set(True)
    gauge.labels("care", "b").inc()
    gauge.labels("care", "b").dec(0.25)
    assert read(gauge) == {("up", ("care", ODD)): 1, ("up", ("care", "b")): 0.75}
    gauge.remove("care", ODD)
    gauge.remove("care", "never there")
    assert read(gauge) == {("up", ("care", "b")): 0.75}


def test_a_histogram_counts_what_is_at_a_bound_below_it() -> None:
    histogram = Histogram("wait", "Wait", (0.1, 1, 10), ["project"])
    for seconds in (0.05, 0.1, 0.5, 100):
        histogram.labels("care").observe(seconds)
    assert read(histogram) == {
        ("wait_bucket", ("care", "0.1")): 2,
        ("wait_bucket", ("care", "1.0")): 3,
        ("wait_bucket", ("care", "10.0")): 3,
        ("wait_bucket", ("care", "+Inf")): 4,
        ("wait_count", ("care",)): 4,
        ("wait_sum", ("care",)): 100.65,
    }


def test_a_histogram_may_show_some_of_its_bounds_and_another_all_of_them_for_all_series() -> None:
    parts = Histogram("wait", "Wait", (0.1, 1, 10), ["project"], shown=(1,))
    whole = Together("node_wait", "Wait of the node", (0.1, 1, 10), parts)
    assert read(whole)["node_wait_count", ()] == 0
    parts.labels("care").observe(0.05)
    parts.labels("sales").observe(0.5)
    found = read(parts, whole)
    assert found["wait_bucket", ("care", "1.0")] == 1
    assert ("wait_bucket", ("care", "0.1")) not in found
    assert [found["node_wait_bucket", (le,)] for le in ("0.1", "1.0", "10.0", "+Inf")] == [1, 2, 2, 2]
    assert math.isclose(found["node_wait_sum", ()], 0.55)


def test_what_is_read_at_its_source_follows_it() -> None:
    now: dict[tuple[str, ...], float] = {("care",): True, ("sales",): 0}
    family = Read("gauge", "failing", "Whether it fails", ["project"], lambda: now)
    assert read(family) == {("failing", ("care",)): 1, ("failing", ("sales",)): 0}
    now.clear()
    assert read(family) == {}
    now["new",] = 2.5
    assert read(family) == {("failing", ("new",)): 2.5}


def test_each_says_what_it_is() -> None:
    families = (
        Counter("a", "A"),
        Gauge("b", "B"),
        Histogram("c", "C", (1,)),
        Read("counter", "d_total", "D", ["x"], dict),
    )
    assert kinds(families) == {"a": "counter", "b": "gauge", "c": "histogram", "d": "counter"}
