# SPDX-License-Identifier: GPL-3.0-or-later
"""Load by SIPp: profiles, a run with its numbers, the search for the highest clean rate, the report."""
