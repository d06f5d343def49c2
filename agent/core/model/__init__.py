# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration as frozen models: at once the schema of the YAML files and what the agent runs on.

Attribute names are the keys of the files. Durations are seconds, secrets are ``SecretStr``, mappings and
lists can't be changed.
"""

from __future__ import annotations

from agent.core.model.base import REFERENCES_ONLY, Resolved
from agent.core.model.carriers import Carrier, Carriers, Digest, NumberForm
from agent.core.model.cxone import CxoneTenant
from agent.core.model.handoff import PARAMETERS, FinishPrompt, HandoffSettings
from agent.core.model.http import Http, HttpTls
from agent.core.model.log import Log
from agent.core.model.map import NumbersFile, NumberTarget, csv_schema
from agent.core.model.media import CODECS, PORTS_PER_CALL, Latch, Media
from agent.core.model.node import Agent, Limits
from agent.core.model.project import Project, ProjectLimits, VoiceAgent, Webhook
from agent.core.model.sip import Sip, Tls
from agent.core.model.snapshot import Certificate, Snapshot, Written
from agent.core.model.storage import Retention
from agent.core.model.targets import Probe, Target
from agent.core.model.templates import LABEL_PREFIX, PLACEHOLDERS, is_label_name, parse_template

__all__ = [
    "CODECS",
    "LABEL_PREFIX",
    "PARAMETERS",
    "PLACEHOLDERS",
    "PORTS_PER_CALL",
    "REFERENCES_ONLY",
    "Agent",
    "Carrier",
    "Carriers",
    "Certificate",
    "CxoneTenant",
    "Digest",
    "FinishPrompt",
    "HandoffSettings",
    "Http",
    "HttpTls",
    "Latch",
    "Limits",
    "Log",
    "Media",
    "NumberForm",
    "NumberTarget",
    "NumbersFile",
    "Probe",
    "Project",
    "ProjectLimits",
    "Resolved",
    "Retention",
    "Sip",
    "Snapshot",
    "Target",
    "Tls",
    "VoiceAgent",
    "Webhook",
    "Written",
    "csv_schema",
    "is_label_name",
    "parse_template",
]
