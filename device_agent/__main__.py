"""``python -m device_agent``, and where the program ``forewarn-agent`` begins.

dataclasses needs inspect for a class without a docstring only, urllib.parse ipaddress for addresses in
brackets: a megabyte and a half that stays away.
"""

import sys

from device_agent.late_modules import late

with late("inspect", "ipaddress"):
    from device_agent.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    sys.exit(main())
