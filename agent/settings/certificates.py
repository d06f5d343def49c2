# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates, keys and authorities that a configuration names: whether they can serve, and until when."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from agent.core.model.snapshot import Certificate
from agent.settings.files import read_regular

if TYPE_CHECKING:
    from cryptography import x509

LARGEST_CERTIFICATE = 4 * 1024 * 1024
"""Bytes of one file; all authorities of the web together take a quarter of a MiB."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one of the files; ``key`` is that of the configuration which names it."""

    key: str
    text: str


def examine(
    certificate: Path,
    private_key: Path,
    ca: Path | None = None,
    *,
    now: datetime | None = None,
    in_force: str = "",
) -> Certificate | list[Fault]:
    """Look at the files of one listener, which must be readable. Blocks.

    Args:
        certificate: our certificate and its chain, PEM.
        private_key: its key, PEM, without a password.
        ca: authorities that peers are checked against.
        now: the time; that of the clock when None.
        in_force: digest of the files that are in use already. That their time is over is no fault then: to
            refuse them would change nothing for peers, and keep every other edit out.

    Returns:
        What is known of the certificate, or what is wrong.
    """
    now = now or datetime.now(UTC)
    digest = hashlib.sha256()
    for path in (certificate, private_key, *((ca,) if ca else ())):
        digest.update(hashlib.sha256(read_regular(path, LARGEST_CERTIFICATE)).digest())
    if digest.hexdigest() != in_force:
        faults = [*_of_pair(certificate, private_key, now), *(_of_authorities(ca, now) if ca else ())]
        if faults:
            return faults
    return Certificate(_read(certificate)[0].not_valid_after_utc.timestamp(), digest.hexdigest())


def _of_pair(certificate: Path, private_key: Path, now: datetime) -> Iterator[Fault]:
    try:
        found = _read(certificate)
    except ValueError:
        yield Fault("certificate", f"{certificate} holds no whole PEM certificate: write it anew")
        return
    try:
        # A key with a password would make OpenSSL ask the terminal for it.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, private_key, password=lambda: "")
    except OSError as error:  # an SSLError is one too
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            text = f"{private_key} is not the key of {certificate}: give the key that it was made with"
        else:
            text = f"{private_key} holds no whole PEM key without a password: {_reason(error)}"
        yield Fault("private_key", text)
    yield from _of_time(found[0], certificate, now)


def _of_time(found: x509.Certificate, path: Path, now: datetime) -> Iterator[Fault]:
    if found.not_valid_after_utc <= now:
        until = f"{found.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
        yield Fault("certificate", f"{path} expired on {until}: renew it")
    elif found.not_valid_before_utc > now:
        since = f"{found.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
        yield Fault("certificate", f"{path} is valid from {since}: wait, or set this machine's clock")


def _of_authorities(path: Path, now: datetime) -> Iterator[Fault]:
    try:
        found = _read(path)
    except ValueError:
        yield Fault("ca", f"{path} holds no whole PEM certificate: name the file of the authorities")
        return
    signers = [one for one in found if _may_sign(one)]
    if not signers:
        yield Fault("ca", f"{path} holds no authority: its certificates may sign none, no peer would check")
    elif all(one.not_valid_after_utc <= now for one in signers):
        latest = max(one.not_valid_after_utc for one in signers)
        yield Fault("ca", f"{path}: its last authority expired on {latest:%Y-%m-%d}: renew it")


def _may_sign(found: x509.Certificate) -> bool:
    """Whether it is an authority (RFC 5280 section 4.2.1.9), or vouches for itself alone."""
    from cryptography import x509  # noqa: PLC0415 - as below

    if found.issuer == found.subject:
        return True
    try:
        return bool(found.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, ValueError):
        return False


def _read(path: Path) -> list[x509.Certificate]:
    """The certificates in a PEM file, one at least; raises `ValueError`."""
    from cryptography import x509  # noqa: PLC0415 - most configurations name no certificate

    text = read_regular(path, LARGEST_CERTIFICATE)
    if text.count(b"-----BEGIN CERTIFICATE-----") != text.count(b"-----END CERTIFICATE-----"):
        raise ValueError("one of them is cut")
    return x509.load_pem_x509_certificates(text)


def _reason(error: OSError) -> str:
    return str(getattr(error, "reason", None) or error.strerror or error)
