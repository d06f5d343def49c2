# SPDX-License-Identifier: GPL-3.0-or-later
"""The NICE CXone side: tokens, discovery, the Signal request and what its answers mean."""
