# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes whose CPU is shown."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.core.errors import AgentError
from agent.load.usage import find, used


@contextmanager
def waiting(mark: str) -> Iterator[int]:
    command = [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", mark]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.kill()


def test_a_process_is_found_by_number_and_by_a_part_of_its_command_line() -> None:
    mark = uuid.uuid4().hex
    with waiting(mark) as pid:
        assert find(str(pid)).pid == pid
        assert find(mark).pid == pid


def test_one_that_could_be_several_is_refused_with_their_numbers() -> None:
    mark = uuid.uuid4().hex
    with waiting(mark) as one, waiting(mark) as two:
        with pytest.raises(AgentError, match="2 processes could be meant") as told:
            find(mark)
        assert str(one) in str(told.value)
        assert str(two) in str(told.value)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("no-such-program-here", "no process has this name"),
        ("4999999", "no process with this number"),
        ("", "empty"),
    ],
)
def test_one_that_is_not_there_is_refused(wanted: str, says: str) -> None:
    with pytest.raises(AgentError, match=says):
        find(wanted)


def test_what_a_process_uses_is_read() -> None:
    now = used(os.getpid())
    assert now is not None
    assert now.memory > 1_000_000
    assert used(4999999) is None
