# SPDX-License-Identifier: GPL-3.0-or-later
"""An older database is brought up to date with all that is in it, a newer one refused; two start at once."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeAlias

import asyncpg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from structlog.testing import capture_logs

from agent import children
from agent.core.errors import StorageError
from agent.core.moments import Moment
from agent.core.records import CallRecord, Channel, Handoff, Signal
from agent.delivery import group_commit
from agent.delivery import postgres as postgres_store
from agent.delivery.schema import FOLDER, HEAD, KNOWN, VERSION
from agent.delivery.schema.child import upgrade
from agent.delivery.schema.steps import upgrade_postgresql, upgrade_sqlite
from agent.delivery.store import Store
from agent.delivery.stores import open_store
from tests.calls.harness.postgres import Postgres
from tests.calls.harness.waiting import eventually

MakeCall: TypeAlias = Callable[..., CallRecord]
MakeSignal: TypeAlias = Callable[..., Signal]

_CALL = (
    "INSERT INTO calls (call_id, node, carrier, account, project, number, contact_id, master_id, sip_call_id,"
    " state, began, \"end\", reason) VALUES ('call-1', 'edge-1', 'nice-na1', 'acme', 'acme-care',"
    " '9995550100', '4711', '4710', 'sip-1', 'ringing', 1000, '', '')"
)
_SIGNAL = (
    "INSERT INTO signals (signal_id, call_id, account, project, contact_id, moment, parameters, recorded,"
    " expires, state) VALUES ('signal-1', 'call-1', 'acme', 'acme-care', '4711', 'arrival', '{}', 1000, 1120,"
    " 'recorded')"
)
_HANDOFF = (
    "INSERT INTO handoffs (handoff_id, call_id, account, project, contact_id, asked, destination, skill,"
    " reason, parameters, data, shared_id) VALUES ('handoff-1', 'call-1', 'acme', 'acme-care', '4711', 1000,"
    " 'CARE', '', '', '{}', '{}', '')"
)


def test_the_code_knows_the_steps_that_are_there() -> None:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    steps = list(ScriptDirectory.from_config(config).walk_revisions())
    assert tuple(step.revision for step in reversed(steps)) == KNOWN


@pytest.mark.parametrize("version", KNOWN[:-1])
async def test_an_older_sqlite_file_keeps_what_is_in_it(
    tmp_path: Path, version: str, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    path = tmp_path / "agent.db"
    upgrade_sqlite(path, 1.0, target=version)
    with closing(sqlite3.connect(path, isolation_level=None)) as older:
        older.execute(_CALL)
        older.execute(_SIGNAL)
        older.execute(_HANDOFF)
    await _taken_over(f"sqlite://{path}", make_call, make_signal)


async def test_a_file_of_before_the_steps_were_alembic_s_keeps_what_is_in_it(
    tmp_path: Path, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    path = tmp_path / "agent.db"
    upgrade_sqlite(path, 1.0, target="0001")
    with closing(sqlite3.connect(path, isolation_level=None)) as older:
        older.execute(_CALL)
        older.execute(_SIGNAL)
        older.execute(_HANDOFF)
        older.execute("DROP TABLE alembic_version")
        older.execute("PRAGMA user_version = 1")
    await _taken_over(f"sqlite://{path}", make_call, make_signal)


@pytest.mark.parametrize("version", KNOWN[:-1])
async def test_an_older_postgresql_database_keeps_what_is_in_it(
    postgres: Postgres, version: str, make_call: MakeCall, make_signal: MakeSignal
) -> None:
    url = postgres.new()
    await upgrade_postgresql(lambda: asyncpg.connect(url), target=version)
    older = await asyncpg.connect(url)
    await older.execute(_CALL)
    await older.execute(_SIGNAL)
    await older.execute(_HANDOFF)
    await older.close()
    await _taken_over(url, make_call, make_signal)


async def _taken_over(url: str, make_call: MakeCall, make_signal: MakeSignal) -> None:
    store = await open_store(url, node="edge-1")
    orphans = await store.take_over()
    assert orphans.calls == (make_call(),)
    assert orphans.signals == (make_signal(moment=Moment.ARRIVAL, parameters={}),)
    ids = ("handoff-1", "call-1", "acme", "acme-care", "4711")
    assert await store.handoff("handoff-1") == Handoff(*ids, 1000.0, "CARE")
    # What holds for all databases holds for this one from now on.
    assert await store.record_signal(make_signal(moment=Moment.ARRIVAL)) is None
    hook = make_signal(channel=Channel.WEBHOOK)
    assert not await store.record_handoff(Handoff("handoff-2", *ids[1:], 1000.0), None, hook)
    transcripts = [make_signal(call_id, channel=Channel.TRANSCRIPT) for call_id in ("call-1", "call-2")]
    assert [await store.record_signal(one) for one in transcripts] == [transcripts[0], None]
    assert await store.record_signal(make_signal()) is not None
    await store.aclose()


async def test_a_newer_postgresql_database_is_refused_in_one_line(postgres: Postgres) -> None:
    url = postgres.new()
    await (await open_store(url, node="edge-1")).aclose()
    newer = await asyncpg.connect(url)
    await newer.execute("UPDATE alembic_version SET version_num = '0099'")
    await newer.close()
    why = f"version 0099, this agent knows {HEAD}: use the newer agent"
    with pytest.raises(StorageError, match=why) as caught:
        await open_store(url, node="edge-1")
    assert len(str(caught.value).splitlines()) == 1


async def test_several_agents_that_start_at_once_on_an_empty_database_all_come_up(postgres: Postgres) -> None:
    url = postgres.new()
    stores = await asyncio.gather(*(open_store(url, node=f"edge-{number}") for number in range(4)))
    await asyncio.gather(*(store.aclose() for store in stores))


async def test_several_commands_that_open_an_empty_file_at_once_all_come_through(tmp_path: Path) -> None:
    url = f"sqlite://{tmp_path / 'agent.db'}"
    stores = await asyncio.gather(*(open_store(url, owner=False) for _ in range(4)))
    await asyncio.gather(*(store.aclose() for store in stores))


async def test_a_step_that_fails_leaves_what_was_before(tmp_path: Path, postgres: Postgres) -> None:
    path, url = tmp_path / "agent.db", postgres.new()
    with closing(sqlite3.connect(path, isolation_level=None)) as found:
        found.execute("CREATE TABLE handoffs (one)")  # in the way of the first step, near its end
    with pytest.raises(StorageError, match="already exists"):
        await open_store(f"sqlite://{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as found:
        assert found.execute("SELECT name FROM sqlite_master").fetchall() == [("handoffs",)]

    other = await asyncpg.connect(url)
    await other.execute("CREATE TABLE handoffs (one INT)")
    with pytest.raises(StorageError, match="already exists") as caught:
        await open_store(url, node="edge-1")
    assert len(str(caught.value).splitlines()) == 1
    assert await other.fetchval("SELECT to_regclass('calls') IS NULL")
    await other.close()


def test_what_takes_steps_stays_out_of_a_process_that_serves_calls(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from agent.delivery.stores import open_store\n"
        "async def main():\n"
        f"    await (await open_store('sqlite://{tmp_path}/agent.db')).aclose()\n"
        "asyncio.run(main())\n"
        "print(sorted({'alembic', 'sqlalchemy'} & sys.modules.keys()))\n"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert said == "[]\n"


async def test_no_module_is_taken_from_the_folder_that_the_agent_happens_to_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alembic.py").write_text("raise RuntimeError('not what was asked for')\n")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "agent.db"
    await upgrade(f"sqlite://{path}")
    with closing(sqlite3.connect(path)) as made:
        assert made.execute(VERSION).fetchone() == (HEAD,)


@pytest.fixture
def hanging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a child that hangs instead of taking steps writes its number."""
    pid = tmp_path / "pid"
    write = f"pathlib.Path({str(pid)!r}).write_text(str(os.getpid()))"
    (tmp_path / "alembic.py").write_text(f"import os, pathlib, signal\n{write}\nsignal.pause()\n")
    monkeypatch.setattr(children, "_ROOT", f"{tmp_path}{os.pathsep}{children._ROOT}")
    monkeypatch.setattr(group_commit, "upgrade", upgrade)
    monkeypatch.setattr(postgres_store, "upgrade", upgrade)
    return pid


