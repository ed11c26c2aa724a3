"""What can go wrong with the broker.

ForewarnError
├── BrokerError
│   └── BrokerUnavailable    not connected right now; the caller may try again
└── CannotStart
    ├── BrokerBinaryMissing  no nats-server on this machine
    └── BrokerStartFailed    it ended, or did not get ready in time; its last words are in the message
"""

from __future__ import annotations

from typing import ClassVar

from server.kit.errors import CannotStart, ForewarnError


class BrokerError(ForewarnError):
    title: ClassVar[str] = "Broker trouble"


class BrokerUnavailable(BrokerError):
    """The broker can't be reached or did not answer in time; trying again later is right."""

    status = 503
    title = "Broker not reachable"


class BrokerBinaryMissing(CannotStart):
    pass


class BrokerStartFailed(CannotStart):
    pass
