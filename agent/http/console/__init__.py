# SPDX-License-Identifier: GPL-3.0-or-later
"""The console: pages for people at the operations listener. How one is made: docs/console.md."""
