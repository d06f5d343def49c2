# SPDX-License-Identifier: GPL-3.0-or-later
"""Measurements that anyone can run with one command: ``make bench``. Raw results: docs/performance/raw/."""
