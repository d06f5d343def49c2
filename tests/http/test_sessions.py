# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions of the console."""

from __future__ import annotations

from agent.http.sessions import AT_MOST, Sessions


def test_a_session_is_found_by_its_id_until_it_ends() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    session_id = sessions.begin(b"digest", 60.0)
    found = sessions.find(session_id)
    assert found is not None
    assert found.digest == b"digest"
    assert sessions.find(session_id + "x") is None
    now[0] = 60.0
    assert sessions.find(session_id) is None
    assert len(sessions) == 0


def test_it_may_be_ended_before() -> None:
    sessions = Sessions(lambda: 0.0)
    session_id = sessions.begin(b"digest", 60.0)
    sessions.end(session_id)
    sessions.end("none")
    assert sessions.find(session_id) is None


def test_there_are_never_more_than_so_many() -> None:
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    ids = [sessions.begin(b"digest", 60.0) for _ in range(AT_MOST + 1)]
    assert len(sessions) == AT_MOST
    assert sessions.find(ids[0]) is None
    assert sessions.find(ids[-1]) is not None
    now[0] = 61.0
    sessions.begin(b"digest", 60.0)
    assert len(sessions) == 1
