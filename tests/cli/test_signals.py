# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""``handoff-agent signals``, with an agent that runs and without one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.core.moments import Moment, SignalState
from agent.core.records import Attempt, Channel, Signal

Capture = pytest.CaptureFixture[str]
ACCEPTED = ("accepted", 202, "")
BUSY = ("unavailable", 503, "Service Unavailable")
GONE = ("unknown_contact", 404, "Invalid Contact ID.")
SILENT = ("uncertain", None, "no answer in time")
SECRET = "what the caller said"


def test_did_the_contact_get_its_signal_is_answered_in_words(bench: Any, capsys: Capture) -> None:
    bench.record(SignalState.ACCEPTED, BUSY, ACCEPTED)
    bench.record(SignalState.REFUSED, GONE, contact_id="4513")
    assert bench.command("signals", "list", "--contact", "4512") == 0
    first, _, heads, row = capsys.readouterr().out.splitlines()
    assert first.startswith("contact 4512, call c-4512: the handoff signal was ACCEPTED by NICE at 20")
    assert first.endswith("UTC (HTTP 202), 1.3 s after the moment, at try 2")
    assert heads.split()[2:] == ["SIGNAL", "CONTACT", "PROJECT", "WHAT", "STATE", "TRIES", "ANSWER"]
    assert " ".join(row.split()[2:]) == "s-4512-handoff 4512 acme-care handoff accepted 2 HTTP 202"


@pytest.mark.parametrize(
    ("state", "tried", "words"),
    [
        (SignalState.REFUSED, [GONE], "NOT taken: NICE refused it at"),
        (SignalState.UNKNOWN, [SILENT], "UNKNOWN: it was sent at"),
        (SignalState.EXPIRED, [BUSY, BUSY], "though it expires in "),
        (
            SignalState.CANCELLED,
            [],
            "NOT sent: it was cancelled, since the caller hung up first; never tried",
        ),
        (SignalState.SENDING, [], "on its way to NICE"),
        (SignalState.RECORDED, [BUSY], "WAITS to be sent and expires in "),
    ],
)
def test_each_state_has_its_words(
    bench: Any, capsys: Capture, state: SignalState, tried: list[Any], words: str
) -> None:
    bench.record(state, *tried)
    assert bench.command("signals", "list", "--contact", "4512") == 0
    assert words in capsys.readouterr().out.splitlines()[0]


def test_a_contact_without_a_signal_is_found_wrong(bench: Any, capsys: Capture) -> None:
    bench.record(SignalState.RECORDED)
    assert bench.command("signals", "list", "--contact", "99") == 1
    assert capsys.readouterr().out.startswith("no recorded signal of contact 99 matches")
    assert bench.command("signals", "list", "--project", "acme-sales") == 0


def test_a_table_fits_the_screen_whatever_is_in_it(bench: Any, capsys: Capture) -> None:
    contact = "9" * 19
    said = ("bad_request", 400, "Invalid parameter \x1b[31m" + "x" * 190)
    bench.record(SignalState.REFUSED, said, contact_id=contact, project="a-project-with-a-long-name")
    assert bench.command("signals", "list") == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 120
    assert contact in text
    assert "\x1b" not in text


def test_filters_choose(bench: Any, capsys: Capture) -> None:
    bench.record(SignalState.REFUSED, GONE)
    bench.record(SignalState.ACCEPTED, ACCEPTED, moment=Moment.ARRIVAL)
    bench.record(SignalState.ACCEPTED, ACCEPTED, contact_id="4513")

    def found(*filters: str) -> set[str]:
        assert bench.command("signals", "list", "--json", *filters) in (0, 1)
        return {one["signal_id"] for one in json.loads(capsys.readouterr().out)["signals"]}

    assert found() == {"s-4512-handoff", "s-4512-arrival", "s-4513-handoff"}
    assert found("--call", "c-4512") == {"s-4512-handoff", "s-4512-arrival"}
    assert found("--state", "refused") == {"s-4512-handoff"}
    assert found("--moment", "arrival", "--project", "acme-care") == {"s-4512-arrival"}
    assert found("--limit", "1") == {"s-4513-handoff"}
    assert found("--since", "10s") == set()
    assert len(found("--since", "5m")) == 3
    assert found("--since", "2001-01-01T00:00") == found()


