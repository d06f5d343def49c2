# SPDX-License-Identifier: GPL-3.0-or-later
# ruff: noqa: ANN401 - tests are no package: the types of fixtures in conftest.py can not be imported
"""``handoff-agent capture --out FILE``: however it ends, FILE is readable and the capture is over."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from agent.cli.capture_copy import CaptureCopy, CaptureCopyError
from agent.cli.main import main
from agent.telemetry.capture import Capture
from agent.telemetry.pcap import HEADER, Datagram, packet
from tests.calls.harness.waiting import eventually_now

WITHIN = 60.0
COMMAND = Path(sys.executable).with_name("handoff-agent")
MESSAGE = packet(Datagram(1_800_000_000_000_000, ("192.0.2.7", 5062), ("198.51.100.1", 5060), b"x" * 300))


def ends_of(data: bytes) -> tuple[int, int]:
    """How many packets there are in a file, and where the last one ends."""
    at, count = len(HEADER), 0
    while at < len(data):
        at += 16 + int.from_bytes(data[at + 8 : at + 12], "little")
        count += 1
    return count, at


def packets(data: bytes) -> int:
    """How many there are in a file; it ends with the last one."""
    assert data[: len(HEADER)] == HEADER
    count, end = ends_of(data)
    assert end == len(data), "the last packet is whole"
    return count


class Scene:
    """A command that captures, on an agent whose wire the test speaks on."""

    def __init__(self, bench: Any, node: Any, file: Path) -> None:
        self.bench, self.node, self.file = bench, node, file

    def begin(self, *, out: str = "", ready: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        """Start the command and wait until its capture is under way."""
        process = subprocess.Popen(
            [
                *(str(COMMAND), "capture", "--project", "acme-care", "--out", out or str(self.file)),
                *("--config", str(self.bench.config)),
            ],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=ready,  # noqa: PLW1509 - sets a limit, and no more
        )
        eventually_now(lambda: self.running or process.poll() is not None, WITHIN, "a capture is under way")
        return process

    @property
    def running(self) -> list[Capture]:
        """Captures that the agent has under way."""
        found: list[Capture] = self.node.captures.running
        return found

    @property
    def over(self) -> Capture:
        """The one that has ended."""
        (found,) = self.node.captures.all()
        assert isinstance(found, Capture)
        return found

    def says(self, count: int) -> None:
        """So many messages pass."""

        async def pass_on() -> None:
            if self.node.wire.stories.whose("dialog-1") is None:
                self.node.wire.call("c-1", "dialog-1", project="acme-care")
            for _ in range(count):
                self.node.wire.comes("dialog-1")

        self.bench.elsewhere(pass_on())

    def look(self) -> None:
        """What the node does once a second."""

        async def look() -> None:
            self.node.captures.look()

        self.bench.elsewhere(look())

    def has(self, count: int) -> None:
        """Wait until FILE has so many packets."""

        def there() -> bool:
            data = self.file.read_bytes() if self.file.exists() else b""
            return ends_of(data) == (count, len(data))

        eventually_now(there, WITHIN, f"{count} packets in FILE")


@pytest.fixture
def scene(bench: Any, node: Any, tmp_path: Path) -> Scene:
    """The agent allows captures of the project; FILE is in the test's folder."""
    bench.edit("agent.yaml", "log: {", "capture: {folder: ../captures}\nlog: {")
    return Scene(bench, node, tmp_path / "call.pcap")


