# SPDX-License-Identifier: GPL-3.0-or-later
"""Several agents of one configuration folder."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Final

from tests.calls.harness.cxone import Cxone
from tests.calls.harness.house import House, environment
from tests.calls.harness.plan import Change, Plan
from tests.calls.harness.ports import free_steps
from tests.calls.harness.processes import Process
from tests.calls.harness.records import Records

STEP: Final = 10


def plan_of(count: int, cxone: int) -> Plan:
    """A plan of so many instances, whose ports are all free; `limits` are each one's."""
    sip, api, operations = (free_steps(STEP, count) for _ in range(3))
    plan = Plan(cxone, sip=sip, api=api, operations=operations)
    plan.agent |= {"node": "edge", "instances": {"count": count, "sip": STEP, "http": STEP}}
    plan.agent["limits"]["calls"] //= count
    return plan


def houses(count: int, cxone: Cxone, folder: Path, change: Change | None = None) -> list[House]:
    """The instances of one folder, none of them started. ``change`` has the last word about it."""
    plan = plan_of(count, cxone.port)
    if change is not None:
        change(plan)
    whole = House(plan, cxone, folder)
    return [_instance(whole, number) for number in range(1, count + 1)]


def _instance(whole: House, number: int) -> House:
    house, plan = copy.copy(whole), copy.copy(whole.plan)
    plan.sip, plan.api, plan.operations = (
        port + (number - 1) * STEP for port in (plan.sip, plan.api, plan.operations)
    )
    house.plan = plan
    house.records = Records(whole.folder / f"agent-{number}.db")
    arguments = ["run", "--config", str(whole.config), "--instance", str(number)]
    house.agent = Process(arguments, whole.folder / f"agent-{number}.log", environment())
    return house
