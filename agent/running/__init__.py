# SPDX-License-Identifier: GPL-3.0-or-later
"""What the process is made of, and what keeps it going while `agent.node` gives it its order."""
