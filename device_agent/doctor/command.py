"""``forewarn-agent doctor``."""

import argparse
import sys

from device_agent.config import load_settings, read_password
from device_agent.doctor.steps import examine


def doctor(arguments: argparse.Namespace) -> int:
    """Print each step as it is done; exit status 1 where one failed."""
    settings = load_settings(arguments.config)
    failed = False
    for step in examine(settings, read_password(settings)):
        failed = failed or not step.is_well
        lines = [f"{'ok  ' if step.is_well else 'FAIL'}  {step.name:<16}  {step.found}"]
        lines += [f"      {'':<16}  → {step.advice}"] if step.advice else []
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
    return 1 if failed else 0
