"""Errors of the detector library.

AnomalyError                (cannot be raised itself)
├── SettingsError           a setting lies outside its accepted range
├── StateError              bytes that are not a state of this version
├── SamplesError            arrays of unequal length, unknown series
└── ScoreError              a file that cannot be scored: names the column or the line
    └── LifeError           a file or model that remaining life cannot be learned or read from
"""

from __future__ import annotations


class AnomalyError(Exception):
    """Root of the library's errors; only its subclasses are raised."""

    def __init__(self, message: str) -> None:
        if type(self) is AnomalyError:
            raise TypeError("raise a subclass of AnomalyError")
        super().__init__(message)


class SettingsError(AnomalyError, ValueError):
    """A setting outside its range; the message prints the accepted range."""


class StateError(AnomalyError, ValueError):
    """Bytes which are not an engine state that this version can continue."""


class SamplesError(AnomalyError, ValueError):
    """A batch of samples that does not fit together."""


class ScoreError(AnomalyError, ValueError):
    """A file that cannot be scored; the message names the file and the column or line."""


class LifeError(ScoreError):
    """A table or model from which remaining life can be neither learned nor read."""