@contextmanager
def ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """The process is gone in the end, whatever the test finds."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_with_all_that_was_captured_and_a_line(scene: Scene, number: signal.Signals) -> None:
    process = scene.begin()
    with ended(process):
        scene.says(3)
        scene.has(3)
        scene.says(2)
        process.send_signal(number)
        said, _ = process.communicate(timeout=WITHIN)
    assert process.returncode == 130, said
    assert packets(scene.file.read_bytes()) == 5
    assert scene.file.read_bytes() == scene.over.path.read_bytes()
    assert (scene.running, scene.over.why) == ([], "stopped")
    assert len(said.splitlines()) == 1, said
    assert said.startswith(f"interrupted: the capture is ended; {scene.file}: 5 packets"), said


def test_pressed_before_anything_was_captured_it_leaves_a_file_without_packets(scene: Scene) -> None:
    process = scene.begin()
    with ended(process):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=WITHIN)
    assert (process.returncode, said.count("\n")) == (130, 1), said
    assert scene.file.read_bytes() == HEADER
    assert scene.running == []


def test_nobody_else_may_read_the_file(scene: Scene) -> None:
    process = scene.begin()
    with ended(process):
        assert stat.S_IMODE(scene.file.stat().st_mode) == 0o600


def test_a_kill_leaves_what_came_before_and_the_agent_ends_the_capture(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = scene.begin()
    with ended(process):
        scene.says(3)
        scene.has(3)
        process.kill()
        process.communicate(timeout=WITHIN)
    assert packets(scene.file.read_bytes()) == 3
    (capture,) = scene.running

    def forgotten() -> bool:
        scene.look()
        if scene.running:  # the last word of the command may still be on its way
            monkeypatch.setattr(capture, "asked", capture.asked - 30.0)
        return not scene.running

    eventually_now(forgotten, WITHIN, "the agent ends it")
    assert capture.why == "nobody has asked for it for 30 s"


def test_an_agent_that_goes_away_leaves_what_came_before(scene: Scene) -> None:
    process = scene.begin()
    with ended(process):
        scene.says(3)
        scene.has(3)
        scene.bench.elsewhere(scene.node._server.aclose())
        said, _ = process.communicate(timeout=WITHIN)
    assert (process.returncode, said.count("\n")) == (2, 1), said
    assert "no agent listens on" in said
    assert f"{scene.file} has the 3 packets that came before" in said
    assert packets(scene.file.read_bytes()) == 3


def test_an_agent_that_was_started_anew_is_told_as_that(scene: Scene) -> None:
    process = scene.begin()
    with ended(process):
        scene.says(3)
        scene.has(3)

        async def forget() -> None:
            scene.node.captures.stop(scene.running[0])
            scene.node.captures._captures.clear()

        scene.bench.elsewhere(forget())
        said, _ = process.communicate(timeout=WITHIN)
    assert (process.returncode, said.count("\n")) == (2, 1), said
    assert "the agent was started anew meanwhile" in said
    assert packets(scene.file.read_bytes()) == 3


def test_a_file_that_finds_no_room_is_readable_and_the_agent_s_copy_is_whole(scene: Scene) -> None:
    most = len(HEADER) + 1000

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    process = scene.begin(ready=little_room)
    with ended(process):
        scene.says(1)
        scene.has(1)
        scene.says(9)
        said, _ = process.communicate(timeout=WITHIN)
    assert (process.returncode, said.count("\n")) == (2, 1), said
    assert f"{scene.file} can't be written: File too large; the capture is ended" in said
    assert f"handoff-agent capture --get {scene.over.capture_id} --out FILE" in said
    assert packets(scene.file.read_bytes()) >= 1
    assert scene.running == []
    eventually_now(lambda: scene.over._file.done, WITHIN, "the agent's file is written")
    assert packets(scene.over.path.read_bytes()) == 10


def test_a_disk_without_room_at_all_is_told_in_a_line(scene: Scene) -> None:
    process = scene.begin(out="/dev/full")
    with ended(process):
        said, _ = process.communicate(timeout=WITHIN)
    assert (process.returncode, said.count("\n")) == (2, 1), said
    assert "/dev/full can't be written: No space left on device; the capture is ended" in said
    assert scene.running == []


def test_a_file_that_can_t_be_made_begins_no_capture(scene: Scene) -> None:
    process = scene.begin(out="/nowhere/call.pcap")
    with ended(process):
        said, _ = process.communicate(timeout=WITHIN)
    assert (process.returncode, said) == (
        2,
        "handoff-agent: /nowhere/call.pcap can't be written: No such file or directory\n",
    )
    assert scene.node.captures.all() == []


def test_what_is_refused_leaves_the_file_that_was_there_and_makes_none(
    scene: Scene, bench: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused() -> int:
        code: int = bench.command("capture", "--project", "cara", "--out", str(scene.file))
        return code

    assert refused() == 1
    assert not scene.file.exists()
    scene.file.write_bytes(b"of yesterday")
    assert refused() == 1
    assert scene.file.read_bytes() == b"of yesterday"
    assert "there is no project" in capsys.readouterr().out


@pytest.mark.parametrize("minutes", ["nan", "inf", "0", "-1"])
def test_minutes_that_are_no_time_are_said_before_anybody_is_asked(
    minutes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--operations", "http://127.0.0.1:1", "--config", str(tmp_path)]
    assert main(["capture", "--project", "acme-care", f"--minutes={minutes}", *where]) == 2
    assert f"--minutes {minutes} is no time: write --minutes 10" in capsys.readouterr().err


def test_an_agent_that_is_busy_is_asked_again(
    scene: Scene, bench: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from agent.cli import capture_following  # noqa: PLC0415
    from agent.cli.operations import NodeError, Operations  # noqa: PLC0415

    get, asked = Operations.get, 0

    def busy(self: Operations, *path: str, **query: str | float) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked < capture_following._TRIES:
            raise NodeError("no answer within 5 s")
        scene.says(1)
        found = get(self, *path, **query)
        signal.raise_signal(signal.SIGINT)
        return found

    monkeypatch.setattr(Operations, "get", busy)
    assert bench.command("capture", "--project", "acme-care", "--out", str(scene.file)) == 130
    assert "1 packets" in capsys.readouterr().out
    assert packets(scene.file.read_bytes()) == 1


def test_a_copy_is_whole_wherever_what_comes_is_cut(tmp_path: Path) -> None:
    whole = HEADER + MESSAGE * 3
    for cut in (1, 7, 23, 24, 25, 40, 100, 399, 1000):
        copy = CaptureCopy(tmp_path / f"{cut}.pcap")
        for at in range(0, len(whole), cut):
            copy.append(whole[at : at + cut])
            if data := copy.path.read_bytes():
                packets(data)
        copy.close()
        assert (copy.path.read_bytes(), copy.packets, copy.taken) == (whole, 3, len(whole))


def test_a_write_that_is_cut_is_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = CaptureCopy(tmp_path / "call.pcap")
    copy.append(HEADER + MESSAGE)
    write, room = os.write, [7]

    def onto_disk(descriptor: int, data: memoryview) -> int:
        if not room:
            raise OSError(28, "No space left on device")
        return write(descriptor, data[: room.pop()])

    monkeypatch.setattr("agent.cli.capture_copy.os.write", onto_disk)
    with pytest.raises(CaptureCopyError, match=r"call\.pcap can't be written: No space left on device"):
        copy.append(MESSAGE)
    copy.close()
    assert copy.path.read_bytes() == HEADER + MESSAGE
