"""Times of the host's side of the link, in seconds: the figures of docs/link-protocol.md."""

from dataclasses import dataclass

from firmware_bridge.errors import SettingsError


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Shrink them in tests; change them in the field only with a reason."""

    who_every_s: float = 1.0
    greeting_s: float = 3.0
    ping_every_s: float = 5.0
    silence_s: float = 15.0
    one_way_silence_s: float = 150.0
    describe_after_s: float = 1.0
    describe_every_s: float = 0.5
    answer_s: float = 0.5
    sendings: int = 5
    patience_s: float = 10.0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if not 0.001 <= value <= 3600:
                raise SettingsError(name, f"{value} is not within 0.001 to 3600")
        if self.silence_s <= self.ping_every_s:
            raise SettingsError("silence_s", "must be longer than ping_every_s")
