# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that the configuration names: each must be there and be what it is named as."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest

from agent.core.model import Certificate, Snapshot
from agent.settings import Mistakes, changes, load
from agent.settings.certificates import examine
from tests.http.harness.certificates import new_pair

API_TLS = "node: e\nhttp: {tls: {certificate: edge.pem, private_key: edge.key}}\n"


class Folder(Protocol):
    """The folder of conftest.py."""

    path: Path
    environment: dict[str, str]

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


SIP_TLS = """node: e
sip:
  listen: [tls://0.0.0.0]
  tls: {certificate: edge.pem, private_key: edge.key, ca: ca.pem, verify_peer: true}
"""


def test_a_key_of_another_certificate_is_told(folder: Folder) -> None:
    new_pair(folder.path)
    new_pair(folder.path, "other")
    folder.write("agent.yaml", API_TLS.replace("edge.key", "other.key"))
    (mistake,) = folder.mistakes()
    assert mistake.startswith("agent.yaml:2:50: ")
    assert mistake.endswith("edge.pem: give the key that it was made with")
    assert "other.key is not the key of" in mistake


def test_a_key_with_a_password_is_told_and_nobody_is_asked_for_it(folder: Folder) -> None:
    new_pair(folder.path, password=b"secret")
    folder.write("agent.yaml", API_TLS)
    (mistake,) = folder.mistakes()
    assert "edge.key holds no whole PEM key without a password" in mistake


def test_what_is_no_pem_is_told(folder: Folder) -> None:
    folder.write("edge.pem", "no certificate\n")
    folder.write("edge.key", "no key\n")
    folder.write("agent.yaml", API_TLS)
    (mistake,) = folder.mistakes()
    assert mistake.startswith("agent.yaml:2:27: ")
    assert mistake.endswith("edge.pem holds no whole PEM certificate: write it anew")


@pytest.mark.parametrize("part", ["edge.pem", "edge.key", "ca.pem"])
@pytest.mark.parametrize("left", [0, 0.3, 0.95])
def test_a_file_that_was_cut_is_told_at_its_place(folder: Folder, part: str, left: float) -> None:
    sound(folder)
    whole = (folder.path / part).read_text()
    folder.write(part, whole[: int(len(whole) * left)])
    (mistake,) = folder.mistakes()
    key = {"edge.pem": "certificate", "edge.key": "private_key", "ca.pem": "ca"}[part]
    assert mistake.startswith(f"agent.yaml:4:{SIP_TLS.splitlines()[3].index(part) + 1}: "), key
    assert part in mistake


@pytest.mark.parametrize(
    ("valid", "said"), [((-48.0, -1.0), "edge.pem expired on "), ((1.0, 24.0), "edge.pem is valid from ")]
)
def test_a_certificate_counts_for_its_time(folder: Folder, valid: tuple[float, float], said: str) -> None:
    sound(folder)
    new_pair(folder.path, valid=valid)
    (mistake,) = folder.mistakes()
    assert said in mistake


def test_an_authority_that_is_none_is_told(folder: Folder) -> None:
    sound(folder)
    new_pair(folder.path, "ca", authority=False, signed=True)
    (mistake,) = folder.mistakes()
    assert "ca.pem holds no authority" in mistake


def test_authorities_that_expired_are_told_where_no_other_is_left(folder: Folder) -> None:
    sound(folder)
    good = (folder.path / "ca.pem").read_text()
    new_pair(folder.path, "ca", valid=(-48.0, -1.0))
    (mistake,) = folder.mistakes()
    assert "ca.pem: its last authority expired on " in mistake
    folder.write("ca.pem", (folder.path / "ca.pem").read_text() + good)
    assert folder.mistakes() == []


def test_a_peer_that_vouches_for_itself_may_be_named_as_authority(folder: Folder) -> None:
    sound(folder)
    new_pair(folder.path, "ca", authority=False)
    assert folder.load().agent.sip.tls is not None


def test_a_renewed_certificate_is_a_change_that_is_told(folder: Folder) -> None:
    sound(folder)
    old = folder.load()
    assert folder.load().fingerprint == old.fingerprint
    new_pair(folder.path, valid=(-1.0, 48.0))
    new = folder.load()
    assert new.fingerprint != old.fingerprint
    assert list(changes(old, new).lines()) == ["sip.tls: its certificate was renewed"]
    assert changes(old, new).summary(0).renewed == ("sip.tls",)
    assert changes(old, new).restart == ()
    assert new.certificates["sip.tls"].until > old.certificates["sip.tls"].until


def sound(folder: Folder) -> None:
    """A configuration with a TLS listener whose files are all as they should be."""
    new_pair(folder.path)
    new_pair(folder.path, "ca")
    folder.write("agent.yaml", SIP_TLS)
    assert folder.mistakes() == []


def test_a_certificate_in_use_that_has_expired_keeps_no_edit_out_and_another_expired_one_does(
    folder: Folder,
) -> None:
    sound(folder)
    new_pair(folder.path, valid=(-48.0, -1.0))
    pair = folder.path / "edge.pem", folder.path / "edge.key"
    ca = folder.path / "ca.pem"
    assert isinstance(examine(*pair, ca), list), "it is refused where it is new"
    known = examine(*pair, ca, now=datetime.now(UTC) - timedelta(hours=12))
    assert isinstance(known, Certificate)
    loaded = load(folder.path, folder.environment, in_force={"sip.tls": known})
    assert loaded.certificates["sip.tls"] == known
    new_pair(folder.path, valid=(-48.0, -2.0))
    with pytest.raises(Mistakes, match="expired on"):
        load(folder.path, folder.environment, in_force={"sip.tls": known})
