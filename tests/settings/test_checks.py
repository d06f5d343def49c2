# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the configuration names: each must be there and be what it is named as."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from agent.core.model import Snapshot
from tests.http.harness.certificates import new_pair

API_TLS = "node: e\nhttp: {tls: {certificate: edge.pem, private_key: edge.key}}\n"


class Folder(Protocol):
    """The folder of conftest.py."""

    path: Path

    def write(self, name: str, text: str) -> None:
        """Replace a file."""

    def load(self) -> Snapshot:
        """Load it."""

    def mistakes(self) -> list[str]:
        """What loading it finds wrong."""


def test_the_files_of_the_api_s_tls_start_at_the_configuration_folder(folder: Folder) -> None:
    pair = new_pair(folder.path)
    folder.write("agent.yaml", API_TLS)
    tls = folder.load().agent.http.tls
    assert tls is not None
    assert (tls.certificate, tls.private_key) == (pair.certificate, pair.private_key)


def test_each_file_of_the_api_s_tls_that_is_absent_is_told_at_its_place(folder: Folder) -> None:
    folder.write("agent.yaml", API_TLS)
    certificate, key = folder.mistakes()
    assert certificate.startswith("agent.yaml:2:27: ")
    assert key.startswith("agent.yaml:2:50: ")
    assert "No such file" in certificate


def test_a_key_of_another_certificate_is_told(folder: Folder) -> None:
    new_pair(folder.path)
    new_pair(folder.path, "other")
    folder.write("agent.yaml", API_TLS.replace("edge.key", "other.key"))
    (mistake,) = folder.mistakes()
    assert mistake.startswith("agent.yaml:2:8: edge.pem and other.key are no PEM certificate and its key")


def test_a_key_with_a_password_is_told_and_nobody_is_asked_for_it(folder: Folder) -> None:
    new_pair(folder.path, password=b"secret")
    folder.write("agent.yaml", API_TLS)
    (mistake,) = folder.mistakes()
    assert "without a password" in mistake


def test_what_is_no_pem_is_told(folder: Folder) -> None:
    folder.write("edge.pem", "no certificate\n")
    folder.write("edge.key", "no key\n")
    folder.write("agent.yaml", API_TLS)
    (mistake,) = folder.mistakes()
    assert mistake.startswith("agent.yaml:2:8: edge.pem and edge.key are no PEM certificate")
