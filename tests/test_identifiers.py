# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers: each is another one, also of another process."""

from __future__ import annotations

import os
import re

from agent import identifiers


def test_each_is_another_one_beyond_what_is_read_at_once() -> None:
    made = [identifiers.fresh() for _ in range(2000)]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch("[0-9a-f]{16}", one) for one in made)


def test_a_forked_process_has_others() -> None:
    """What the parent has read ahead must not be used twice."""
    identifiers.fresh()
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        os.write(theirs, identifiers.fresh().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(ours, 64).decode() != identifiers.fresh()
    os.close(ours)
    os.close(theirs)
