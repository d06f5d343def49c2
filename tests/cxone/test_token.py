# SPDX-License-Identifier: GPL-3.0-or-later
"""One token per credential: single flight, renewal, back-off, alarms; against the simulated issuer."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable

import pytest

from agent.core.errors import CxoneError
from agent.core.model.cxone import CxoneTenant
from agent.core.model.project import Project
from agent.cxone.discovery import Discovery
from agent.cxone.token import BackedOffError, Tokens
from agent.cxone.token_request import TokenRequestRefusedError
from agent.simulators.cxone import CxoneSimulator
from agent.web.client import Client


class Bench:
    """Tokens with a clock that the test moves and the outcomes that were counted."""

    def __init__(self, session: Client) -> None:
        self.now = time.time()
        self.outcomes: list[str] = []
        self.issued = asyncio.Event()
        self.tokens = Tokens(session, Discovery(session, self.clock), self.clock, self._count)

    def clock(self) -> float:
        """Seconds since the epoch, as far as the code under test is concerned."""
        return self.now

    def _count(self, outcome: str) -> None:
        self.outcomes.append(outcome)
        self.issued.set()


@pytest.fixture
async def bench(session: Client) -> AsyncIterator[Bench]:
    made = Bench(session)
    yield made
    await made.tokens.aclose()


@pytest.fixture
def settings(project: Project) -> CxoneTenant:
    assert project.cxone is not None
    return project.cxone


async def test_many_who_ask_at_once_share_one_token_request(bench: Bench, settings: CxoneTenant) -> None:
    tokens = await asyncio.gather(*(bench.tokens.get(settings) for _ in range(50)))

    assert len({token.access for token in tokens}) == 1
    assert bench.outcomes == ["issued"]


@pytest.mark.parametrize("auth", ["basic", "post"])
@pytest.mark.parametrize("encode", [True, False])
async def test_credentials_can_be_sent_in_each_of_the_ways_seen_in_the_field(
    bench: Bench,
    simulator: CxoneSimulator,
    project_for: Callable[..., Project],
    auth: str,
    encode: bool,  # noqa: FBT001 - a column of the table
) -> None:
    simulator.world.knobs.basic_percent_decode = encode
    wanted = project_for(simulator.url, token_endpoint_auth=auth, percent_encode_credentials=encode).cxone
    assert wanted is not None

    await bench.tokens.get(wanted)

    assert bench.outcomes == ["issued"]


@pytest.mark.parametrize(("lifetime", "margin"), [(3600, 360), (300, 60), (60, 15), (2, 0.5)])
async def test_a_token_is_renewed_ahead_of_its_end_but_short_ones_are_used(
    bench: Bench, simulator: CxoneSimulator, settings: CxoneTenant, lifetime: float, margin: float
) -> None:
    simulator.world.knobs.expires_in = lifetime

    token = await bench.tokens.get(settings)

    assert token.expires - bench.now == pytest.approx(lifetime)
    assert token.expires - token.renew_at == pytest.approx(margin)


async def test_near_its_end_a_token_is_still_given_while_the_next_one_is_fetched(
    bench: Bench, settings: CxoneTenant
) -> None:
    first = await bench.tokens.get(settings)
    bench.now = first.renew_at
    bench.issued.clear()

    meanwhile = await bench.tokens.get(settings)
    await bench.issued.wait()
    after = await bench.tokens.get(settings)

    assert meanwhile is first
    assert after is not first
    assert bench.outcomes == ["issued", "issued"]


async def test_a_token_is_renewed_by_itself_before_any_call_needs_it(
    bench: Bench, simulator: CxoneSimulator, settings: CxoneTenant
) -> None:
    simulator.world.knobs.expires_in = 0.1
    await bench.tokens.get(settings)
    bench.issued.clear()

    await bench.issued.wait()

    assert bench.outcomes[:2] == ["issued", "issued"]


async def test_only_the_token_that_is_still_in_use_is_dropped(bench: Bench, settings: CxoneTenant) -> None:
    first = await bench.tokens.get(settings)
    bench.tokens.invalidate(settings, first)
    second = await bench.tokens.get(settings)

    bench.tokens.invalidate(settings, first)

    assert await bench.tokens.get(settings) is second


@pytest.mark.parametrize(("status", "error"), [(401, "invalid_grant"), (400, "invalid_grant")])
async def test_a_revoked_access_key_raises_an_alarm_and_is_not_tried_for_a_while(
    bench: Bench, simulator: CxoneSimulator, settings: CxoneTenant, status: int, error: str
) -> None:
    simulator.world.turn({"access_key_active": False, "invalid_grant_status": status})

    with pytest.raises(TokenRequestRefusedError, match=r"invalid_grant .*check the access key") as caught:
        await bench.tokens.get(settings)
    with pytest.raises(BackedOffError) as second:
        await bench.tokens.get(settings)

    assert not caught.value.retryable
    assert second.value.pause == pytest.approx(30)
    alarm = bench.tokens.alarm(settings)
    assert alarm is not None
    assert (alarm.error, alarm.client_id) == (error, "handoff-agent")
    assert simulator.world.mint.requests == 1
    assert bench.outcomes == ["refused"]


async def test_an_alarm_ends_when_the_issuer_accepts_again(
    bench: Bench, simulator: CxoneSimulator, settings: CxoneTenant
) -> None:
    simulator.world.knobs.app_enabled = False
    with pytest.raises(TokenRequestRefusedError, match=r"invalid_client .*approved"):
        await bench.tokens.get(settings)
    simulator.world.knobs.app_enabled = True
    bench.now += 30

    await bench.tokens.get(settings)

    assert bench.tokens.alarm(settings) is None


async def test_a_secret_that_was_put_right_is_tried_at_once(
    bench: Bench, simulator: CxoneSimulator, project_for: Callable[..., Project], settings: CxoneTenant
) -> None:
    wrong = project_for(simulator.url, access_key_id="OTHER====").cxone
    assert wrong is not None
    with pytest.raises(TokenRequestRefusedError):
        await bench.tokens.get(wrong)

    await bench.tokens.get(settings)
    bench.tokens.keep_only([settings])

    assert bench.tokens.alarm(wrong) is None


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 503},
        {"status": 429},
        {"mode": "html_200"},
        {"mode": "reset_before"},
        {"status": 200, "body": "{}"},
        {"status": 200, "body": '{"access_token": "a", "expires_in": "soon"}'},
        {"status": 200, "body": '{"access_token": "a", "expires_in": 1' + "0" * 400 + "}"},
        {"status": 200, "body": '{"access_token": "a\\r\\nb", "expires_in": 60}'},
    ],
)
async def test_an_issuer_in_trouble_is_asked_again_after_a_pause(
    bench: Bench, simulator: CxoneSimulator, settings: CxoneTenant, fault: dict[str, object]
) -> None:
    simulator.fails("token", **fault)
    with pytest.raises(CxoneError) as caught:
        await bench.tokens.get(settings)
    with pytest.raises(BackedOffError):
        await bench.tokens.get(settings)
    simulator.heals()
    bench.now += 1

    await bench.tokens.get(settings)

    assert caught.value.retryable
    assert bench.outcomes == ["failed", "issued"]
    assert bench.tokens.alarm(settings) is None


@pytest.mark.parametrize(
    ("retry_after", "form"),
    [
        *((seconds, "seconds") for seconds in (-5, 0, 5, 30, 300, 99_999_999, 1e300)),
        *((seconds, "date") for seconds in (-5, 0, 5, 30, 300, 99_999_999)),
    ],
)
async def test_no_retry_after_silences_a_tenant(
    bench: Bench, simulator: CxoneSimulator, settings: CxoneTenant, retry_after: float, form: str
) -> None:
    simulator.fails("token", status=429, retry_after=retry_after, retry_after_form=form, times=1)
    with pytest.raises(CxoneError):
        await bench.tokens.get(settings)
    with pytest.raises(BackedOffError) as caught:
        await bench.tokens.get(settings)
    assert max(1, min(retry_after, 30)) - 1.5 <= caught.value.pause <= 30.01

    bench.now += 30

    await bench.tokens.get(settings)
    assert bench.outcomes == ["failed", "issued"]


async def test_nested_however_deep_an_answer_ends_in_a_pause(
    bench: Bench, simulator: CxoneSimulator, settings: CxoneTenant
) -> None:
    await bench.tokens.get(settings)
    limit = sys.getrecursionlimit()
    for depth in range(limit - 150, limit, 2):
        simulator.fails("token", status=503, body='{"error": ' + "[" * depth + "]" * depth + "}")
        bench.now += 3600
        with pytest.raises(CxoneError):
            await bench.tokens.get(settings)
        with pytest.raises(BackedOffError):
            await bench.tokens.get(settings)


@pytest.mark.parametrize("broken", [RecursionError(), MemoryError(), TypeError("a parser's"), KeyError("x")])
async def test_whatever_breaks_in_a_log_in_is_not_tried_again_at_once(
    bench: Bench, settings: CxoneTenant, monkeypatch: pytest.MonkeyPatch, broken: Exception
) -> None:
    async def breaks(*_: object) -> None:
        raise broken

    monkeypatch.setattr("agent.cxone.token.request_token", breaks)
    with pytest.raises(CxoneError, match="broke") as caught:
        await bench.tokens.get(settings)
    with pytest.raises(BackedOffError):
        await bench.tokens.get(settings)
    assert caught.value.retryable
    assert bench.outcomes == ["failed"]


async def test_a_failed_renewal_leaves_the_old_token_in_use(
    bench: Bench, simulator: CxoneSimulator, settings: CxoneTenant
) -> None:
    first = await bench.tokens.get(settings)
    simulator.fails("token", status=503)
    bench.now = first.renew_at
    bench.issued.clear()
    await bench.tokens.get(settings)
    await bench.issued.wait()

    assert await bench.tokens.get(settings) is first
    assert bench.outcomes == ["issued", "failed"]


async def test_projects_with_different_credentials_never_share_a_token(
    bench: Bench, simulator: CxoneSimulator, project_for: Callable[..., Project]
) -> None:
    first = project_for(simulator.url).cxone
    second = project_for(simulator.url, token_endpoint_auth="post").cxone
    assert first is not None
    assert second is not None

    tokens = [await bench.tokens.get(first), await bench.tokens.get(second)]

    assert tokens[0].access != tokens[1].access
