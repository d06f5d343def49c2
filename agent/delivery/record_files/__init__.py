# SPDX-License-Identifier: GPL-3.0-or-later
"""Record files: a line of JSON for each call that is over, once, whatever happens to process or disk.

`writer` follows the storage and `folder` keeps the files, in a `thread` of its own: a disk that hangs holds
up neither calls nor the storage. Where it stands is said by the last whole line of the file itself.
"""
