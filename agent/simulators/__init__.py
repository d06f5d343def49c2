# SPDX-License-Identifier: GPL-3.0-or-later
"""A faithful fake CXone and a small voice agent, for demo, tests and rehearsals."""
