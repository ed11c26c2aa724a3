"""What can go wrong with a telemetry store.

ForewarnError
├── StoreError
│   ├── StoreUnavailable    it can't be reached or does not answer as it should; trying again is right
│   ├── StoreRestarted      it came back and may have forgotten what it had not written to disk yet
│   └── StoreCantForget     it forgets by rules of its own, not when asked
└── CannotStart
    └── ConfigurationError  (kit) an address that names no store we know
"""

from __future__ import annotations

from typing import ClassVar

from server.kit.errors import ForewarnError


class StoreError(ForewarnError):
    title: ClassVar[str] = "Telemetry store trouble"


class StoreUnavailable(StoreError):
    status = 503
    title = "Telemetry store not reachable"


class StoreRestarted(StoreError):
    """Whoever appends starts again from the store's own position."""

    status = 503
    title = "Telemetry store restarted"


class StoreCantForget(StoreError):
    status = 409
    title = "Not in this store's power"
