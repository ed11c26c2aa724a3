"""The embedded broker: nats-server as a supervised child, its gate for devices, and its stream.

Nothing here knows what a payload means or how a device is recorded: `Authenticator` is passed in, and
messages leave through `server.ingest.source`. Read `broker.py` first; why it is built like this stands
in docs/decisions/0003-embedded-broker.md.
"""

from server.broker.auth_callout import Authenticator, Grant
from server.broker.broker import Broker
from server.broker.config import BrokerSettings
from server.broker.errors import (
    BrokerBinaryMissing,
    BrokerError,
    BrokerStartFailed,
    BrokerUnavailable,
)

__all__ = [
    "Authenticator",
    "Broker",
    "BrokerBinaryMissing",
    "BrokerError",
    "BrokerSettings",
    "BrokerStartFailed",
    "BrokerUnavailable",
    "Grant",
]
