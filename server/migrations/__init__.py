"""The records' schema over time: `upgrade` brings a database to this version's, or refuses it.

`scripts/new_migration.py` writes the next step from the difference between models and steps; a test
holds that there is none left.
"""

from server.migrations.upgrading import upgrade

__all__ = ["upgrade"]
