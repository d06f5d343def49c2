# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals through real sockets to the simulated CXone: each thing that can go well or wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from agent.core.errors import CxoneError
from agent.core.model.project import Project
from agent.core.outcomes import Answer, Outcome
from agent.cxone.client import Cxone
from agent.simulators.cxone import CxoneSimulator
from agent.web.client import Client
from tests.calls.harness.ports import free_port
from tests.clock import Clock

PARAMETERS = {"p1": "CUSTOMER_CARE", "p2": "4711", "p3": "BILLING"}


async def test_a_signal_is_accepted_with_its_parameters_in_a_json_body(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    answer = await cxone.signal(project, "1001", PARAMETERS)

    assert answer == Answer(Outcome.ACCEPTED, 202, "")
    [entry] = simulator.signals("1001")
    assert entry["parameters"] == PARAMETERS
    assert entry["sources"] == "body"
    assert entry["api_version"] == "30.0"
    assert entry["correlation_id"]


@pytest.mark.parametrize(("style", "sources"), [("query", "query"), ("mixed", "mixed"), ("body", "body")])
async def test_parameters_travel_unharmed_in_each_style_and_never_twice(
    cxone: Cxone, simulator: CxoneSimulator, project_for: Callable[..., Project], style: str, sources: str
) -> None:
    parameters = {"p1": "a&b=c d+%/?#ü", "p3": '{"k": "…"}\n|'}

    answer = await cxone.signal(project_for(simulator.url, parameters=style), "1", parameters)

    assert answer.accepted
    [entry] = simulator.signals()
    assert entry["parameters"] == {"p1": parameters["p1"], "p2": "", "p3": parameters["p3"]}
    assert entry["sources"] == sources
    assert entry["conflicts"] == []


@pytest.mark.parametrize("contact_id", ["", " ", "12a", "-1", "1" * 20, "9223372036854775808", "../1"])
async def test_a_contact_id_that_is_none_is_not_sent(
    cxone: Cxone, simulator: CxoneSimulator, project: Project, contact_id: str
) -> None:
    answer = await cxone.signal(project, contact_id, PARAMETERS)

    assert answer.outcome is Outcome.BAD_REQUEST
    assert not answer.may_retry
    assert simulator.signals() == []


async def test_a_tenth_parameter_is_an_error_of_the_caller(cxone: Cxone, project: Project) -> None:
    with pytest.raises(ValueError, match="p10"):
        await cxone.signal(project, "1", {"p10": "x"})


async def test_a_hundred_signals_at_once_need_one_token(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    answers = await asyncio.gather(*(cxone.signal(project, str(n), PARAMETERS) for n in range(100)))

    assert all(answer.accepted for answer in answers)
    assert simulator.world.mint.requests == 1


async def test_a_token_refused_early_is_fetched_anew_once_for_all(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    await cxone.ready(project)
    simulator.world.mint.revoke_all()

    answers = await asyncio.gather(*(cxone.signal(project, str(n), PARAMETERS) for n in range(100)))

    assert all(answer.accepted for answer in answers)
    assert simulator.world.mint.issued_total == 2


async def test_before_send_is_asked_again_before_a_request_is_repeated_with_a_fresh_token(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    await cxone.ready(project)
    simulator.world.mint.revoke_all()
    seen: list[int] = []

    async def before_send() -> None:
        seen.append(len(simulator.signals()))

    assert (await cxone.signal(project, "1", PARAMETERS, before_send=before_send)).accepted
    assert seen == [0, 1]


async def test_what_before_send_raises_passes_and_nothing_is_sent(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    async def before_send() -> None:
        raise KeyError("disk full")

    with pytest.raises(KeyError, match="disk full"):
        await cxone.signal(project, "1", PARAMETERS, before_send=before_send)

    assert simulator.signals() == []


async def test_a_second_401_with_a_fresh_token_backs_the_credential_off(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    simulator.fails("signal", status=401, description="Unauthorized")

    answers = await asyncio.gather(*(cxone.signal(project, str(n), PARAMETERS) for n in range(20)))
    later = await cxone.signal(project, "99", PARAMETERS)

    assert {answer.outcome for answer in answers} <= {Outcome.UNAUTHORIZED, Outcome.NOT_SENT}
    assert answers[0].outcome is Outcome.UNAUTHORIZED
    assert answers[0].may_retry
    assert answers[0].retry_after
    assert later.outcome is Outcome.NOT_SENT
    assert later.retry_after
    assert simulator.world.mint.issued_total == 2
    alarm = cxone.alarm(project)
    assert alarm is not None
    assert alarm.error == "token_refused"


async def test_a_403_is_final_and_does_not_cost_a_token_each_time(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    simulator.world.knobs.employee_permitted = False

    answers = [await cxone.signal(project, "1", PARAMETERS) for _ in range(3)]

    assert {answer.outcome for answer in answers} == {Outcome.FORBIDDEN}
    assert not answers[0].may_retry
    assert simulator.world.mint.issued_total == 1


async def test_a_403_with_an_old_token_is_tried_once_with_a_new_one(
    session: Client, simulator: CxoneSimulator, project: Project
) -> None:
    now = [time.time()]
    cxone = Cxone(session, lambda: now[0])
    await cxone.ready(project)
    now[0] += 600
    simulator.fails("signal", status=403, description="Forbidden", times=1)

    assert (await cxone.signal(project, "1", PARAMETERS)).accepted
    assert simulator.world.mint.issued_total == 2
    await cxone.aclose()


@pytest.mark.parametrize(
    "row",
    [
        ({"status": 400, "description": "Invalid parameter 'p1'"}, Outcome.BAD_REQUEST, False),
        ({"status": 404, "description": "InvalidContactId"}, Outcome.UNKNOWN_CONTACT, False),
        ({"status": 409}, Outcome.BAD_REQUEST, False),
        ({"status": 414}, Outcome.BAD_REQUEST, False),
        ({"status": 429, "retry_after": 3}, Outcome.THROTTLED, True),
        ({"status": 503, "retry_after": 3}, Outcome.UNAVAILABLE, True),
        ({"status": 500}, Outcome.SERVER_FAULT, False),
        ({"status": 502, "body": "<html>"}, Outcome.SERVER_FAULT, False),
        ({"status": 504}, Outcome.SERVER_FAULT, False),
        ({"status": 302}, Outcome.SERVER_FAULT, False),
        ({"mode": "html_200"}, Outcome.SERVER_FAULT, False),
        ({"mode": "reset_before"}, Outcome.UNCERTAIN, False),
        ({"mode": "reset_after"}, Outcome.UNCERTAIN, False),
    ],
)
async def test_each_fault_of_the_api_has_its_outcome(
    cxone: Cxone,
    simulator: CxoneSimulator,
    project: Project,
    row: tuple[Mapping[str, Any], Outcome, bool],
) -> None:
    fault, outcome, may_retry = row
    simulator.fails("signal", **fault)

    answer = await cxone.signal(project, "1", PARAMETERS)

    assert (answer.outcome, answer.may_retry) == (outcome, may_retry)
    assert answer.retry_after == fault.get("retry_after")
    assert len(simulator.signals()) == 1


@pytest.mark.parametrize(("mode", "accepted"), [("timeout_before_accept", 0), ("timeout_after_accept", 1)])
async def test_a_timeout_after_sending_is_uncertain_and_not_repeated(
    cxone: Cxone, simulator: CxoneSimulator, project: Project, mode: str, accepted: int
) -> None:
    await cxone.ready(project)
    simulator.fails("signal", mode=mode)

    answer = await cxone.signal(project, "1", PARAMETERS, timeout=3)

    assert answer == Answer(Outcome.UNCERTAIN, None, "no answer in time")
    assert not answer.may_retry
    assert simulator.world.ledger.counts()["accepted"] == accepted
    assert len(simulator.signals()) == 1


async def test_a_reset_of_a_reused_connection_is_uncertain_and_the_post_goes_out_once(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    assert (await cxone.signal(project, "1", PARAMETERS)).accepted
    simulator.fails("signal", mode="reset_before")

    assert (await cxone.signal(project, "2", PARAMETERS)).outcome is Outcome.UNCERTAIN
    assert len(simulator.signals("2")) == 1


async def test_a_refused_connection_was_surely_not_sent_and_leads_to_a_new_look_up(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    simulator.fails("discovery", mode="migrate", api_endpoint=f"http://127.0.0.1:{free_port()}", times=1)

    first = await cxone.signal(project, "1", PARAMETERS)
    second = await cxone.signal(project, "1", PARAMETERS)

    assert first.outcome is Outcome.NOT_SENT
    assert first.may_retry
    assert first.detail.startswith("could not connect: ")
    assert second.accepted


async def test_a_tls_handshake_that_fails_was_surely_not_sent(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    plain = simulator.url.replace("http:", "https:")
    simulator.fails("discovery", mode="migrate", api_endpoint=plain)

    answer = await cxone.signal(project, "1", PARAMETERS)

    assert answer == Answer(Outcome.NOT_SENT, None, "no TLS connection could be made")


async def test_a_kept_connection_that_is_closed_on_us_is_uncertain_and_nothing_is_repeated(
    session: Client, project_for: Callable[..., Project]
) -> None:
    heard: list[bytes] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"}"))
        if len(heard) == 1:
            writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
            heard.append(await reader.readuntil(b"}"))
        writer.close()

    async with CxoneSimulator() as simulator, await asyncio.start_server(answer_once, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        simulator.fails("discovery", mode="migrate", api_endpoint=f"http://127.0.0.1:{port}")
        cxone = Cxone(session)
        answers = [await cxone.signal(project_for(simulator.url), "1", PARAMETERS) for _ in range(2)]
        await cxone.aclose()

    assert [answer.outcome for answer in answers] == [Outcome.ACCEPTED, Outcome.UNCERTAIN]
    assert len(heard) == 2


async def test_who_waits_for_a_token_when_the_client_closes_gets_an_answer(
    session: Client, project_for: Callable[..., Project]
) -> None:
    asked = asyncio.Event()

    async def keep_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read(-1)
        writer.close()

    async with CxoneSimulator() as simulator, await asyncio.start_server(keep_silent, "127.0.0.1") as silent:
        port = silent.sockets[0].getsockname()[1]
        simulator.fails("openid", mode="migrate", api_endpoint=f"http://127.0.0.1:{port}/auth/token")
        cxone = Cxone(session)
        waiting = asyncio.create_task(cxone.signal(project_for(simulator.url), "1", PARAMETERS))
        await asked.wait()

        await cxone.aclose()

        assert (await waiting).outcome is Outcome.NOT_SENT


async def test_a_tenant_that_moved_is_found_after_404s_in_a_row(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    async with CxoneSimulator() as elsewhere:
        simulator.fails("discovery", mode="migrate", api_endpoint=elsewhere.url + "/gone", times=1)

        answers = [await cxone.signal(project, str(n), PARAMETERS) for n in range(6)]

    assert [answer.outcome for answer in answers] == [Outcome.UNKNOWN_CONTACT] * 5 + [Outcome.ACCEPTED]


async def test_a_token_request_that_fails_means_not_sent(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    simulator.fails("token", status=503, retry_after=7)

    first = await cxone.signal(project, "1", PARAMETERS)
    second = await cxone.signal(project, "1", PARAMETERS)

    assert first.outcome is Outcome.NOT_SENT
    assert first.may_retry
    assert first.retry_after == 7
    assert second.outcome is Outcome.NOT_SENT
    assert second.retry_after == pytest.approx(7, abs=1)
    assert simulator.world.mint.requests == 1
    alarm = cxone.alarm(project)
    assert alarm is not None
    assert not alarm.refused


async def test_a_token_request_that_hangs_means_not_sent(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    simulator.fails("token", mode="timeout_before_accept")

    answer = await cxone.signal(project, "1", PARAMETERS, timeout=0.1)

    assert answer.outcome is Outcome.NOT_SENT
    assert simulator.signals() == []


async def test_the_key_of_another_business_unit_is_never_used(
    cxone: Cxone, simulator: CxoneSimulator, project_for: Callable[..., Project]
) -> None:
    wrong = project_for(simulator.url, business_unit="4599999")

    with pytest.raises(CxoneError, match=r"belongs to business unit 4591234, but .* is 4599999") as caught:
        await cxone.ready(wrong)
    answer = await cxone.signal(wrong, "1", PARAMETERS)

    assert not caught.value.retryable
    assert answer.outcome is Outcome.NOT_SENT
    assert simulator.signals() == []


async def test_endpoints_outside_the_allow_list_get_no_byte(
    cxone: Cxone, simulator: CxoneSimulator, project: Project, project_for: Callable[..., Project]
) -> None:
    simulator.fails("discovery", mode="migrate", api_endpoint="https://api.evil.example", times=1)

    answer = await cxone.signal(project, "1", PARAMETERS)

    assert answer.outcome is Outcome.NOT_SENT
    assert "api.evil.example is not one of NICE's hosts" in answer.detail
    simulator.fails("openid", mode="migrate", api_endpoint="http://10.0.0.1/auth/token")
    with pytest.raises(CxoneError, match=r"10\.0\.0\.1 must be reached by https"):
        await Cxone(cxone._session).ready(project_for(simulator.url))


async def test_an_open_breaker_holds_signals_back_and_a_probe_closes_it(
    session: Client, simulator: CxoneSimulator, project: Project
) -> None:
    now = [time.time()]
    cxone = Cxone(session, lambda: now[0])
    simulator.fails("signal", status=500)
    faults = []
    for number in range(20):
        faults.append(await cxone.signal(project, str(number), PARAMETERS))
        now[0] += 0.0625
    simulator.heals()

    held = await cxone.signal(project, "50", PARAMETERS)
    now[0] += 1
    probe = await cxone.signal(project, "51", PARAMETERS)
    after = await cxone.signal(project, "52", PARAMETERS)

    assert {answer.outcome for answer in faults} == {Outcome.SERVER_FAULT}
    assert held.outcome is Outcome.BREAKER_OPEN
    assert held.may_retry
    assert held.retry_after == pytest.approx(0.94, abs=0.02)
    assert probe.accepted
    assert after.accepted
    assert simulator.signals("50") == []
    await cxone.aclose()


async def test_contacts_that_are_gone_never_open_the_breaker(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    simulator.world.knobs.unknown_contacts = "refuse"

    answers = [await cxone.signal(project, str(n), PARAMETERS) for n in range(30)]

    assert {answer.outcome for answer in answers} == {Outcome.UNKNOWN_CONTACT}
    assert answers[0].detail == "InvalidContactId"


async def test_no_secret_token_or_value_shows_up_in_logs_errors_or_answers(
    cxone: Cxone,
    simulator: CxoneSimulator,
    project_for: Callable[..., Project],
    capsys: pytest.CaptureFixture[str],
) -> None:
    project = project_for(simulator.url, parameters="query")
    hidden = {"p1": "MAXIMILIANE", "p2": "+4915112345678"}
    texts: list[str] = []
    for fault in (
        {"status": 400, "description": "Invalid parameter 'MAXIMILIANE' for +4915112345678"},
        {"mode": "reset_before"},
        {"status": 500},
    ):
        simulator.fails("signal", **fault)
        texts.append(repr(await cxone.signal(project, "1", hidden)))
    simulator.heals()
    simulator.fails("token", error="invalid_grant", description="demo-access-key-secret==== is revoked")
    simulator.world.mint.revoke_all()
    texts += [repr(await cxone.signal(project, "1", hidden)), repr(cxone.alarm(project))]
    with pytest.raises(CxoneError) as caught:
        await cxone.ready(project)
    texts += [repr(caught.value), "".join(capsys.readouterr())]

    everything = "\n".join(texts)
    assert "Invalid parameter '…' for …" in everything
    for secret in ("MAXIMILIANE", "4915112345678", "demo-client-secret", "access-key-secret", "eyJ"):
        assert secret not in everything


async def test_a_key_of_another_customer_raises_an_alarm_for_its_project(
    simulator: CxoneSimulator, cxone: Cxone, project_for: Callable[..., Project]
) -> None:
    project = project_for(simulator.url, business_unit="1")
    answer = await cxone.signal(project, "4711", {"p1": "x"})
    assert answer.outcome is Outcome.NOT_SENT
    alarm = cxone.alarm(project)
    assert alarm is not None
    assert alarm.error == "wrong_business_unit"
    assert "belongs to business unit 4591234" in alarm.text


async def test_a_request_can_leave_at_once_only_when_there_is_nothing_to_wait_for(
    session: Client, project: Project
) -> None:
    now = time.time()
    cxone = Cxone(session, lambda: now)
    assert not cxone.can_send_now(project)
    await cxone.ready(project)
    assert cxone.can_send_now(project)
    now += 3600
    assert not cxone.can_send_now(project)  # the token is near its end
    await cxone.aclose()


async def test_nothing_can_leave_at_once_while_the_breaker_is_open(
    session: Client, simulator: CxoneSimulator, project: Project
) -> None:
    clock = Clock()
    cxone = Cxone(session, clock)
    simulator.fails("signal", status=503)
    for _ in range(30):
        await cxone.signal(project, "4711", {"p1": "x"})
        clock.now += 0.05
    assert not cxone.can_send_now(project)
    await cxone.aclose()


async def test_half_of_the_requests_failing_holds_repetitions_back_and_no_first_try(
    cxone: Cxone, simulator: CxoneSimulator, project: Project
) -> None:
    simulator.fails("signal", status=503, share=0.5)
    answers = [await cxone.signal(project, str(number), PARAMETERS) for number in range(40)]
    again = [await cxone.signal(project, str(number), PARAMETERS, again=True) for number in range(60)]

    outcomes = [answer.outcome for answer in answers]
    assert outcomes.count(Outcome.ACCEPTED) == outcomes.count(Outcome.UNAVAILABLE) == 20
    assert [answer.outcome for answer in again].count(Outcome.BREAKER_OPEN) in (19, 20, 21)  # 40 were earned
    assert all(answer.may_retry and answer.retry_after for answer in again[-10:])
    assert cxone.can_send_now(project)
