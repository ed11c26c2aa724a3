"""A regular expression given by the user; its named groups are the metrics."""

import re

from firmware_bridge.errors import SettingsError
from firmware_bridge.protocols.fields import Field, Parsed, field
from firmware_bridge.protocols.settings import RegexSettings


class PatternParser:
    """The whole line must match. Groups ``name``, ``value``, ``unit`` together are one metric named by the line."""

    def __init__(self, settings: RegexSettings) -> None:
        try:
            self._pattern = re.compile(settings.pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise SettingsError("pattern", f"not a regular expression: {error}") from None
        groups = set(self._pattern.groupindex)
        if not groups:
            raise SettingsError("pattern", "has no named group such as (?P<temperature>...)")
        self._named = {"name", "value"} <= groups <= {"name", "value", "unit"}

    def parse(self, line: str) -> Parsed:
        r"""Read one line.

        >>> form = RegexSettings(pattern=r"T(?P<inside>\S+) R(?P<rpm>\d+)")
        >>> PatternParser(form).parse("T21.5 R900")
        [Field(name='inside', value=21.5, unit=''), Field(name='rpm', value=900.0, unit='')]
        """
        match = self._pattern.fullmatch(line)
        if match is None:
            return None
        found = {name: text for name, text in match.groupdict().items() if text is not None}
        if self._named:
            one = field(found.get("name", ""), found.get("value", ""), found.get("unit", ""))
            return None if one is None or not one.name else [one]
        fields: list[Field] = []
        for name, text in found.items():
            one = field(name, text)
            if one is None:
                return None
            fields.append(one)
        return fields

    def forget(self) -> None:
        """Nothing is remembered."""
