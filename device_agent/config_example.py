"""Writes the commented example configuration from the settings' own declarations."""

import dataclasses
import json
import typing
from typing import Any

from device_agent.settings import AgentSettings

_INTRO = """\
# Configuration of forewarn-agent. Every setting is shown with its default; a line that starts with
# "#" is not in force. Check a file with: forewarn-agent check --config agent.toml
"""


def example_text() -> str:
    """Give a whole configuration file: required settings open, every default as a comment."""
    blocks = [_INTRO + _table("", AgentSettings)]
    return "\n".join(blocks)


def _table(path: str, kind: Any) -> str:
    """Give one table: its plain settings first, then the tables inside it."""
    lines: list[str] = []
    inner: list[str] = []
    hints = typing.get_type_hints(kind)
    for item in dataclasses.fields(kind):
        below = f"{path}.{item.name}".lstrip(".")
        of = (typing.get_args(hints[item.name]) or (None,))[0]
        if dataclasses.is_dataclass(of):
            title = f"\n# {item.metadata['help']}; repeat the table for more\n"
            inner.append(title + _repeated_table(below, of))
        elif item.default is dataclasses.MISSING:
            inner.append(
                f"\n# {item.metadata['help']}\n[{below}]\n{_table(below, item.default_factory)}"
            )
        else:
            open_line = bool(item.metadata.get("required"))
            value = _toml(item.metadata["example"] if open_line else item.default)
            lines.append(_line(f"{item.name} = {value}", item, commented=not open_line))
    return "".join(lines) + "".join(inner)


def _repeated_table(path: str, kind: Any) -> str:
    return f"# [[{path}]]\n" + _commented(path, kind)


def _commented(path: str, kind: Any) -> str:
    """Give a table's settings, then the single tables inside it, all as comments."""
    lines: list[str] = []
    inner: list[str] = []
    for item in dataclasses.fields(kind):
        if item.default is dataclasses.MISSING:
            below = f"{path}.{item.name}"
            title = f"# [{below}] # {item.metadata['help']}\n"
            inner.append(title + _commented(below, item.default_factory))
            continue
        value = _toml(item.metadata.get("example", item.default))
        lines.append(_line(f"{item.name} = {value}", item, commented=True))
    return "".join(lines) + "".join(inner)


def _line(text: str, item: "dataclasses.Field[Any]", *, commented: bool) -> str:
    rules = item.metadata
    accepted = ""
    if "choices" in rules:
        accepted = f" ({' or '.join(rules['choices'])})"
    elif "high" in rules:
        accepted = f" ({rules['low']} to {rules['high']})"
    elif "low" in rules:
        accepted = f" ({rules['low']} or more)"
    start = "# " if commented else ""
    return f"{start + text:<52} # {rules['help']}{accepted}\n"


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(each) for each in value)}]"
    if isinstance(value, float) and abs(value) == float("inf"):
        return "inf" if value > 0 else "-inf"
    return json.dumps(value)
