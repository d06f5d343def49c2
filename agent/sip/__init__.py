# SPDX-License-Identifier: GPL-3.0-or-later
"""The SIP side: the only importer of pjsua2."""
