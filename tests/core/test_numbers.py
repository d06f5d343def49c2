# SPDX-License-Identifier: GPL-3.0-or-later
"""The number map against a naive one, and what it says of near misses."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.conflicts import find_conflicts
from agent.core.number_map import NumberMap
from agent.core.numbers import Kind, NumberRule, normalise, parse_pattern

DIGITS = st.text("012", min_size=1, max_size=4)


def rule(pattern: str) -> NumberRule:
    return NumberRule(pattern, (f"project-{pattern}",), file="numbers.yaml", line=1)


@st.composite
def ranges(draw: st.DrawFn) -> str:
    length = draw(st.integers(1, 4))
    ends = sorted(draw(st.text("012", min_size=length, max_size=length)) for _ in range(2))
    return f"{ends[0]}-{ends[1]}"


PATTERNS = st.lists(
    st.one_of(DIGITS, ranges(), DIGITS.map(lambda text: text + "*"), st.just("*")), max_size=14
)


def sound(patterns: list[str]) -> tuple[NumberRule, ...]:
    return find_conflicts([(rule(text), parse_pattern(text)) for text in patterns]).sound


def naive(rules: tuple[NumberRule, ...], number: str) -> NumberRule | None:
    """By the words of the contract: exact, then range, then the longer prefix."""
    exact, within, longest = None, None, None
    for candidate in rules:
        text = candidate.pattern
        if text == number:
            exact = candidate
        elif "-" in text:
            low, high = text.split("-")
            if len(low) == len(number) and int(low) <= int(number) <= int(high):
                within = candidate
        elif text.endswith("*") and number.startswith(text[:-1]):
            longest = max(longest, candidate, key=lambda r: len(r.pattern)) if longest else candidate
    return exact or within or longest


@given(PATTERNS, st.text("0123", min_size=1, max_size=6))
def test_the_map_answers_as_the_naive_one_does(patterns: list[str], number: str) -> None:
    rules = sound(patterns)
    assert NumberMap(rules).match(number) == naive(rules, number)


@given(PATTERNS)
def test_a_rule_that_is_not_reported_as_hidden_takes_some_number(patterns: list[str]) -> None:
    report = find_conflicts([(rule(text), parse_pattern(text)) for text in patterns])
    numbers = NumberMap(report.sound)
    hidden = {patterns[c.index] for c in report.conflicts if "can never match" in c.text}
    taken = {found.pattern for found in map(numbers.match, _all_numbers()) if found}
    for each in report.sound:
        assert (each.pattern in taken) == (each.pattern not in hidden)


def _all_numbers() -> list[str]:
    """All numbers of up to five digits over 0, 1, 2, and some with digits that no pattern has."""
    found, last = [], [""]
    for _ in range(5):
        last = [head + digit for head in last for digit in "0123"]
        found += last
    return found


@given(PATTERNS)
def test_a_map_survives_the_way_from_a_child_process(patterns: list[str]) -> None:
    numbers = NumberMap(sound(patterns))
    again = pickle.loads(pickle.dumps(numbers))  # noqa: S301 - our own
    assert list(again) == list(numbers)
    assert [again.match(n) for n in ("0", "12", "2012")] == [numbers.match(n) for n in ("0", "12", "2012")]


@given(st.text(max_size=40), st.lists(st.sampled_from(["+1", "1", "00", "+"]), max_size=3))
def test_no_text_breaks_normalising_matching_or_looking_for_the_nearest(text: str, strip: list[str]) -> None:
    numbers = NumberMap([rule("9995550100"), rule("9995550200-9995550299"), rule("99*")])
    number = normalise(text, strip)
    numbers.match(number)
    numbers.nearest(number)


@pytest.mark.parametrize(
    ("sent", "strip", "number"),
    [
        ("9995550100", (), "9995550100"),
        ("+19995550100", ("+1", "1"), "9995550100"),
        ("19995550100", ("+1", "1"), "9995550100"),
        ("+449995550100", ("+1", "1"), "449995550100"),
        ("%2B1-999-555.0100;npdi;rn=1", ("+1",), "9995550100"),
        ("(999) 555-0100", (), "9995550100"),
        ("001999", ("00", "001"), "999"),
        ("1", ("1",), "1"),
        ("bot", (), "bot"),
        ("", ("1",), ""),
    ],
)
def test_a_number_is_brought_to_digits(sent: str, strip: tuple[str, ...], number: str) -> None:
    assert normalise(sent, strip) == number


@pytest.mark.parametrize(
    ("text", "kind", "low", "high"),
    [
        ("9995550100", Kind.EXACT, "9995550100", "9995550100"),
        ("+4420", Kind.EXACT, "4420", "4420"),
        ("100-199", Kind.RANGE, "100", "199"),
        ("+100 - +199", Kind.RANGE, "100", "199"),
        ("555*", Kind.PREFIX, "555", "555"),
        ("*", Kind.PREFIX, "", ""),
    ],
)
def test_a_key_is_read(text: str, kind: Kind, low: str, high: str) -> None:
    pattern = parse_pattern(text)
    assert (pattern.kind, pattern.low, pattern.high) == (kind, low, high)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("999_5", "is not a number"),
        ("999-555-0100", "has separators, which a key has none of: write 9995550100"),
        ("+1 (999) 555.0100", "has separators, which a key has none of: write \\+19995550100"),
        ("999 555*", "has separators, which a key has none of: write 999555\\*"),
        ("", "is not a number"),
        ("99*5", "is not a number"),
        ("٣٤", "is not a number"),
        ("10-199", "differ in length"),
        ("199-100", "runs backwards: write 100-199"),
        ("1" * 33, "is not a number"),
    ],
)
def test_a_key_that_can_not_be_read_is_explained(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_pattern(text)


@pytest.mark.parametrize(
    ("number", "pattern"),
    [
        ("9995550100", "9995550100"),
        ("19995550100", "9995550100"),
        ("9995550010", "9995550100"),
        ("999555010", "9995550100"),
        ("99955501000", "9995550100"),
        ("9995550300", "9995550200-9995550299"),
        ("12", None),
        ("bot", None),
    ],
)
def test_the_nearest_miss_is_what_a_person_meant(number: str, pattern: str | None) -> None:
    found = NumberMap([rule("9995550100"), rule("9995550200-9995550299")]).nearest(number)
    assert (found.pattern if found else None) == pattern


def test_hidden_rules_are_told_after_the_one_that_takes_the_number() -> None:
    numbers = NumberMap([rule("*"), rule("10*"), rule("100-109"), rule("105")])
    assert [found.pattern for found in numbers.matches("105")] == ["105", "100-109", "10*", "*"]


@pytest.mark.parametrize("patterns", [("1", "+1"), ("1*", "1*"), ("10-19", "15-25")])
def test_a_map_refuses_rules_that_contradict_each_other(patterns: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"twice|overlap"):
        NumberMap(map(rule, patterns))


def test_conflicts_blame_the_later_rule_and_name_the_earlier_ones_place() -> None:
    texts = ["10-19", "1", "15-25", "+1", "12-13"]
    rules = [NumberRule(text, ("a",), file="n.yaml", line=line) for line, text in enumerate(texts, 2)]
    report = find_conflicts([(each, parse_pattern(each.pattern)) for each in rules])
    assert {conflict.index: conflict.text for conflict in report.conflicts} == {
        3: "+1 is there already, at n.yaml:3: leave one out",
        2: "15-25 overlaps 10-19 at n.yaml:2: make them disjoint",
        4: "12-13 overlaps 10-19 at n.yaml:2: make them disjoint",
    }


@pytest.mark.parametrize(
    ("patterns", "hidden"),
    [
        (["10-11", "10", "11"], "10-11"),
        (["5*", "5", *(f"5{digit}*" for digit in range(10))], "5*"),
        (["*", *(f"{digit}*" for digit in range(10))], "*"),
        (["5*", "5-5", "50-59", *(f"5{a}{b}*" for a in range(10) for b in range(10))], "5*"),
    ],
)
def test_a_rule_that_can_never_match_is_found(patterns: list[str], hidden: str) -> None:
    report = find_conflicts([(rule(text), parse_pattern(text)) for text in patterns])
    blamed = {patterns[conflict.index] for conflict in report.conflicts}
    assert hidden in blamed


LONG = st.builds(
    lambda head, length: head + "7" * (length - len(head)),
    st.text("0129", min_size=1, max_size=3),
    st.integers(17, 22),
)


@given(st.lists(LONG, max_size=12, unique=True), LONG)
def test_numbers_of_any_length_are_found_and_none_beside_them(patterns: list[str], number: str) -> None:
    rules = sound([text + "*" if len(text) % 2 else text for text in patterns])
    assert NumberMap(rules).match(number) == naive(rules, number)


def test_rules_are_found_by_how_their_numbers_begin() -> None:
    texts = ("9995550100", "9995550101", "9995550200-9995550299", "99955503*", "999555", "020", "9" * 25)
    numbers = NumberMap(map(rule, texts))

    def found(digits: str, most: int = 10) -> list[str]:
        return [each.pattern for each in numbers.beginning_with(digits, most)]

    assert found("99955501") == ["9995550100", "9995550101"]
    assert found("99955501", 1) == ["9995550100"]
    assert found("999555") == ["999555", "9995550100", "9995550101", "9995550200-9995550299", "99955503*"]
    assert found("9995550250") == []
    assert found("0") == ["020"]
    assert found("9999") == ["9" * 25]
    assert len(found("")) == 7
    assert found("", 2) == ["020", "999555"]
    for odd in ("99\u00b2", "\u0669\u0669", "99 ", "-1"):
        assert found(odd) == []


def test_rules_are_found_by_their_projects_and_labels() -> None:
    numbers = NumberMap(
        [
            NumberRule("1", ("care",), {"brand": "acme"}),
            NumberRule("2", ("care", "care-sandbox")),
            NumberRule("3", ("sales",), {"care": "no"}),
            NumberRule("4", ("care",), {"brand": "acme"}),
            NumberRule("5", ("sales",), {"brand": 'Zürich "9"'}),
        ]
    )

    def found(text: str, most: int = 10) -> list[str]:
        return [each.pattern for each in numbers.mentioning(text, most)]

    assert found("care") == ["1", "4", "2", "3"]
    assert found("care", 2) == ["1", "4"]
    assert found("acme") == ["1", "4"]
    assert found('Zürich "9"') == ["5"]
    assert found("nobody") == found("") == found('","') == []
    assert list(NumberMap().mentioning("care", 5)) == []
