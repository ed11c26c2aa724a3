"""Commands that change the machine: restart a service, reboot, switch a relay for a moment."""

import threading
from collections.abc import Callable
from typing import Final

from device_agent.command_settings import CommandSettings, PulseSettings
from device_agent.commands.offer import Argument, ArgumentError, Fields, Offer, Then
from device_agent.errors import CommandError
from device_agent.programs import Done, run_program
from device_agent.sensors.board.gpio import KernelOutput, OutputLine

_OUTPUT_BYTES: Final = 8192
_SAID_CHARS: Final = 4000
# Time for the answer to reach the broker.
_BEFORE_REBOOT_S: Final = 3.0


def restart_offer(settings: CommandSettings) -> Offer:
    """Offer to restart one of the services in the configuration, by the name given there."""
    services = {each.name: each.run for each in settings.restart}

    def run(args: Fields) -> Fields:
        done = _run(services[str(args["service"])], settings.timeout_s)
        return {"status": done.status, "said": done.said(_SAID_CHARS)}

    name = Argument("service", "text", is_required=True, choices=tuple(services))
    return Offer("restart", (name,), run)


def reboot_offer(settings: CommandSettings, leaving: threading.Event) -> Offer:
    """Offer to reboot; it is answered first, since nobody answers afterwards."""

    def act() -> None:
        leaving.wait(_BEFORE_REBOOT_S)
        _run(settings.reboot, settings.timeout_s)

    return Offer("reboot", (), lambda _args: Then({"in_s": _BEFORE_REBOOT_S}, act))


def pulse_offer(
    settings: CommandSettings,
    leaving: threading.Event,
    open_line: Callable[[PulseSettings], OutputLine],
) -> Offer:
    """Offer to switch a relay on for some milliseconds; it ends early when the agent does."""
    relays = {each.name: each for each in settings.pulse}

    def run(args: Fields) -> Fields:
        relay = relays[str(args["relay"])]
        duration_ms = args["ms"]
        assert isinstance(duration_ms, int)  # checked by its argument
        if duration_ms > relay.longest_ms:
            raise ArgumentError(f"ms must be 1 to {relay.longest_ms} for {relay.name}")
        line = open_line(relay)
        try:
            line.set_active(True)
            cut_short = leaving.wait(duration_ms / 1000)
        finally:
            try:
                line.set_active(False)
            finally:
                line.release()
        return {"relay": relay.name, "ms": duration_ms, "cut_short": cut_short}

    return Offer(
        "pulse",
        (
            Argument("relay", "text", is_required=True, choices=tuple(relays)),
            Argument("ms", "whole", is_required=True, low=1, high=60_000),
        ),
        run,
    )


def kernel_line(relay: PulseSettings) -> OutputLine:
    """Give the relay's line of the character device."""
    return KernelOutput(relay.chip, relay.line, active_low=relay.active_low)


def _run(argv: tuple[str, ...], timeout_s: float) -> Done:
    try:
        done = run_program(argv, timeout_s=timeout_s, limit_bytes=_OUTPUT_BYTES, may_outlive=True)
    except OSError as error:
        raise CommandError(f"{argv[0]} can't be run: {error}") from None
    if done.is_late:
        raise CommandError(f"{argv[0]} was ended after {timeout_s:g} s")
    if done.status:
        raise CommandError(f"{argv[0]} ended with {done.status}: {done.said(_SAID_CHARS)}")
    return done
