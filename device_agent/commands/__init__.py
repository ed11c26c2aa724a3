"""What the server may ask: allowed by name in the configuration, checked by a table, once for each id.

A new command is one :class:`Offer` in ``offers.py``; other parts of the agent hand theirs to the agent.
"""

from device_agent.commands.calibration import Calibration
from device_agent.commands.desk import CommandDesk
from device_agent.commands.ledger import CommandLedger
from device_agent.commands.offer import Argument, Fields, Offer, Then
from device_agent.commands.offers import AboutAgent, Machine, builtin_offers
from device_agent.commands.runner import Answer, CommandRunner

__all__ = [
    "AboutAgent",
    "Answer",
    "Argument",
    "Calibration",
    "CommandDesk",
    "CommandLedger",
    "CommandRunner",
    "Fields",
    "Machine",
    "Offer",
    "Then",
    "builtin_offers",
]
