"""Who is asking: the part of a user that decisions and pages need, free of any database session."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LANGUAGES = ("en", "ru", "pl")


class Role(StrEnum):
    """What a person is to the company; each may do what the feature's own rules say."""

    OWNER = "owner"
    TECHNICIAN = "technician"
    STAFF = "staff"
    ADMIN = "admin"


EMPLOYEES = frozenset({Role.TECHNICIAN, Role.STAFF, Role.ADMIN})
"""Those who see every device; an owner sees only his own."""

DESK = frozenset({Role.STAFF, Role.ADMIN})
"""Those who work the queue."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """A signed-in person. `language` is None until chosen: then the browser's wish counts."""

    user_id: int
    email: str
    name: str
    role: Role
    language: str | None

    @property
    def sees_all_devices(self) -> bool:
        return self.role in EMPLOYEES
