# SPDX-License-Identifier: GPL-3.0-or-later
"""How the simulated CXone behaves where NICE's public pages are silent, and who its customers are."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DEMO_TENANT = "11eb5a2c-7e10-4c1e-9d7b-0242ac110002"


class Knobs(BaseModel):
    """Everything about the simulator that is an assumption and may be turned at run time.

    Times are seconds, sizes bytes. None turns a limit off. The defaults are the strict reading.
    """

    model_config = ConfigDict(extra="forbid", validate_assignment=True)

    # identity server
    expires_in: float = Field(3600, gt=0)
    early_reject_after: float | None = None
    invalid_grant_status: Literal[400, 401] = 401
    basic_percent_decode: bool = False
    app_enabled: bool = True
    app_allows_tenant: bool = True
    access_key_active: bool = True
    employee_active: bool = True
    # signal
    app_has_admin_api: bool = True
    employee_permitted: bool = True
    unknown_contacts: Literal["accept", "refuse"] = "accept"
    ended_contact: Literal["404", "400", "drop"] = "404"
    url_limit: int | None = 2048
    url_limit_status: Literal[414, 404] = 414
    parameter_limit: int | None = None
    conflict_winner: Literal["body", "query"] = "body"
    rate: float | None = None
    burst: int = 10
    # Studio
    effect_delay: float = Field(0.05, ge=0)
    double_window: float = Field(0.02, ge=0)
    busy_seconds: float | None = None
    # TMS
    tms_expired_as_400: bool = False
    # memory
    signals_kept: int = Field(200_000, gt=0)
    contacts_kept: int = Field(200_000, gt=0)


class Tenant(BaseModel):
    """One customer of the simulated CXone: its ids, and the one application and access key it has."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tenant_id: str = DEMO_TENANT
    name: str = "handoff-demo"
    business_unit: str = "4591234"
    client_id: str = "handoff-agent"
    client_secret: str = "demo-client-secret"  # noqa: S105 - the demo's, public by design
    access_key_id: str = "DEMOACCESSKEYID===="
    access_key_secret: str = "demo-access-key-secret===="  # noqa: S105 - the same
    area: str = "na1"
    cluster: str = "C99"
    api_endpoint: str = ""
