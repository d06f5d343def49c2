# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of this machine's own, for a day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID


@dataclass(frozen=True, slots=True)
class Pair:
    """The files of a certificate and its key."""

    certificate: Path
    private_key: Path


def new_pair(
    folder: Path,
    name: str = "edge",
    password: bytes = b"",
    *,
    dns: str = "",
    valid: tuple[float, float] = (-1.0, 24.0),
    authority: bool = True,
    signed: bool = False,
    kind: Literal["EC", "RSA"] = "EC",
) -> Pair:
    """A certificate for 127.0.0.1 and its key, as PEM files.

    Args:
        folder: where they are written.
        name: of both files.
        password: of the key.
        dns: a host name that it is for besides.
        valid: from when to when, in hours from now.
        authority: whether it may sign others.
        signed: whether somebody else signed it (who is not there).
        kind: of the key.
    """
    key = ec.generate_private_key(ec.SECP256R1()) if kind == "EC" else rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    somebody = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")])
    names: list[x509.GeneralName] = [x509.IPAddress(ip_address("127.0.0.1"))]
    names += [x509.DNSName(dns)] if dns else []
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(somebody if signed else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + timedelta(hours=valid[0]))
        .not_valid_after(now + timedelta(hours=valid[1]))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True
        )
        .sign(key, SHA256())
    )
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    pair.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    locked: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
    pair.private_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked))
    return pair
