# SPDX-License-Identifier: GPL-3.0-or-later
"""The image: a Dockerfile without mistakes, the locked packages, programs that do one thing."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy/Dockerfile"
PLACE = ROOT / "deploy/containers"
_PIN = re.compile(r"^([a-z0-9.-]+==\S+)((?: \\\n +--hash=\S+)+)", re.MULTILINE)


def pins(path: Path) -> dict[str, str]:
    """What a lock holds: name and version, and the hashes."""
    return dict(_PIN.findall(path.read_text(encoding="utf-8")))


def test_hadolint_finds_nothing_wrong() -> None:
    found = subprocess.run(
        [str(Path(sys.prefix) / "bin/hadolint"), str(DOCKERFILE)], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("name", ["runtime.lock", "build.lock"])
def test_what_goes_into_the_image_is_what_is_tested_here(name: str) -> None:
    """Make lock writes all of them."""
    theirs, ours = pins(PLACE / name), pins(ROOT / "requirements.lock")
    assert theirs
    assert theirs.items() <= ours.items()


def needed(requirement: str, seen: set[str]) -> None:
    """Add a package, and all that it needs."""
    wanted = Requirement(requirement)
    name = canonicalize_name(wanted.name)
    extras = wanted.extras or {""}
    if wanted.marker is not None and not any(
        wanted.marker.evaluate({"extra": extra}) for extra in ("", "otel")
    ):
        return
    key = f"{name}[{','.join(sorted(extras))}]"
    if key in seen:
        return
    seen.add(key)
    for more in importlib.metadata.requires(wanted.name) or ():
        marker = Requirement(more).marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras):
            needed(more.partition(";")[0], seen)


def test_all_that_the_agent_needs_goes_in_and_nothing_else() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    seen: set[str] = set()
    for requirement in (*project["dependencies"], *project["optional-dependencies"]["otel"]):
        needed(requirement, seen)
    assert {pin.partition("==")[0] for pin in pins(PLACE / "runtime.lock")} == {
        key.partition("[")[0] for key in seen
    }


def test_what_is_copied_is_let_through_and_no_secret_is() -> None:
    text = DOCKERFILE.read_text(encoding="utf-8")
    copied = [line.split()[1:-1] for line in re.findall(r"^COPY (?!--from).*$", text, re.MULTILINE)]
    let_through = [
        line.removeprefix("!")
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    ]
    for source in (source for sources in copied for source in sources):
        assert (ROOT / source).exists()
        assert any(source == path or source.startswith(f"{path}/") for path in let_through), source
    assert not {"config", "tests", "."} & set(let_through)


def test_no_index_and_no_host_is_named() -> None:
    for path in (DOCKERFILE, *PLACE.glob("*.lock")):
        assert "://" not in path.read_text(encoding="utf-8")


class Operations(BaseHTTPRequestHandler):
    """Alive, not ready, and to be drained by who has the token."""

    def do_GET(self) -> None:
        """Whether it is alive, or ready."""
        self._answer(200 if self.path == "/healthz" else 503)

    def do_POST(self) -> None:
        """A drain."""
        told = self.headers["Authorization"] == "Bearer a-token" and self.headers["X-Requested-By"]
        self._answer(202 if told and self.path == "/drain" else 401)

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")


def program(name: str, *arguments: str, operations: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, str(PLACE / name), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"HANDOFF_OPERATIONS": operations},
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_it_is_healthy_while_it_is_alive_and_drains_when_it_is_told(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("a-token\n")
    with HTTPServer(("127.0.0.1", 0), Operations) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            port = server.server_port
            assert program("healthy", operations=f"0.0.0.0:{port}") == (0, "200 {}\n")
            assert program("healthy", "readyz", operations=f"127.0.0.1:{port}") == (1, "503 {}\n")
            assert program("drain", str(token), operations=f"0.0.0.0:{port}") == (0, "202 {}\n")
            assert program("drain", operations=f"127.0.0.1:{port}") == (1, "401 {}\n")
        finally:
            server.shutdown()


@pytest.mark.parametrize("name", ["healthy", "drain"])
def test_one_that_is_not_there_is_told_in_a_line(name: str) -> None:
    code, said = program(name, operations="127.0.0.1:1")
    assert code == 1
    assert "refused" in said
    assert said.count("\n") == 1
