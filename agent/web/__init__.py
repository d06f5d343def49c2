# SPDX-License-Identifier: GPL-3.0-or-later
"""What leaves by HTTP, whoever sends it: sessions, what was written, breaker, single flight."""