def posted(bench: Any, channel: Channel, state: SignalState, *tried: tuple[str, int | None, str]) -> str:
    """A webhook or transcript of a call on record, after these tries; gives its id."""
    signal_id, now = f"e-{channel.value}", bench.then
    contact_id = "4500" if channel is Channel.TRANSCRIPT else "4512"
    ids = (signal_id, "c-4512", "acme", "acme-care", contact_id)
    body = {"body": json.dumps({"reason": SECRET})}
    entry = Signal(*ids, Moment.HANDOFF, body, now, now + 60, channel=channel)

    async def write(store: Any) -> None:
        await store.record_signal(entry)
        for index, (outcome, status, detail) in enumerate(tried):
            attempt = Attempt(now + index, now + index + 0.2, outcome, status, detail)
            last = index == len(tried) - 1
            await store.update_signal(signal_id, state if last else SignalState.RECORDED, attempt)

    bench.stored(write)
    return signal_id


def test_webhooks_and_transcripts_stand_beside_signals_and_can_be_chosen(bench: Any, capsys: Capture) -> None:
    bench.record(SignalState.ACCEPTED, ACCEPTED, master_id="4500")
    posted(bench, Channel.WEBHOOK, SignalState.EXPIRED, ("server_fault", 500, "HTTP 500"))
    posted(bench, Channel.TRANSCRIPT, SignalState.ACCEPTED, ("accepted", 200, ""))
    assert bench.command("signals", "list", "--contact", "4512") == 0
    text = capsys.readouterr().out
    assert "the handoff signal was ACCEPTED by NICE" in text
    assert "the webhook was NOT taken: it expired at" in text
    assert "contact 4500, call c-4512: the transcript was ACCEPTED by NICE" in text
    rows = [line.split() for line in text.splitlines()[5:]]
    assert {tuple(row[2:7]) for row in rows} == {
        ("e-transcript", "4500", "acme-care", "transcript", "accepted"),
        ("e-webhook", "4512", "acme-care", "webhook", "expired"),
        ("s-4512-handoff", "4512", "acme-care", "handoff", "accepted"),
    }
    for channel, signal_id in (("webhook", "e-webhook"), ("signal", "s-4512-handoff")):
        assert bench.command("signals", "list", "--json", "--channel", channel) == 0
        (found,) = json.loads(capsys.readouterr().out)["signals"]
        assert (found["signal_id"], found["channel"]) == (signal_id, channel)


def test_a_webhook_s_story_is_told_in_its_own_words(bench: Any, capsys: Capture) -> None:
    tried = [("uncertain", None, "no answer in time"), ("server_fault", 502, "HTTP 502")]
    signal_id = posted(bench, Channel.WEBHOOK, SignalState.ACCEPTED, *tried, ("accepted", 200, ""))
    assert bench.command("signals", "show", signal_id) == 0
    text = capsys.readouterr().out
    assert "contact 4512: the webhook was ACCEPTED by the customer's system" in text
    assert "channel     webhook" in text
    assert "not acknowledged: repeated 800 ms later" in text
    assert "try 2: HTTP 502 after 200 ms: the customer's system failed" in text
    assert text.splitlines()[-1].strip() == "done"
    assert SECRET not in text


def test_an_operator_retries_and_discards_what_is_no_signal_too(bench: Any, capsys: Capture) -> None:
    unknown = posted(bench, Channel.TRANSCRIPT, SignalState.UNKNOWN, SILENT)
    refused = posted(bench, Channel.WEBHOOK, SignalState.REFUSED, ("bad_request", 404, "HTTP 404"))
    assert bench.command("signals", "retry", refused) == 1
    assert "has no webhook in the configuration any more" in capsys.readouterr().out
    assert bench.command("signals", "retry", unknown, "--yes") == 1
    assert "has no cxone.transcripts in the configuration any more" in capsys.readouterr().out

    project = "projects/acme-care.yaml"
    webhook = 'webhook: {url: "http://127.0.0.1:9/", secret: "${env:HOME}", ttl: 1h}'
    transcripts = "  transcripts: {vendor_id: v, virtual_agent_id: b}"
    bench.edit(project, "\ncxone:\n", f"\n{webhook}\ncxone:\n{transcripts}\n")
    assert bench.command("signals", "retry", unknown) == 1
    assert "NICE may have taken it, and would have it twice; use --yes" in capsys.readouterr().out
    assert bench.command("signals", "retry", refused) == 0
    assert f"the webhook {refused} of contact 4512 is recorded again" in capsys.readouterr().out
    reopened = bench.signal(refused)
    assert reopened.state is SignalState.RECORDED
    assert reopened.expires - reopened.attempts[1].began == pytest.approx(3600)
    assert bench.command("signals", "discard", refused) == 0
    assert "the webhook of contact 4512 is cancelled" in capsys.readouterr().out
    assert bench.signal(refused).state is SignalState.CANCELLED


