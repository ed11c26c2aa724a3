"""Rules about the code itself: what may import what, how long it may be, examples that hold."""

import ast
import doctest
import importlib
import pkgutil
import sys
from pathlib import Path

import pytest

import device_agent

PACKAGE = Path(device_agent.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
OWN = {"device_agent", "firmware_bridge"}
AGENT_MAY = {"msgspec", "cbor2", "paho", "serial"}
WIRE_MAY = {"msgspec", "cbor2"}


def imported(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield node.module


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_keep_to_the_base_install_and_the_wire_to_itself(path):
    is_wire = path.parent.name == "wire"
    for name in imported(path):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names:
            continue
        if is_wire:
            assert top in WIRE_MAY or name.startswith("device_agent.wire"), name
        else:
            assert top in AGENT_MAY | OWN, name


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_and_functions_stay_readable(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    tree = ast.parse(text)
    assert path.name == "__main__.py" or ast.get_docstring(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            assert node.end_lineno - node.lineno < 60, node.name


def test_paho_is_seen_in_one_place_only():
    assert [p.name for p in FILES if any(name.startswith("paho") for name in imported(p))] == [
        "link.py"
    ]


def test_examples_in_docstrings_hold():
    attempted = 0
    for module in pkgutil.walk_packages(device_agent.__path__, "device_agent."):
        if module.name.endswith("__main__"):
            continue
        result = doctest.testmod(importlib.import_module(module.name))
        assert result.failed == 0, module.name
        attempted += result.attempted
    assert attempted >= 4
