# SPDX-License-Identifier: GPL-3.0-or-later
"""The SIP-edge handoff agent: stands between NICE CXone and a voice AI agent."""

__version__ = "0.1.0"
