"""Enrolment: one call exchanges a token for this device's credentials; nothing is started."""

from device_agent.enroll.exchange import Credentials, NotYet, exchange
from device_agent.enroll.writing import write_config

__all__ = ["Credentials", "NotYet", "exchange", "write_config"]
