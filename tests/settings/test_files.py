# SPDX-License-Identifier: GPL-3.0-or-later
"""What is no regular file is refused wherever the configuration names it: it might have no end."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pytest

from agent.core.model import Snapshot
from agent.settings import Mistakes, load_in_child
from agent.settings.files import TooLargeError, open_regular, read_regular
from tests.http.harness.certificates import new_pair

SECONDS = 60.0
"""In which a child that hangs is killed, and the test fails."""


class Folder(Protocol):
    """The fixture of conftest.py."""

    path: Path
    environment: dict[str, str]

    def write(self, name: str, text: str) -> None:
        """Replace a file."""

    def load(self) -> Snapshot:
        """Load the folder."""


def fifo(path: Path) -> None:
    """A pipe that nobody writes to."""
    os.mkfifo(path)


def endless(path: Path) -> None:
    """What has the size 0 and no end."""
    path.symlink_to("/dev/zero")


def listens(path: Path) -> None:
    """A socket."""
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(str(path))


SPECIAL = [fifo, endless, listens]
API_TLS = "node: e\nhttp: {tls: {certificate: edge.pem, private_key: edge.key}}\n"
SIP_TLS = """\
node: e
sip: {listen: ["tls://0.0.0.0"], tls: {certificate: edge.pem, private_key: edge.key, ca: ca.pem}}
"""
PROJECT = "project: p\naccount: a\ntoken: ${file:secret}\nvoice_agent: {targets: [{uri: 'sip:b@10.0.0.6'}]}\n"
COMFORT = PROJECT.replace("${file:secret}", "${env:SALES_TOKEN}") + "handoff: {comfort_audio: wait.wav}\n"
PLACES: dict[str, dict[str, str]] = {
    "agent.yaml": {},
    "carriers.yaml": {},
    "projects/x.yaml": {},
    "numbers/x.yaml": {},
    "edge.pem": {"agent.yaml": API_TLS},
    "edge.key": {"agent.yaml": API_TLS},
    "ca.pem": {"agent.yaml": SIP_TLS},
    "secret": {"projects/p.yaml": PROJECT},
    "wait.wav": {"projects/p.yaml": COMFORT},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("special", SPECIAL, ids=lambda made: made.__name__)
async def test_it_is_a_mistake_at_once(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, place: str, special: Callable[[Path], None]
) -> None:
    for key, value in folder.environment.items():
        monkeypatch.setenv(key, value)
    new_pair(folder.path, "edge")
    new_pair(folder.path, "ca")
    for name, text in PLACES[place].items():
        folder.write(name, text)
    path = folder.path / place
    path.unlink(missing_ok=True)
    special(path)
    with pytest.raises(Mistakes) as found:
        await load_in_child(folder.path, timeout=SECONDS)
    assert any(str(path) in str(mistake) for mistake in found.value.mistakes)


def test_links_to_regular_files_are_followed_as_in_a_configmap(folder: Folder) -> None:
    data = folder.path / "..data"
    data.mkdir()
    (folder.path / "numbers" / "acme.yaml").rename(data / "acme.yaml")
    (folder.path / "numbers" / "acme.yaml").symlink_to("../..data/acme.yaml")
    assert folder.load().numbers.match("9995550100") is not None


def test_no_more_is_read_than_a_file_may_hold_whatever_its_size_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * 11)
    assert read_regular(tmp_path / "file", 11) == b"x" * 11
    with pytest.raises(TooLargeError):
        read_regular(tmp_path / "file", 10)
    assert read_regular(Path("/proc/self/stat"), 4096), "its size is said to be 0"


def test_what_takes_a_file_s_place_after_the_look_at_it_is_refused_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fifo(tmp_path / "file")
    regular = Path(__file__).stat()
    monkeypatch.setattr(Path, "stat", lambda _: regular)
    with pytest.raises(OSError, match="no regular file"):
        open_regular(tmp_path / "file")
