# SPDX-License-Identifier: GPL-3.0-or-later
"""Host names: one resolver for all that the agent reaches by name, on the event loop, without a thread."""
