# SPDX-License-Identifier: GPL-3.0-or-later
"""What a call costs does not grow unnoticed: Python calls are counted, the same in every run and anywhere."""

from __future__ import annotations

import json

from tests.benchmarks.call_path import COMMITTED, COUNT, counted

_MORE_AT_MOST = 1.03


def test_a_call_takes_as_many_python_calls_as_was_committed() -> None:
    committed = json.loads(COMMITTED.read_text())[COUNT]
    found = sum(counted().values())
    assert found <= committed * _MORE_AT_MOST, (
        f"a call takes {found:.0f} Python calls, {found / committed - 1:.1%} more than the committed "
        f"{committed}: find out why, or accept it with make bench PROFILE=call_path"
    )
