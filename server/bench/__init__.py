"""Load from outside: a fleet of devices in one process that talks to a broker as devices do.

Like a real fleet it knows nothing of the server's inside: MQTT with credentials, SenML, PUBACKs.
"""

from server.bench.credentials import Credential, read_credentials
from server.bench.errors import BenchError
from server.bench.fleet import Fleet
from server.bench.plan import FleetPlan
from server.bench.report import Report

__all__ = [
    "BenchError",
    "Credential",
    "Fleet",
    "FleetPlan",
    "Report",
    "read_credentials",
]
