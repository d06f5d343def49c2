# SPDX-License-Identifier: GPL-3.0-or-later
"""The OAuth errors (RFC 6749 section 5.2) by which an issuer refuses a credential: a row per code.

None of them goes away by itself: an alarm is raised, and the token request is repeated only now and then.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Self

from agent.core.advice import Advice

ELSE_TO_CHECK: Final = "check client and access key, and that cxone.issuer is the tenant's own"
"""What to check when a token request is refused without a code that is known."""
NOT_UNDERSTOOD: Final = Advice("the request was not understood", "check cxone.issuer and the region")
_NO_GRANT: Final = "NICE has not given the application the password grant"
_NOT_APPROVED: Final = Advice(
    "NICE has not approved the application yet (2 or 3 work days), or client id or secret is wrong",
    "check both; then try token_endpoint_auth: {auth}, or percent_encode_credentials: {percent}",
)


class TokenError(StrEnum):
    """An error code, as the issuer sends it.

    Attributes:
        check: what to check first, for log and alarm.
        advice: for ``doctor``; ``{auth}`` and ``{percent}`` stand for the settings that were not tried.
    """

    check: str
    advice: Advice

    def __new__(cls, code: str, check: str, advice: Advice = NOT_UNDERSTOOD) -> Self:
        """A row."""
        member = str.__new__(cls, code)
        member._value_ = code
        member.check, member.advice = check, advice
        return member

    INVALID_CLIENT = (
        "invalid_client",
        "check client_id and client_secret, and that NICE has approved the application",
        _NOT_APPROVED,
    )
    UNAUTHORIZED_CLIENT = ("unauthorized_client", _NO_GRANT, _NOT_APPROVED)
    INVALID_GRANT = (
        "invalid_grant",
        "check the access key, that it is active, and that its employee is",
        Advice(
            "the access key is wrong (it ends in ====), was made inactive, or its employee was deactivated",
            "look at the employee and the key in CXone's Admin; make a new key if in doubt",
        ),
    )
    UNSUPPORTED_GRANT_TYPE = ("unsupported_grant_type", _NO_GRANT)
    INVALID_SCOPE = ("invalid_scope", "NICE has not given the application the AdminAPI")
    INVALID_REQUEST = ("invalid_request", ELSE_TO_CHECK)


TOKEN_ERRORS: Final = {error.value: error for error in TokenError}
