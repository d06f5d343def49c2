# SPDX-License-Identifier: GPL-3.0-or-later
"""A run: the torture messages as they stand, then case after case. What is found is written down."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.calls.harness.sip_socket import SipSocket
from tests.calls.harness.torture import MESSAGES, read
from tests.fuzz.cases import Case
from tests.fuzz.rig import ROOT, Finding, Rig

FOUND = ROOT / "build" / "fuzz"
_SWEEP_EVERY = 25


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: what to say of it in a line, and the file with all of it."""

    line: str
    file: Path


async def torture(rig: Rig) -> list[Found]:
    """Send every torture message as it stands."""
    found = []
    for path in sorted(MESSAGES.glob("*.sip")):
        async with SipSocket(rig.house.plan.sip) as wire:
            wire.acknowledges = True
            message = read(path).message(wire, rig.house.plan.sip, f"torture-{path.stem}")
            try:
                wire.send(message)
                await rig.settled()
            except Finding as finding:
                found.append(_write(finding, path.stem, [("wire to agent, udp", message)], str(path)))
                rig.restart()
    return found


async def fuzz(rig: Rig, seed: int, numbers: Iterable[int], *, everything: bool = False) -> list[Found]:
    """Play the cases with these numbers and hold the agent to being well afterwards.

    Returns:
        What was found; the agent is started anew after each.
    """
    found, kinds, began = [], Counter[str](), time.monotonic()
    for number in numbers:
        case = Case(rig, seed, number, everything)
        try:
            kinds[await case.run()] += 1
        except Finding as finding:
            again = f'make fuzz ARGS="--seed {seed} --only {number}{" --all" if everything else ""}"'
            found.append(_write(finding, f"{seed}-{number}", case.record, again))
            rig.restart()
        if number % _SWEEP_EVERY == 0:
            rig.sweep()
    try:
        await rig.at_rest()
    except Finding as finding:
        found.append(_write(finding, f"{seed}-rest", [], f'make fuzz ARGS="--seed {seed}"'))
    say(f"{sum(kinds.values())} cases in {time.monotonic() - began:.0f} s: {dict(sorted(kinds.items()))}")
    return found


def say(text: str) -> None:
    """One line for whoever looks on."""
    print(f"fuzz: {text}", flush=True)  # noqa: T201 - a command prints


def _write(finding: Finding, name: str, record: list[tuple[str, bytes]], again: str) -> Found:
    FOUND.mkdir(parents=True, exist_ok=True)
    file = FOUND / f"{name}.txt"
    parts = [f"{finding}\nagain: {again}\n".encode()]
    parts += [f"\n-------- {way}, {len(data)} bytes\n".encode() + data for way, data in record]
    parts.append(f"\n-------- what the agent said\n{finding.report}\n".encode())
    file.write_bytes(b"".join(parts))
    line = f"{finding}; again: {again}; all of it: {file}"
    say(line)
    return Found(line, file)
