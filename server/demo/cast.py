"""Who plays: the people who sign in, and the devices on record, made once for a data directory."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
from sqlalchemy.orm import Session

from server.account import repository as account_records
from server.account import service as accounts
from server.account.viewer import Role
from server.demo.fleet.roster import FLEET
from server.device import repository as device_records
from server.device import service as devices

HOST_ID: Final = "this-computer"


@dataclass(frozen=True, slots=True)
class Person:
    """Someone in the demo. Who does not sign in only owns: a password costs a while to hash."""

    email: str
    name: str
    role: Role
    language: str | None = None
    signs_in: bool = True


PEOPLE: Final = (
    Person("anna@demo.example", "Anna Weber", Role.OWNER),
    Person("jonas@demo.example", "Jonas Brandt", Role.OWNER, signs_in=False),
    Person("marta@demo.example", "Marta Nowak", Role.OWNER, "pl"),
    Person("nordfrost@demo.example", "Nordfrost Logistics", Role.OWNER, signs_in=False),
    Person("sommer@demo.example", "Bakery Sommer", Role.OWNER, signs_in=False),
    Person("wasserwerk@demo.example", "Wasserwerk Süd", Role.OWNER, signs_in=False),
    Person("tom@demo.example", "Tom Fischer", Role.TECHNICIAN),
    Person("irina@demo.example", "Irina Sokolova", Role.TECHNICIAN, "ru"),
    Person("sofia@demo.example", "Sofia Lindqvist", Role.STAFF),
    Person("admin@demo.example", "Alex Admin", Role.ADMIN),
)


class Cast(msgspec.Struct):
    """What the demo must remember; readable by its owner alone, for it holds passwords."""

    seed: int
    password: str
    began_s: float | None = None
    returned_s: list[float] = []
    secrets: dict[str, str] = {}
    repairs: dict[str, float] = {}

    @classmethod
    def load(cls, file: Path, *, seed: int) -> Cast:
        """As saved, else a new one."""
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except FileNotFoundError:
            return cls(seed=seed, password=f"demo-{secrets.token_hex(4)}")

    def save(self, file: Path) -> None:
        fresh = file.with_suffix(".new")
        fresh.touch(mode=0o600)
        fresh.write_bytes(msgspec.json.encode(self))
        fresh.replace(file)

    def settle(self, session: Session, *, now: datetime) -> None:
        """Put everybody and everything on record that is not yet; their secrets are kept here."""
        for person in PEOPLE:
            if account_records.user_by_email(session, person.email) is None:
                user = accounts.add_user(
                    session,
                    email=person.email,
                    name=person.name,
                    role=person.role,
                    password=self.password if person.signs_in else None,
                    now=now,
                )
                accounts.set_language(session, user.id, person.language)
        for member in FLEET:
            self._add(session, member.device_id, member.name, member.owner,
                      model=member.model, site=member.site, now=now)  # fmt: skip
        self._add(
            session, HOST_ID, "This computer", "anna", model="Linux host", site="here", now=now
        )

    def _add(
        self, session: Session, device_id: str, name: str, owner: str,
        *, model: str, site: str, now: datetime,
    ) -> None:  # fmt: skip
        if device_id in self.secrets:
            return
        if device_records.exists(session, device_id):  # the file with its secret was lost
            self.secrets[device_id] = devices.rotate_secret(session, device_id, now=now)
            return
        owner_id = accounts.user_by_email(session, f"{owner}@demo.example").id
        _, self.secrets[device_id] = devices.add_device(
            session, device_id=device_id, name=name, owner_id=owner_id, model=model, site=site,
            now=now,
        )  # fmt: skip
