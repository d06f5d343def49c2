# SPDX-License-Identifier: GPL-3.0-or-later
"""The shell of calls: turns SIP, HTTP and timer events into core events, and carries out what comes back."""
