"""TOML → settings; every mistake at once, each with its line."""

import dataclasses
import re
import tomllib
import typing
from pathlib import Path
from typing import Any, TypeVar

from device_agent.config_clashes import clashes
from device_agent.errors import ConfigError
from device_agent.settings import AgentSettings
from device_agent.toml_lines import LineIndex

_S = TypeVar("_S")
_Where = tuple[str | int, ...]


def load_settings(path: Path) -> AgentSettings:
    """Read and check a configuration file; raises ConfigError with everything that is wrong."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError([f"{path}: there is no such file"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: can't be read: {error}"]) from None
    return parse_settings(text)


def parse_settings(text: str) -> AgentSettings:
    """Check a configuration given as text; raises ConfigError with everything that is wrong."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_syntax(str(error), text)]) from None
    reader = _Reader(LineIndex(text))
    settings = reader.build(AgentSettings, tree, ())
    if not reader.mistakes:
        reader.check_together(settings)
    if reader.mistakes:
        ordered = sorted(reader.mistakes, key=lambda mistake: mistake[0])
        raise ConfigError([_sentence(line, said) for line, said in ordered])
    return settings


def read_password(settings: AgentSettings) -> str:
    """Give the broker password; raises ConfigError when its file can't be read."""
    broker = settings.broker
    if not broker.password_file:
        return broker.password
    try:
        text = Path(broker.password_file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"[broker] password_file: can't be read: {error}"]) from None
    return text.split("\n", 1)[0].strip()


class _Reader:
    """Walks the tree beside the settings' classes and collects mistakes."""

    def __init__(self, lines: LineIndex) -> None:
        self._lines = lines
        self.mistakes: list[tuple[int, str]] = []

    def build(self, kind: type[_S], tree: dict[str, Any], where: _Where) -> _S:
        """Make one settings object; a wrong value is noted and its default used."""
        known = {item.name: item for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
        hints = typing.get_type_hints(kind)
        for key in tree:
            if key not in known:
                self._note((*where, key), f"is not a setting; known here: {', '.join(known)}")
        for name, item in known.items():
            if item.metadata.get("required") and name not in tree:
                self._note(where, f"{name} is required", missing=True)
        values = {
            name: self._value(hints[name], item, tree[name], (*where, name))
            for name, item in known.items()
            if name in tree
        }
        return kind(**values)

    def check_together(self, settings: AgentSettings) -> None:
        """Check what no single setting can know."""
        for name, said in clashes(settings):
            self._note(name, said)

    def _value(self, hint: Any, item: "dataclasses.Field[Any]", given: Any, where: _Where) -> Any:
        if dataclasses.is_dataclass(hint):
            if isinstance(given, dict):
                return self.build(typing.cast("type[Any]", hint), given, where)
            return self._wrong(item, where, "must be a table")
        if typing.get_origin(hint) is tuple:
            return self._list(typing.get_args(hint)[0], item, given, where)
        if hint is float and isinstance(given, int) and not isinstance(given, bool):
            given = float(given)
        if type(given) is not hint:
            shown = "" if item.metadata.get("secret") else f", is {given!r}"
            return self._wrong(item, where, f"must be {_KIND_NAMES[hint]}{shown}")
        fault = _fault(item.metadata, given)
        return self._wrong(item, where, fault) if fault else given

    def _list(
        self, of: Any, item: "dataclasses.Field[Any]", given: Any, where: _Where
    ) -> tuple[Any, ...]:
        wanted = dict if dataclasses.is_dataclass(of) else of
        if not isinstance(given, list) or not all(type(each) is wanted for each in given):
            what = f"[[{'.'.join(map(str, where))}]] tables" if wanted is dict else "texts"
            self._note(where, f"must be a list of {what}")
            return typing.cast("tuple[Any, ...]", item.default)
        if wanted is dict:
            return tuple(self.build(of, each, (*where, i)) for i, each in enumerate(given))
        if item.metadata.get("required") and not given:
            self._note(where, "must not be empty")
        for each in given:
            if each not in item.metadata.get("each", given):
                self._note(where, f"{each!r} is not one of {', '.join(item.metadata['each'])}")
        return tuple(given)

    def _wrong(self, item: "dataclasses.Field[Any]", where: _Where, said: str) -> Any:
        self._note(where, said)
        if item.default is not dataclasses.MISSING:
            return item.default
        assert item.default_factory is not dataclasses.MISSING
        return item.default_factory()

    def _note(self, where: _Where, said: str, *, missing: bool = False) -> None:
        line = self._lines.line_of(where)
        if missing:
            name = _table(where)
            self.mistakes.append((line, f"{name}{said}"))
        else:
            self.mistakes.append((line, f"{_table(where[:-1])}{where[-1]}: {said}"))


_KIND_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}


def _table(where: _Where) -> str:
    return f"[{'.'.join(str(part) for part in where if isinstance(part, str))}] " if where else ""


def _fault(rules: Any, given: Any) -> str:
    """Say what is wrong with a value of the right type; empty if nothing is."""
    if "choices" in rules and given not in rules["choices"]:
        return f"must be {' or '.join(rules['choices'])}, is {given!r}"
    if "check" in rules and (said := rules["check"](given)):
        return said if rules.get("secret") else f"{given!r} {said}"
    if "pattern" in rules and re.fullmatch(rules["pattern"], given) is None:
        return f"{given!r} does not fit {rules['pattern']}"
    low, high = rules.get("low"), rules.get("high")
    if (low is not None and not given >= low) or (high is not None and not given <= high):
        limits = f"{low} to {high}" if high is not None else f"{low} or more"
        return f"must be {limits}, is {given}"
    return ""


def _syntax(said: str, text: str) -> str:
    found = re.search(r"^(.*) \(at (?:line (\d+), column \d+|end of document)\)$", said)
    if found is None:
        return f"not TOML: {said}"
    line = found[2] or max(1, len(text.splitlines()))
    return f"line {line}: not TOML: {found[1].lower()}"


def _sentence(line: int, said: str) -> str:
    return f"line {line}: {said}" if line else said
