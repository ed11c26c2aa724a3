"""One line per event: ``time level message key=value …``, foreign text made harmless."""

import logging
import sys
import time
from collections import deque

from device_agent.wire.text import clean

_LOGGER = logging.getLogger("forewarn-agent")
_RECENT: deque[str] = deque(maxlen=300)
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/+-%")


def set_up_log(level: str) -> None:
    """Write lines of at least this level to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    tail = _Tail()
    for each in (handler, tail):
        each.setFormatter(formatter)
    _LOGGER.handlers[:] = [handler, tail]
    _LOGGER.propagate = False
    _LOGGER.setLevel(level.upper())


class _Tail(logging.Handler):
    """Keeps the last lines for whoever asks from afar."""

    def emit(self, record: logging.LogRecord) -> None:
        _RECENT.append(self.format(record)[:1000])


def recent(count: int) -> list[str]:
    """Give the last lines, oldest first; none before the log is set up."""
    return list(_RECENT)[-count:] if count > 0 else []


def info(message: str, **fields: object) -> None:
    """Log what an operator wants to know."""
    _LOGGER.info("%s", line(message, fields))


def warning(message: str, **fields: object) -> None:
    """Log what an operator should look at."""
    _LOGGER.warning("%s", line(message, fields))


def failure(message: str, error: Exception) -> None:
    """Log a fault of ours, with its traceback."""
    _LOGGER.error("%s", line(message, {"error": error}), exc_info=error)


def line(message: str, fields: dict[str, object]) -> str:
    """Give the line's text.

    >>> line("link lost", {"reason": "no route", "count": 3})
    'link lost reason="no route" count=3'
    """
    return " ".join([message, *(f"{key}={_shown(value)}" for key, value in fields.items())])


def _shown(value: object) -> str:
    text = clean(str(value))
    return text if text and set(text) <= _BARE else '"' + text.replace('"', "'") + '"'
