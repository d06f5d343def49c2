# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian package's own programs: which version runs, which stays, what an upgrade does to neither."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEBIAN = ROOT / "deploy/debian"
_SYSTEMCTL = """#!/bin/sh
# A systemd of plain files: UNIT.pid says which process it has; restart gives it one of the current version.
cd "$UNITS"
case "$1" in
list-units) for unit in *.pid; do echo "${unit%.pid} loaded active running"; done ;;
show) cat "$4.pid" ;;
restart)
    echo "$2" >>restarted
    [ ! -e "$2.fails" ] || exit 1
    printf '%s\\0' "$(readlink -f "$HANDOFF_LIB/current")/bin/python3" handoff-agent run \\
        >"$HANDOFF_PROC/$(cat "$2.pid")/cmdline" ;;
esac
"""


class Machine:
    """What is installed, and which processes run from it."""

    def __init__(self, folder: Path) -> None:
        self.lib, self.proc, self.units = folder / "lib", folder / "proc", folder / "units"
        for one in (self.lib, self.proc, self.units, folder / "bin"):
            one.mkdir()
        (folder / "bin/systemctl").write_text(_SYSTEMCTL, encoding="utf-8")
        (folder / "bin/setpriv").write_text('#!/bin/sh\nshift 3\nexec "$@"\n', encoding="utf-8")
        for program in (folder / "bin").iterdir():
            program.chmod(0o755)
        (self.lib / "place").symlink_to(DEBIAN / "place")
        self._environment = os.environ | {
            "HANDOFF_LIB": str(self.lib),
            "HANDOFF_PROC": str(self.proc),
            "HANDOFF_PYTHON": sys.executable,
            "UNITS": str(self.units),
            "PATH": f"{folder}/bin:{os.environ['PATH']}",
        }

    def unpack(self, version: str, *, refuses: bool = False) -> None:
        """What dpkg does: each file takes the place of the one before."""
        site = self.lib / "package/lib"
        site.mkdir(parents=True, exist_ok=True)
        (self.lib / "package/bin").mkdir(exist_ok=True)
        program = f"#!/bin/sh\necho {version} $0 $* ${{HANDOFF_STORAGE:-}}\nexit {int(refuses)}\n"
        texts = {"version": version, "lib/late.py": f"NAME = {version!r}\n", "bin/handoff-agent": program}
        for name, text in texts.items():
            new = self.lib / "package" / f"{name}.dpkg-new"
            new.write_text(text, encoding="utf-8")
            new.chmod(0o755)
            new.rename(self.lib / "package" / name)

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """One of the package's programs, to its end."""
        command = [str(DEBIAN / program), *arguments]
        return subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)

    def install(self, version: str, *, refuses: bool = False) -> None:
        """What dpkg and postinst do. `refuses`: its `check` finds the configuration wrong."""
        self.unpack(version, refuses=refuses)
        placed = self.run("place", "settle")
        assert placed.returncode == 0, placed.stderr

    def start(self, unit: str, pid: int) -> None:
        """A process of the current version, under a unit."""
        (self.units / f"{unit}.pid").write_text(str(pid), encoding="ascii")
        process = self.proc / str(pid)
        process.mkdir()
        words = (f"{self.current}/bin/python3", "/usr/bin/handoff-agent", "run", "--config", "/etc/it")
        (process / "cmdline").write_text("\0".join(words) + "\0", encoding="utf-8")
        (process / "environ").write_text("HANDOFF_STORAGE=sqlite:///it.db\0", encoding="utf-8")
        (process / "maps").write_text("", encoding="utf-8")

    def end(self, pid: int) -> None:
        """The process is gone."""
        (self.proc / str(pid) / "cmdline").unlink()

    @property
    def current(self) -> Path:
        """The folder of the version that a start runs."""
        return (self.lib / "current").resolve()

    @property
    def versions(self) -> set[str]:
        """Those that are on the disk."""
        return {path.name for path in (self.lib / "versions").iterdir()}

    @property
    def restarted(self) -> list[str]:
        """The units, in their order."""
        said = self.units / "restarted"
        return said.read_text(encoding="ascii").split() if said.exists() else []

    def version_of(self, pid: int) -> str:
        """Of which version a process is."""
        return Path((self.proc / str(pid) / "cmdline").read_text(encoding="utf-8").split("\0")[0]).parts[-3]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_version_has_a_folder_of_its_own_and_takes_no_disk_of_its_own(machine: Machine) -> None:
    machine.install("1")
    assert machine.current == machine.lib / "versions/1"
    module = machine.current / "lib/late.py"
    assert module.stat().st_ino == (machine.lib / "package/lib/late.py").stat().st_ino
    assert list(machine.current.glob("lib/__pycache__/late.*.pyc"))


