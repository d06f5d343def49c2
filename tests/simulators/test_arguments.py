# SPDX-License-Identifier: GPL-3.0-or-later
"""What a simulator's options may be, and what is said of others."""

from __future__ import annotations

import argparse

import pytest

from agent.core.records import Way
from agent.simulators import voice_agent
from agent.simulators.manners import Manner


@pytest.fixture
def parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    voice_agent.add_arguments(parser)
    return parser


@pytest.mark.parametrize("option", ["--hand-off-after", "--hang-up-after", "--ring-for", "--talk-on"])
@pytest.mark.parametrize("text", ["nan", "inf", "-1", "soon", "1e9"])
def test_what_is_no_time_is_refused_with_what_would_be(
    option: str, text: str, parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser.parse_args([f"{option}={text}"])
    assert f"argument {option}: {text!r}: write seconds, from 0 to 86400" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "kinds"),
    [("--manner", "talks, listens, deaf, silent, echoes"), ("--ask", "http, refer, info, bye")],
)
def test_what_there_is_not_is_told_with_what_there_is(
    option: str, kinds: str, parser: argparse.ArgumentParser, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parser.parse_args([option, "loud"])
    assert f"argument {option}: 'loud': choose from {kinds}" in capsys.readouterr().err


def test_what_is_given_is_taken(parser: argparse.ArgumentParser) -> None:
    found = parser.parse_args(
        ["--manner", "deaf", "--ask", "bye", "--hand-off-after", "0", "--ring-for", "1.5"]
    )
    assert (found.manner, found.ask) == (Manner.DEAF, Way.BYE)
    assert (found.hand_off_after, found.ring_for) == (0.0, 1.5)
