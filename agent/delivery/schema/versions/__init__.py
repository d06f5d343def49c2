# SPDX-License-Identifier: GPL-3.0-or-later
"""One file for each step, in the order of their numbers."""
