# SPDX-License-Identifier: GPL-3.0-or-later
"""Logs: one JSON line per fact, numbers masked, secrets never."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.telemetry import logs

pytestmark = pytest.mark.usefixtures("logging_restored")


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_is_json_with_time_level_and_part(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logs.logger("courier").info("signal sent", status=202)
    (line,) = lines(capsys)
    assert line.pop("time").endswith("Z")
    assert line == {
        "event": "signal sent",
        "level": "info",
        "part": "courier",
        "status": 202,
    }


def test_numbers_are_masked_but_for_two_digits_unless_asked_otherwise(
    capsys: pytest.CaptureFixture[str],
) -> None:
    logs.configure()
    logs.logger("sip").info("invite", number="+19995550100", caller="sip:15551234567@10.0.0.1:5060")
    logs.configure(numbers="shown")
    logs.logger("sip").info("invite", number="+19995550100")
    hidden, shown = lines(capsys)
    assert hidden["number"] == "+*********00"
    assert hidden["caller"] == "sip:*********67@10.0.0.1:5060"
    assert shown["number"] == "+19995550100"


@given(st.from_regex(r"\+?[0-9]{3,20}", fullmatch=True))
def test_a_masked_number_shows_its_last_two_digits_and_no_other(number: str) -> None:
    hidden = logs.masked(number)
    assert len(hidden) == len(number)
    assert hidden[-2:] == number[-2:]
    assert not any(character.isdigit() for character in hidden[:-2])


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (
            "caller → us INVITE sip:+19995550100@10.0.0.1:5060;user=phone SIP/2.0 [1 INVITE] udp 10.0.0.2",
            "caller → us INVITE sip:+*********00@10.0.0.1:5060;user=phone SIP/2.0 [1 INVITE] udp 10.0.0.2",
        ),
        (
            "refer to SIPS:9995550100@queue (1 of 2)",
            "refer to SIPS:********00@queue (1 of 2)",
        ),
        ("dial tel:+1-999-555-0100 (1 of 1)", "dial tel:+*-***-***-**00 (1 of 1)"),
        (
            "admitted: carrier c, rule 9995550100 (n.yaml:3), project p, contact 4711",
            "admitted: carrier c, rule ********00 (n.yaml:3), project p, contact 4711",
        ),
        ("dial sip:10.0.0.5:5070 (1 of 1)", "dial sip:10.0.0.5:5070 (1 of 1)"),
    ],
)
def test_within_a_text_numbers_are_masked_and_nothing_else_is(text: str, seen: str) -> None:
    assert logs.masked_within(text) == seen


@pytest.mark.parametrize("numbers", ["masked", "shown"])
def test_secrets_and_parameter_values_are_never_written(
    numbers: Literal["masked", "shown"], capsys: pytest.CaptureFixture[str]
) -> None:
    logs.configure(numbers=numbers)
    logs.logger("cxone").warning("odd", token="hush", Authorization="hush", parameters={"p1": "hush"})
    logging.getLogger("library").warning("odd", extra={"password": "hush"})
    assert "hush" not in capsys.readouterr().err


def test_below_the_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level="warning")
    logs.logger("sip").info("quiet")
    logging.getLogger("library").info("quiet")
    assert capsys.readouterr().err == ""


def test_a_library_s_log_takes_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logging.getLogger("aiohttp.server").error("broken %s", "pipe")
    (line,) = lines(capsys)
    assert (line["event"], line["level"]) == ("broken pipe", "error")


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_has_no_local_variables(
    form: Literal["json", "text"], capsys: pytest.CaptureFixture[str]
) -> None:

    def break_with(secret: str) -> None:
        raise RuntimeError("odd", len(secret))

    logs.configure(form=form)
    try:
        break_with("hush" * 2)
    except RuntimeError:
        logs.logger("sip").exception("unexpected")
    written = capsys.readouterr().err
    assert "RuntimeError" in written
    assert "hushhush" not in written


def test_a_text_line_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(form="text")
    logs.logger("sip").info("listening", port=5060)
    written = capsys.readouterr().err
    assert "listening" in written
    assert "port=5060" in written


def test_a_reader_that_went_away_does_not_end_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    logs.configure()
    monkeypatch.setattr(sys, "stderr", Gone())
    logs.logger("sip").info("listening")


def test_what_brings_the_tables_up_to_date_says_nothing_of_how_it_sets_itself_up() -> None:
    """A process of its own: the library says it while it is imported, which is once."""
    program = "from agent.telemetry import logs; logs.configure(); import agent.delivery.schema.steps"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


def test_a_text_that_is_made_to_be_slow_is_masked_in_no_time() -> None:
    for piece in ("sip:", "sip:1", "tel:", ", rule ", "sips:a@"):
        assert len(logs.masked_within(piece * 50_000)) == len(piece) * 50_000
