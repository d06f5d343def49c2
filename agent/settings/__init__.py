# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML files in, one frozen and validated snapshot out."""
