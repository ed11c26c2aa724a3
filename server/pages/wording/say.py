"""All of the wording behind one name, `say`, for templates; the reader is filled in."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from server.pages.language.reader import Reader
from server.pages.language.translations import translations
from server.pages.wording import (
    cases,
    conditions,
    evidence,
    findings,
    forecasts,
    leading,
    messages,
    metrics,
    visits,
)


class Say:
    """`say.headline(finding)` in a template is `findings.headline(reader, finding)`."""

    def __init__(self, reader: Callable[[], Reader]) -> None:
        self._reader = reader
        self.tone = cases.tone
        self.told_of = forecasts.told_of
        self.leading = leading.leading

    def metric(self, name: object) -> str:
        return metrics.metric_name(translations(self._reader().language), str(name))

    def component(self, name: object) -> str:
        return metrics.component_name(translations(self._reader().language), str(name))

    def urgency(self, priority: object) -> int:
        return cases.URGENCY.get(str(priority), 2)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        try:
            function = _FUNCTIONS[name]
        except KeyError:
            raise AttributeError(name) from None
        return partial(self._call, function)

    def _call(self, function: Callable[..., Any], *values: Any) -> Any:
        return function(self._reader(), *values)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "word": cases.word,
    "words": cases.words,
    "headline": findings.headline,
    "explanation": findings.explanation,
    "advice": findings.advice,
    "forecast": forecasts.forecast,
    "forecast_interval": forecasts.forecast_interval,
    "evidence": evidence.evidence_rows,
    "condition": conditions.condition,
    "phrase": visits.phrase,
    "message": messages.system_message,
    "message_icon": messages.icon,
}
