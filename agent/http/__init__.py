# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP listeners: handoff API and operations."""
