# SPDX-License-Identifier: GPL-3.0-or-later
"""SIPp scenarios of the profiles; ``sip_scenarios/load`` is a link to this folder."""