@pytest.mark.usefixtures("hanging")
async def test_one_that_hangs_is_named_and_given_up_in_the_end(tmp_path: Path) -> None:
    with capture_logs() as said, pytest.raises(StorageError, match=r"took longer than 0\.1 s and was given"):
        await upgrade(f"sqlite://{tmp_path / 'agent.db'}", longest=0.1, patience=0.0)
    (line,) = said
    assert "the start waits for the storage's tables" in line["event"]
    assert (line["log_level"], line["child"]) == ("warning", "python -m agent.delivery.schema")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_a_start_that_is_given_up_leaves_no_child_and_the_next_one_finds_the_way_free(
    hanging: Path, tmp_path: Path, kind: str, postgres: Postgres
) -> None:
    url = f"sqlite://{tmp_path / 'agent.db'}" if kind == "sqlite" else postgres.new()
    opening = asyncio.ensure_future(open_store(url, node="edge-1"))
    await eventually(lambda: hanging.exists() and hanging.read_text(), what="the child hangs")
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    child = Path("/proc") / hanging.read_text()
    await eventually(lambda: not child.exists(), what="the child is gone")
    (tmp_path / "alembic.py").unlink()

    async def opens() -> Store | None:
        try:
            return await open_store(url, node="edge-1")
        except StorageError:
            return None  # the thread that was given up has the file still

    while (store := await opens()) is None:
        await asyncio.sleep(0.01)
    await store.aclose()


async def test_a_process_that_dies_before_it_can_say_why_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "alembic.py").write_text("raise RuntimeError('broken installation')\n")
    monkeypatch.setattr(children, "_ROOT", f"{tmp_path}{os.pathsep}{children._ROOT}")
    with pytest.raises(StorageError, match=r"died \(1\): RuntimeError: broken installation") as caught:
        await upgrade(f"sqlite://{tmp_path / 'agent.db'}")
    assert len(str(caught.value).splitlines()) == 1
