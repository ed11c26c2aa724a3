"""Writes the next step of the records' schema: `python scripts/new_migration.py "what changes"`.

The steps so far are run on an empty SQLite database, what the models have beyond them becomes the new
step. Read it before committing it: a rename looks like a drop and an add.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from server.kit.database import Database
from server.migrations import upgrade
from server.migrations.upgrading import configuration


def main(message: str) -> int:
    steps = ScriptDirectory.from_config(configuration())
    number = f"{len(list(steps.walk_revisions())) + 1:04d}"
    with tempfile.TemporaryDirectory() as directory:
        database = Database.at(Path(directory) / "records.sqlite3")
        upgrade(database)
        with database.engine.begin() as connection:
            config = configuration(connection)
            config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
            made = command.revision(config, message=message, rev_id=number, autogenerate=True)
        database.close()
    file = Path(made.path)
    text = file.read_text()
    if re.search(r"def upgrade\(\) -> None:\n(    #.*\n)*    pass\n", text):
        file.unlink()
        print("the steps give what the models say already; nothing written")
        return 1
    subprocess.run([sys.executable, "-m", "ruff", "check", "--fix", "-q", str(file)], check=False)
    subprocess.run([sys.executable, "-m", "ruff", "format", "-q", str(file)], check=False)
    print(file)
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
