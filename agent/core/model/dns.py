# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml, dns: how host names are looked up."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from agent.core.model.base import Listed, Model
from agent.core.units import Address, bracketed, host_and_port, is_ip


def _name_server(value: str) -> str:
    host, port = host_and_port(f"[{value}]" if ":" in value and is_ip(value) else value)
    if not is_ip(host):
        raise ValueError(f"{host!r} is not an IP address: a name server is asked by address")
    return bracketed(host) if port is None else str(Address(host, port))


class Dns(Model):
    """How host names are looked up."""

    servers: Annotated[tuple[Annotated[str, AfterValidator(_name_server)], ...], Listed] = Field(
        default=(),
        description="Name servers to ask: 10.0.0.53 or 10.0.0.53:5353. Without them the system's "
        "(/etc/resolv.conf), as they are at the time. /etc/hosts counts in any case.",
    )