def test_what_a_running_agent_reads_late_stays_when_another_version_is_unpacked_over_it(
    machine: Machine,
) -> None:
    machine.install("1")
    machine.start("handoff-agent.service", 101)
    machine.install("2")
    assert machine.current.name == "2"
    assert (machine.lib / "versions/1/lib/late.py").read_text(encoding="utf-8") == "NAME = '1'\n"


def test_a_version_goes_when_nobody_runs_from_it(machine: Machine) -> None:
    machine.install("1")
    machine.start("handoff-agent.service", 101)
    machine.install("2")
    machine.install("3")
    assert machine.versions == {"1", "3"}  # nobody ever ran 2
    machine.end(101)
    machine.run("place", "tidy")
    assert machine.versions == {"3"}


def test_a_process_that_only_has_a_library_mapped_uses_its_version(machine: Machine) -> None:
    machine.install("1")
    machine.start("other.service", 101)
    library = machine.current / "lib/_pjsua2.so"
    machine.install("2")
    (machine.proc / "101/cmdline").write_text("python3\0", encoding="ascii")
    (machine.proc / "101/maps").write_text(f"7f00-7f10 r-xp 0 08:01 1   {library}\n", encoding="utf-8")
    machine.run("place", "tidy")
    assert machine.versions == {"1", "2"}


def test_a_version_whose_name_begins_like_another_is_another(machine: Machine) -> None:
    machine.install("0.1.0-ab")
    machine.install("0.1.0-abc")
    machine.start("handoff-agent.service", 101)
    machine.install("0.2.0-d")
    assert machine.versions == {"0.1.0-abc", "0.2.0-d"}


def test_installing_the_same_again_repairs_it(machine: Machine) -> None:
    machine.install("1")
    (machine.current / "lib/late.py").unlink()
    machine.install("1")
    assert (machine.current / "lib/late.py").exists()


def test_a_removal_leaves_what_still_runs_and_says_so(machine: Machine) -> None:
    machine.install("1")
    machine.start("by-hand.service", 101)
    removed = machine.run("place", "remove")
    assert machine.versions == {"1"}
    assert "process 101 still runs from it" in removed.stderr
    machine.end(101)
    assert machine.run("place", "remove").stderr == ""
    assert not (machine.lib / "versions").exists()


def test_an_upgrade_brings_one_agent_after_the_other(machine: Machine) -> None:
    machine.install("1")
    for number in (10, 2, 1):
        machine.start(f"handoff-agent@{number}.service", 100 + number)
    machine.install("2")
    done = machine.run("upgrade")
    assert done.returncode == 0, done.stderr
    assert machine.restarted == [f"handoff-agent@{number}.service" for number in (1, 2, 10)]
    assert machine.versions == {"2"}


def test_an_agent_that_has_the_version_already_is_left_alone(machine: Machine) -> None:
    machine.install("1")
    machine.start("handoff-agent.service", 101)
    assert machine.run("upgrade").returncode == 0
    assert machine.restarted == []


def test_a_version_that_refuses_the_configuration_drains_nobody(machine: Machine) -> None:
    machine.install("1")
    machine.start("handoff-agent.service", 101)
    machine.install("2", refuses=True)
    done = machine.run("upgrade")
    assert done.returncode == 1
    assert machine.restarted == []
    assert machine.version_of(101) == "1"
    assert "goes on in its old version" in done.stderr
    # as the running agent has it: its arguments and its environment
    assert re.search(r"^2 .* check --config /etc/it sqlite:///it.db$", done.stdout, re.MULTILINE)


def test_an_upgrade_ends_at_the_first_that_does_not_start(machine: Machine) -> None:
    machine.install("1")
    machine.start("handoff-agent@1.service", 101)
    machine.start("handoff-agent@2.service", 102)
    (machine.units / "handoff-agent@1.service.fails").touch()
    machine.install("2")
    done = machine.run("upgrade")
    assert done.returncode == 1
    assert machine.restarted == ["handoff-agent@1.service"]
    assert machine.version_of(102) == "1"
    assert "journalctl -u handoff-agent@1.service" in done.stderr


def test_what_is_packed_is_pinned_and_holds_no_tool_of_ours() -> None:
    command = [sys.executable, str(ROOT / "deploy/pinned.py"), "otel"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    entries = re.findall(r"^(\S+)==", found.stdout, re.MULTILINE)
    assert {"aiohttp", "pydantic-core", "cryptography", "opentelemetry-sdk"} <= set(entries)
    assert not {"pytest", "mypy", "ruff", "uv", "selenium", "pyarrow"} & set(entries)
    assert found.stdout.count("--hash=") >= len(entries)


def test_a_needrestart_of_the_machine_leaves_the_agent_alone() -> None:
    assert "qr(^handoff-agent)} = 0" in (DEBIAN / "needrestart.conf").read_text(encoding="utf-8")
