# SPDX-License-Identifier: GPL-3.0-or-later
"""How templates are read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.model import PLACEHOLDERS, parse_template


def test_a_template_is_literal_text_and_placeholders() -> None:
    assert parse_template("to {skill}, {label.brand}{{x}}") == (
        ("to ", "skill"),
        (", ", "label.brand"),
        ("{", None),
        ("x}", None),
    )


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("{skil}", r"unknown placeholder \{skil\}: did you mean \{skill\}\?"),
        ("{xyz}", "expected one of account, call_id"),
        ("{}", "unknown placeholder"),
        ("{0}", "unknown placeholder"),
        ("{label.}", "unknown placeholder"),
        ("{label.a b}", "unknown placeholder"),
        ("{skill!r}", r"only a name, write \{skill\}"),
        ("{skill:>9}", r"only a name, write \{skill\}"),
        ("{skill.__class__}", "unknown placeholder"),
        ("{skill", "brace without its partner"),
        ("skill}", "brace without its partner"),
    ],
)
def test_a_template_that_can_not_be_filled_in_is_explained(template: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_template(template)


@given(st.text(alphabet="{}!:.a[]", max_size=12))
def test_no_text_breaks_the_parser_other_than_by_value_error(text: str) -> None:
    try:
        pieces = parse_template(text)
    except ValueError:
        return
    assert all(name is None or name in PLACEHOLDERS or name.startswith("label.") for _, name in pieces)
