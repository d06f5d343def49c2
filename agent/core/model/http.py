# SPDX-License-Identifier: GPL-3.0-or-later
"""agent.yaml, http: the two listeners."""

from __future__ import annotations

from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from agent.core.model.access import OperationsAuth, objection
from agent.core.model.base import Count, FilePath, HttpAddress, Listed, Model, Text, misplaced
from agent.core.units import Address


class HttpTls(Model):
    """Certificate of the handoff API's listener."""

    certificate: FilePath = Field(description="PEM file with our certificate and its chain.")
    private_key: FilePath = Field(description="PEM file with its private key.")


def _origin(value: str) -> str:
    url = urlsplit(value)
    if url.scheme not in ("http", "https") or not url.hostname or value != f"{url.scheme}://{url.netloc}":
        raise ValueError(f"{value!r} is no origin: write https://desktop.example.org, nothing after the host")
    return value


class Http(Model):
    """HTTP listeners."""

    api: HttpAddress = Field(default=Address("0.0.0.0", 8080), description="Handoff API for voice agents.")
    operations: HttpAddress = Field(
        default=Address("127.0.0.1", 8081),
        description="Health, metrics, control and console. Without operations_auth it must be loopback.",
    )
    operations_auth: OperationsAuth | None = Field(
        default=None,
        description="Who may ask the operations listener; without it whoever reaches it is an operator.",
    )
    tls: HttpTls | None = Field(default=None, description="Serve the handoff API over TLS.")
    origins: Annotated[tuple[Annotated[str, AfterValidator(_origin)], ...], Listed] = Field(
        default=(),
        description="Origins of desktop pages that may read the handoff API (CORS): https://host[:port].",
    )

    operations_hosts: Annotated[tuple[Text, ...], Listed] = Field(
        default=(),
        description="Names by which the operations listener may be asked (Host header), beside localhost and "
        "the address that a request comes to: those of a proxy or a service. Others get 421.",
    )
    connections: Count = Field(
        default=1000, description="Connections to the handoff API at the same time; more get 503."
    )
    connections_per_address: Count = Field(
        default=500,
        description="Of them those of one address (of IPv6: of one /64 network). The operations listener "
        "takes 128, 64 of one address.",
    )

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.api == self.operations:
            raise misplaced(f"api and operations both listen on {self.api}: give each its own", "operations")
        return self

    @model_validator(mode="after")
    def _operations_have_a_log_in(self) -> Self:
        objects = objection(self.operations, self.operations_auth)
        if objects is not None:
            raise misplaced(objects, "operations")
        return self
