# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics, logs and call stories."""
