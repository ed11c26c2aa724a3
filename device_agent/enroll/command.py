"""``forewarn-agent enroll``."""

import argparse
import sys
import time
from typing import Any

from device_agent.config import parse_settings
from device_agent.enroll.claim import new_code, picture, wait_for_claim
from device_agent.enroll.exchange import NotYet, exchange
from device_agent.enroll.writing import check_writable, config_text, write_config
from device_agent.errors import EnrolError


def enroll(arguments: argparse.Namespace) -> int:
    """Exchange, write, say what to do next; raises EnrolError."""
    check_writable(arguments.config, replace=arguments.force)
    if arguments.token:
        try:
            got = exchange(arguments.server, arguments.token, ca_file=arguments.ca_file)
        except NotYet as error:
            raise EnrolError(str(error)) from None
    else:
        got = _claim(arguments)
    text = config_text(got, ca_file=arguments.ca_file, spool_directory=arguments.spool)
    parse_settings(text)
    write_config(arguments.config, text, replace=arguments.force)
    _say(f"{got.device_id} is enrolled; its configuration is {arguments.config}")
    _say("next: forewarn-agent doctor, then systemctl enable --now forewarn-agent")
    return 0


def _claim(arguments: argparse.Namespace) -> Any:
    code = new_code()
    _say(picture(code) + f"code: {code}")
    _say("enter it at the server: forewarn device enroll DEVICE_ID --claim CODE")
    return wait_for_claim(
        arguments.server,
        code,
        ca_file=arguments.ca_file,
        patience_s=arguments.wait_s,
        monotonic=time.monotonic,
        sleep=time.sleep,
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
