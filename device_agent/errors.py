"""The agent's errors.

AgentError          never raised itself
├── ConfigError     the operator's: every mistake in the configuration, with its line
├── SpoolError      the disk's: the spool can't be opened or written; retriable
├── SensorError     the machine's: one reading could not be taken; retriable
└── EnrolError      the server's or the operator's: no credentials were got or kept
"""


class AgentError(Exception):
    """Root of the agent's errors; only its kinds are raised."""


class ConfigError(AgentError):
    """A configuration that can't be used; ``mistakes`` has one sentence for each fault."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class SpoolError(AgentError):
    """The spool can't be opened or written; ``is_final``: and no other disk would help."""

    def __init__(self, message: str, *, is_final: bool = False) -> None:
        super().__init__(message)
        self.is_final = is_final


class SensorError(AgentError):
    """A sensor gave no sound value."""


class EnrolError(AgentError):
    """Enrolment did not succeed; the text says why."""


class CommandError(AgentError):
    """A command could not be done."""
