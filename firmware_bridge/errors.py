"""Everything that this package raises on purpose.

    BridgeError                 never raised itself
    ├── SettingsError           the configuration is wrong: ``field`` and ``reason``
    ├── CommandRefused          a command can't be sent as it is
    ├── FlashError              never raised itself; an update did not go on
    │   ├── ImageRefused        the image is not what was asked for, or not for this target: nothing is written
    │   ├── TargetRefused       the target is not the hardware it should be: nothing is written
    │   ├── FlasherMissing      the program or library is not installed: the text says which extra has it
    │   ├── FlashFailed         the target, or the program that speaks to it, said no
    │   └── Interrupted         we were asked to stop; the journal knows where to go on
    └── PortError               never raised itself; ``port`` names it
        ├── PortMissing         no such port here now: it may come back
        ├── PortBusy            somebody else has it: the text names who
        ├── PortDenied          no rights, or the driver can't do what was asked
        └── PortGone            it was open and went away: unplugged

What a microcontroller sends never raises: bad bytes are counted in a `Tally`.
"""


class BridgeError(Exception):
    """Root of the tree; raised only as one of its leaves."""


class SettingsError(BridgeError, ValueError):
    """A setting that can't be used: which one, and what would be right."""

    def __init__(self, field: str, reason: str) -> None:
        self.field = field
        self.reason = reason
        super().__init__(f"{field}: {reason}")


class CommandRefused(BridgeError, ValueError):
    """A command that this protocol or this microcontroller can't take."""


class PortError(BridgeError, OSError):
    """A serial port didn't do what was asked."""

    def __init__(self, port: str, reason: str) -> None:
        self.port = port
        self.reason = reason
        super().__init__(f"{port}: {reason}")


class PortMissing(PortError):
    """Nothing is plugged in under this name now."""


class PortBusy(PortError):
    """Another program, or another part of this one, has the port."""


class PortDenied(PortError):
    """The port is there but can't be used so: rights, or a mode that its driver lacks."""


class PortGone(PortError):
    """The port was open and is no longer there."""


class FlashError(BridgeError):
    """An update of a microcontroller's firmware did not go on."""


class ImageRefused(FlashError, ValueError):
    """Not the image that was asked for, or not one for this kind of target."""


class TargetRefused(FlashError):
    """The target is other hardware than the image, or the settings, are for."""


class FlasherMissing(FlashError):
    """What speaks to this kind of target is not installed."""


class FlashFailed(FlashError):
    """A step was tried and did not succeed."""


class Interrupted(FlashError):
    """Asked to stop in the middle; an update goes on later where its journal says."""