def test_show_tells_each_attempt_and_why_it_was_repeated(bench: Any, capsys: Capture) -> None:
    signal_id = bench.record(SignalState.UNKNOWN, BUSY, SILENT)
    assert bench.command("signals", "show", signal_id) == 0
    text = capsys.readouterr().out
    assert "try 1: HTTP 503 Service Unavailable after 200 ms: NICE was overloaded" in text
    assert "surely without effect: repeated 800 ms later" in text
    assert "try 2: no answer in time" in text
    assert "not repeated: a second one would restart the script on the caller" in text
    assert "p3          20 characters" in text
    assert SECRET not in text


def test_values_are_shown_only_when_asked_for(bench: Any, capsys: Capture) -> None:
    signal_id = bench.record(SignalState.RECORDED)
    bench.command("signals", "show", signal_id, "--json")
    assert SECRET not in capsys.readouterr().out
    assert bench.command("signals", "show", signal_id, "--values") == 0
    assert SECRET in capsys.readouterr().out


def test_the_running_agent_sends_a_refused_signal_again(bench: Any, capsys: Capture, node: Any) -> None:
    signal_id = bench.record(SignalState.REFUSED, GONE)
    assert bench.command("signals", "retry", signal_id) == 0
    assert "goes out again" in capsys.readouterr().out
    bench.elsewhere(node.settled())
    signal = bench.signal(signal_id)
    assert signal.state is SignalState.ACCEPTED
    assert [one.outcome for one in signal.attempts] == ["unknown_contact", "retried_by_operator", "accepted"]
    assert "@" in signal.attempts[1].detail
    assert len(bench.simulator.signals("4512")) == 1
    assert bench.command("signals", "retry", signal_id, "--yes") == 1
    assert "would restart the script" in capsys.readouterr().out
    assert len(bench.simulator.signals("4512")) == 1


@pytest.mark.usefixtures("node")
def test_an_unknown_one_needs_a_yes(bench: Any, capsys: Capture, node: Any) -> None:
    signal_id = bench.record(SignalState.UNKNOWN, SILENT)
    assert bench.command("signals", "retry", signal_id) == 1
    assert "use --yes if that is wanted" in capsys.readouterr().out
    assert bench.signal(signal_id).state is SignalState.UNKNOWN
    assert bench.command("signals", "retry", signal_id, "--yes") == 0
    bench.elsewhere(node.settled())
    assert bench.signal(signal_id).state is SignalState.ACCEPTED


def test_without_an_agent_a_retry_is_left_to_the_next_one(bench: Any, capsys: Capture) -> None:
    signal_id = bench.record(SignalState.EXPIRED, BUSY)
    assert bench.command("signals", "retry", signal_id) == 0
    assert "goes out when the agent starts" in capsys.readouterr().out
    assert bench.signal(signal_id).state is SignalState.RECORDED
    assert bench.command("signals", "discard", signal_id, "--json") == 0
    assert json.loads(capsys.readouterr().out)["state"] == "cancelled"
    assert bench.command("signals", "discard", signal_id) == 1
    assert "only a recorded one can be discarded" in capsys.readouterr().out
    assert bench.simulator.signals() == []


def test_an_agent_that_holds_the_storage_elsewhere_is_not_passed_by(
    bench: Any, capsys: Capture, node: Any
) -> None:
    signal_id = bench.record(SignalState.REFUSED, GONE)
    bench.edit("agent.yaml", f"operations: 127.0.0.1:{bench.port}", "operations: 127.0.0.1:9")
    assert bench.command("signals", "retry", signal_id) == 2
    assert "an agent uses the storage" in capsys.readouterr().err
    assert bench.signal(signal_id).state is SignalState.REFUSED
    assert node.live == []


def test_a_signal_that_is_not_there_is_said_in_one_line(bench: Any, capsys: Capture) -> None:
    bench.record(SignalState.RECORDED)
    for verb in ("show", "retry", "discard"):
        assert bench.command("signals", verb, "s-none") == 2
        assert capsys.readouterr().err == "handoff-agent: unknown signal s-none\n"


def test_without_a_record_no_file_is_made(bench: Any, capsys: Capture) -> None:
    assert bench.command("signals", "list") == 2
    assert "does not exist" in capsys.readouterr().err
    assert not bench.database.exists()


@pytest.mark.parametrize("arguments", [["--since", "monday"], ["--limit", "0"], ["--state", "lost"]])
def test_a_filter_that_makes_no_sense_is_refused(bench: Any, capsys: Capture, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        bench.command("signals", "list", *arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err
