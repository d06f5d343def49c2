# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates to values: numbering never shifts, values are capped whole, headers can't be broken out of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.parameters import MARKER, NAMES, _fitted, cut_warnings, header_value, render, render_headers

anything = st.text(st.characters(exclude_categories=()), max_size=60)  # surrogates and controls too
named = st.dictionaries(st.sampled_from(NAMES), anything)


def test_placeholders_are_filled_in_and_double_braces_are_braces() -> None:
    rendered = render(
        {"p1": "{destination}", "p2": "{{x}} {label.brand}/{call_id}"},
        {"destination": "CARE", "label.brand": "acme-uk", "call_id": "c1"},
    )
    assert rendered.parameters == {"p1": "CARE", "p2": "{x} acme-uk/c1"}
    assert rendered.cut == ()


def test_gaps_are_empty_and_numbering_does_not_shift() -> None:
    assert render({"p1": "a", "p4": "d"}, {}).parameters == {"p1": "a", "p2": "", "p3": "", "p4": "d"}


def test_a_placeholder_without_a_value_is_empty() -> None:
    assert render({"p1": "<{shared_id}>"}, {}).parameters == {"p1": "<>"}


def test_the_voice_agent_s_values_win_and_their_braces_are_no_placeholders() -> None:
    rendered = render({"p1": "{reason}", "p2": "b"}, {"reason": "r"}, {"p1": "{call_id}", "p3": "c"})
    assert rendered.parameters == {"p1": "{call_id}", "p2": "b", "p3": "c"}


def test_a_value_can_t_smuggle_a_placeholder_in() -> None:
    assert render({"p1": "{reason}"}, {"reason": "{call_id}", "call_id": "c"}).parameters == {
        "p1": "{call_id}"
    }


def test_no_templates_give_no_parameters() -> None:
    assert render({}, {"reason": "r"}).parameters == {}


def test_a_long_value_is_cut_between_characters_and_named() -> None:
    rendered = render({"p1": "{reason}", "p2": "ok"}, {"reason": "ü" * 50}, limit_bytes=20)
    assert rendered.parameters == {"p1": "ü" * 8 + MARKER, "p2": "ok"}
    assert rendered.cut == ("p1",)


def test_when_the_sum_is_too_long_the_later_ones_give_way() -> None:
    rendered = render(dict.fromkeys(("p1", "p2", "p3"), "x" * 10), {}, limit_bytes=10, total_bytes=16)
    assert rendered.parameters == {"p1": "x" * 10, "p2": "xxx" + MARKER, "p3": ""}
    assert rendered.cut == ("p2", "p3")


def test_a_limit_beyond_the_usual_sum_widens_the_sum() -> None:
    assert render({"p1": "x" * 20_000}, {}, limit_bytes=32_000).cut == ()


def test_control_characters_become_one_space() -> None:
    assert render({"p1": "{reason}"}, {"reason": "a\r\nb\x00c"}).parameters == {"p1": "a b c"}


@given(named, anything, named, st.integers(0, 80), st.integers(0, 200))
def test_whatever_goes_in_slots_are_without_gaps_and_within_their_limits(
    templates: dict[str, str], reason: str, overrides: dict[str, str], limit: int, total: int
) -> None:
    templates = {name: value.replace("{", "{{").replace("}", "}}") for name, value in templates.items()}
    templates = {name: value + "{reason}" for name, value in templates.items()}
    rendered = render(templates, {"reason": reason}, overrides, limit, total)
    parameters = rendered.parameters
    assert tuple(parameters) == NAMES[: len(parameters)]
    assert set(parameters) >= set(templates) | set(overrides)
    assert all(len(value.encode()) <= limit for value in parameters.values())
    assert sum(len(value.encode()) for value in parameters.values()) <= total
    assert not any(character in value for value in parameters.values() for character in "\r\n\x00\x7f")


@given(st.text(max_size=40), st.integers(0, 60))
def test_what_is_left_of_a_value_is_its_beginning(value: str, limit: int) -> None:
    kept, length = _fitted(value, limit)
    assert kept == value or value.startswith(kept.removesuffix(MARKER))
    assert len(kept.encode()) == length <= limit


@given(anything)
def test_a_header_value_can_t_begin_another_header(text: str) -> None:
    (value,) = render_headers({"X-Reason": "{reason}"}, {"reason": text}).values()
    assert value.isprintable()
    assert value == value.strip()


@pytest.mark.parametrize("text", ["a\r\nVia: evil", "a\nVia: evil", "a\x00Via: evil"])
def test_line_ends_and_nul_are_removed_from_headers(text: str) -> None:
    assert header_value(text) == "aVia: evil"


def test_of_what_was_cut_the_size_is_told_and_what_was_left_of_it() -> None:
    given = {"p1": "ä" * 30, "p2": "b"}
    rendered = render({"p3": "{reason}"}, {"reason": "c" * 90}, given, 50, 52)
    assert rendered.cut == ("p1", "p3")
    (first, told), (second, left_out) = cut_warnings(rendered.cut, rendered.parameters, given)
    assert (first, second) == ("p1", "p3")
    assert "of 60 bytes" in told
    assert f"cut to {len(rendered.parameters['p1'].encode())} bytes" in told
    assert "left out" in left_out
