# SPDX-License-Identifier: GPL-3.0-or-later
"""The customer's own systems."""
