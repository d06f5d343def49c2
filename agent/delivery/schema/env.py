# SPDX-License-Identifier: GPL-3.0-or-later
"""What Alembic runs to take steps: on the connection it is given, all of them in one transaction."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
