"""One line per event: ``time level message key=value …``, foreign text made harmless."""

import logging
import sys
import time

from device_agent.wire.text import clean

_LOGGER = logging.getLogger("forewarn-agent")
_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/+-%")


def set_up_log(level: str) -> None:
    """Write lines of at least this level to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    formatter = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    _LOGGER.handlers[:] = [handler]
    _LOGGER.propagate = False
    _LOGGER.setLevel(level.upper())


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
