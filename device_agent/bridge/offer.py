"""The command ``bridge``: a command for a microcontroller, passed on if its table allows the name."""

from device_agent.bridge.bridges import Bridges
from device_agent.commands.offer import Argument, ArgumentError, Fields, Offer
from device_agent.errors import CommandError
from firmware_bridge import Outcome


def bridge_offer(bridges: Bridges) -> Offer:
    """Offer to pass commands on: ``{"name": "mcu", "command": "relay", "arguments": "1"}``."""
    allowed = {each.name: each.commands for each in bridges.settings}

    def run(args: Fields) -> Fields:
        name, command = str(args.get("name", "")), str(args["command"])
        if not name and len(allowed) == 1:
            name = next(iter(allowed))
        if name not in allowed:
            raise ArgumentError(f"name must be one of {', '.join(allowed)}")
        if command not in allowed[name]:
            raise ArgumentError(f"{command} is not among the commands of [[serial]] {name}")
        words = str(args.get("arguments", "")).split()
        ended = bridges.command(name, command, [_whole_or_text(word) for word in words])
        if ended is None:
            raise CommandError(f"{name} gave no answer")
        if ended.outcome is Outcome.REFUSED:
            raise ArgumentError(f"{name} refuses: {ended.text or 'no reason given'}")
        if ended.outcome is not Outcome.DONE:
            raise CommandError(f"{name}: {ended.outcome.value} {ended.text}".rstrip())
        return {"name": name, "value": ended.value, "text": ended.text}

    return Offer(
        "bridge",
        (
            Argument("command", "text", is_required=True, low=1, high=64),
            Argument("name", "text", high=60),
            Argument("arguments", "text", high=200),
        ),
        run,
    )


def _whole_or_text(word: str) -> int | str:
    digits = word.removeprefix("-")
    return int(word) if digits.isdecimal() and digits.isascii() and len(digits) < 12 else word
