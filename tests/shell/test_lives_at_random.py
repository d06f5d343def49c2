# SPDX-License-Identifier: GPL-3.0-or-later
"""Lives drawn from a seed: far ends, NICE, names and storage do what they like, in any order or at once."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from agent.core.errors import NamesError, StorageError
from agent.core.events import EndAsked
from agent.core.model import Project
from agent.core.reasons import Reason
from tests.shell.harness import steps as step
from tests.shell.harness.lives import HOOK, TWO_AGENTS, TWO_QUEUES
from tests.shell.harness.living import outlive
from tests.shell.harness.nice import ACCEPTED
from tests.shell.harness.promises import Promises
from tests.shell.harness.settings import AGENT, back, care
from tests.shell.harness.shell import NodeOf, Shell
from tests.shell.harness.steps import Step
from tests.shell.harness.storage import Fault

LIVES = 150
BOT, QUEUE = "sip:bot@bot.example", "sip:queue@queue.example"
ADDRESSES = {"bot.example": ("10.0.0.7", "10.0.0.8"), "queue.example": ("10.0.0.9",)}
PROJECTS = (
    care(),
    TWO_AGENTS,
    care(BOT, AGENT),
    care(webhook=HOOK),
    care(handoff={"on_signal_failure": "keep"}),
    care(handoff={"finish_prompt": {"silence": 0.4}, "on_signal_failure": "keep"}),
    care(handoff=back("refer", *TWO_QUEUES)),
    care(handoff=back("release", on_signal_failure="refer")),
    care(handoff=back("refer", on_signal_failure="refer", finish_prompt={"silence": 0.4})),
    care(handoff=back("bridge", *TWO_QUEUES)),
    care(BOT, handoff=back("bridge", QUEUE, on_signal_failure="refer")),
)
OPERATIONS = ("open_call", "update_signal", "update_call", "record_signal", "record_handoff", "signals")


def names_answer(node: Shell) -> None:
    node.names.answering.set()


def names_are_silent(node: Shell) -> None:
    node.names.answering.clear()


def names_fail(node: Shell) -> None:
    node.names.failure = NamesError("nobody answers")
    node.names.answering.set()


def storage_goes_on(node: Shell) -> None:
    node.store.release()


def process_ends(node: Shell) -> None:
    for call in node.register.calls():
        call.handle(EndAsked(Reason.SHUTDOWN))


def target_is_in_vain(node: Shell) -> None:
    if (leg := node.stack.of("target")) is not None:
        leg.picks_up(audio=False)


OFTEN = (step.agent_answers, step.asked_by_http, step.nice_accepts)
SOMETIMES = (
    *(step.asked_by_refer, step.asked_by_info, step.asked_by_bye, step.nice_refuses, step.target_answers),
    *(step.referred, step.not_referred, step.refer_put_off, storage_goes_on, names_answer),
)
SELDOM: tuple[Step, ...] = (
    *(step.caller_hangs_up, step.caller_is_lost, step.caller_presses, step.operator_ends_it, process_ends),
    *(step.agent_rings, step.agent_rings_with_media, step.agent_answers_in_vain, step.agent_is_busy),
    *(step.agent_hangs_up, step.agent_is_lost, step.agent_presses, step.agent_falls_silent),
    *(step.target_is_busy, step.target_hangs_up, target_is_in_vain, names_are_silent, names_fail),
)
STEPS: tuple[Step, ...] = (*OFTEN * 4, *SOMETIMES * 2, *SELDOM)


async def happen(node: Shell, chance: Random, look: Callable[[], None]) -> None:
    """What becomes of one caller."""
    for _ in range(chance.choice((0, 0, 1, 1, 2, 3))):
        node.store.plan[chance.choice(OPERATIONS), chance.randrange(1, 4)] = chance.choice(list(Fault))
    node.store.fails_when_released = chance.random() < 0.3
    node.nice.slow, node.nice.warm = chance.random() < 0.3, chance.random() < 0.8
    node.names.addresses_of = dict(ADDRESSES)
    if chance.random() < 0.3:
        names_are_silent(node)
    step.caller_comes(node)
    for _ in range(chance.randrange(3, 16)):
        if chance.random() < 0.25:
            await node.passes(chance.choice((1, 2, 4, 6)))
        else:
            chance.choice(STEPS)(node)
        if chance.random() < 0.6:  # else the next thing happens in the same turn
            await node.settled()
            look()


async def come_to_rest(node: Shell) -> None:
    """Names, storage and NICE are well from now on, and there is time for all that waits."""
    node.names.failure = None
    names_answer(node)
    node.store.release()
    for _ in range(10):
        await node.passes(3)
        node.nice.answers(ACCEPTED)
        await node.settled()


@pytest.mark.parametrize("seed", range(LIVES))
async def test_whatever_happens_all_promises_are_kept(seed: int, node_of: NodeOf) -> None:
    chance = Random(seed)  # noqa: S311 - repeatable
    project: Project = chance.choice(PROJECTS)
    async with node_of(project) as node:
        promises = Promises(node)
        await happen(node, chance, promises.look)
        await outlive(node, Promises(node), StorageError)
        await come_to_rest(node)
        await promises.look_back(StorageError)
        assert promises.broken == set()
        assert node.broke == []
        assert not node.tasks._running
