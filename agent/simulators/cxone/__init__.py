# SPDX-License-Identifier: GPL-3.0-or-later
"""A faithful fake of NICE CXone for demos, tests and rehearsals: log-in, discovery, Signal API, TMS.

It is strict where NICE's public pages and code are clear. Where they are silent it follows a knob. One
listener plays all hosts; ``issuer``, ``api_endpoint`` and ``auth_endpoint`` point back at it.

What it serves
    ``GET  /.well-known/openid-configuration``, ``GET /auth/jwks``, ``POST /auth/token``
    ``POST /authentication/v1/token/access-key``
    ``GET  /.well-known/cxone-configuration?tenantId=``
    ``POST /incontactAPI/services/v{1..40}.0/interactions/{contact id}/signal`` (202)
    ``POST /aai/tms/transcripts/post``

Demo credentials: client ``handoff-agent`` / ``demo-client-secret``, access key ``DEMOACCESSKEYID====`` /
``demo-access-key-secret====``, business unit 4591234, tenant `knobs.DEMO_TENANT`. Every contact id of 1 to 19
digits is an active contact of that tenant whose script waits for a signal (knob ``unknown_contacts``).

Control API (JSON; what can't be used is answered 400 ``{"error_message"}``)
    ``GET /simulator/signals``
        list of signal requests, oldest first: number, contact_id, received (epoch s), api_version,
        parameters, sources (body, query, mixed, none), conflicts, ignored, status (null: no answer),
        accepted, effect (none, pending, onsignal, interrupted, double, dropped), description, fault,
        correlation_id, token (number). ``?contact_id=``, ``?after=NUMBER``, ``?limit=N``
    ``GET /simulator/transcripts``
        list of transcript requests, oldest first: number, contact_id (the master's), received, body, status,
        accepted, fault, correlation_id, token. ``?contact_id=``, ``?after=NUMBER``, ``?limit=N``
    ``GET /simulator/counts``
        signals, kept, by_status, accepted, contacts, contacts_signalled_more_than_once, effects; transcripts,
        transcripts_accepted, contacts_transcribed_more_than_once
    ``GET|DELETE /simulator/tokens``
        requests, issued, refused, refusals by error; ``DELETE`` revokes every token
    ``GET|PUT|DELETE /simulator/faults``
        ``PUT {target: fault | [faults] | null}`` replaces the faults of the targets named (signal, token,
        access_key, openid, jwks, discovery, tms) and leaves the others; ``DELETE`` heals all
    ``GET|PUT|DELETE /simulator/knobs``
        ``PUT {knob: value}`` sets those named, ``DELETE`` resets all; see `knobs.Knobs`
    ``GET|PUT /simulator/contacts/{id}``
        ``{state: active|ended, script: waiting|busy|no_onsignal|gone, tenant}``; GET also tells signals (how
        many were accepted) and the onsignals that ran
    ``PUT /simulator/tenants/{uuid}``
        another customer: any field of `knobs.Tenant`
    ``POST /simulator/reset``
        as at the start; issued tokens stay valid

A fault (all fields optional; the first of a target's list that strikes is carried out)
    ``answer``
        the name of one in `answers.ANSWERS`, such as unauthorized, invalid_contact, too_many, page, reset;
        the fields below override what it sets
    ``mode``
        ``status`` (default), ``error`` (default when ``error`` is given: an OAuth error body), ``html_200``,
        ``slow`` (served as usual, ``seconds`` later), ``timeout_before_accept`` and ``timeout_after_accept``
        (no answer for ``seconds``), ``reset_before`` and ``reset_after`` (TCP reset; after: the signal took
        effect), ``token_401`` (signal: 401, and all tokens are revoked), ``no_api_endpoint`` (discovery),
        ``migrate`` (discovery: to ``api_endpoint``; with the target openid it is the token_endpoint)
    ``status`` (503), ``description`` (icStatusDescription), ``body`` (text), ``error`` (invalid_client, …)
    ``retry_after``
        seconds, sent in ``retry_after_form``: seconds or date
    ``seconds`` (60)
        of slow and of the time-outs
    ``accept``
        true: the signal takes effect though the answer says otherwise
    ``contact_id``, ``after``, ``times``, ``share``, ``dice``
        only requests for this contact; let that many pass first; strike that often, then no more; strike that
        part of the requests (0 to 1), evenly spread, or with ``dice: true`` at random

Example: ``PUT /simulator/faults {"signal": {"status": 503, "retry_after": 1, "times": 2}}``.

A transcript meets the faults of tms first, then checks in this order: token (401, or 400 with the knob
``tms_expired_as_400``), permission (403), body (400: a field is missing or a messageBody is not text).

The checks of a signal request come in a fixed order (`signal.py`); faults come last, on requests that would
have been accepted.
"""

from agent.simulators.cxone.faults import Fault
from agent.simulators.cxone.knobs import DEMO_TENANT, Knobs, Tenant
from agent.simulators.cxone.server import CxoneSimulator

__all__ = ["DEMO_TENANT", "CxoneSimulator", "Fault", "Knobs", "Tenant"]
