"""Writes constraints.txt: the versions in `.venv` of all that Forewarn needs, directly or not.

Only names and versions, no addresses: every machine takes them from the index that it is set up for.
Run it in an environment where the tests pass (`make constraints`), and read the difference.
"""

from __future__ import annotations

import sys
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "constraints.txt"
HEADER = """\
# Versions that the tests passed with, for Python 3.11 to 3.13; written by `make constraints`.
"""
EDITABLE_NEEDS = "editables"


def direct_requirements(root: Path = ROOT) -> list[Requirement]:
    """All that pyproject.toml asks for: build, base and every extra."""
    with (root / "pyproject.toml").open("rb") as file:
        parsed = tomllib.load(file)
    project = parsed["project"]
    lines = [*parsed["build-system"]["requires"], EDITABLE_NEEDS, *project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        lines += extra
    return [Requirement(line) for line in lines]


def installed_closure(requirements: list[Requirement]) -> dict[str, str]:
    """Name → version of everything installed that is reached from `requirements`.

    Markers are not looked at: what another Python version would not need does no harm as a constraint.
    """
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    queue = list(requirements)
    while queue:
        requirement = queue.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            package = distribution(requirement.name)
        except PackageNotFoundError:
            continue
        found[key[0]] = package.version
        queue += _needs(package, requirement.extras)
    return found


def _needs(package: Distribution, extras: set[str]) -> list[Requirement]:
    needs = [Requirement(line) for line in package.requires or ()]
    return [need for need in needs if _of_extras(need, extras)]


def _of_extras(need: Requirement, extras: set[str]) -> bool:
    if need.marker is None or "extra" not in str(need.marker):
        return True
    return any(need.marker.evaluate({"extra": extra}) for extra in extras)


def main() -> int:
    requirements = direct_requirements()
    pins = installed_closure(requirements)
    absent = {canonicalize_name(r.name) for r in requirements} - set(pins)
    if absent:
        print(f"not installed here: {', '.join(sorted(absent))}; run make setup", file=sys.stderr)
        return 1
    TARGET.write_text(HEADER + "".join(f"{n}=={v}\n" for n, v in sorted(pins.items())))
    print(f"{TARGET.name}: {len(pins)} packages")
    return 0


if __name__ == "__main__":
    sys.exit(main())
