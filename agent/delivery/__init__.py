# SPDX-License-Identifier: GPL-3.0-or-later
"""The durable record of calls, handoffs and signals, and the courier that delivers signals."""
