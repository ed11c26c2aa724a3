"""The one error of the wire."""


class WireError(ValueError):
    """A message that breaks the contract.

    ``field`` is the label at fault (few distinct values, fit for counting), ``reason`` says what
    is wrong with it and where. Neither quotes more than a few cleaned characters of the message.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason
