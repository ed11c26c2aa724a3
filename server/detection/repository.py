"""The only SQL about findings, checkpoints, baseline requests, labels, tunings and fleet models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, undefer

from server.detection.model import (
    BaselineRequest,
    Checkpoint,
    CheckpointPart,
    CohortTuning,
    FindingLabel,
    FindingRecord,
    FleetModel,
    Outlook,
    RecordedPosition,
)


def findings_of(
    session: Session, device_id: str, *, since: datetime, until: datetime
) -> Sequence[FindingRecord]:
    """Findings that touch [since, until), oldest onset first."""
    query = (
        select(FindingRecord)
        .where(
            FindingRecord.device_id == device_id,
            FindingRecord.onset_at < until,
            FindingRecord.ended_at.is_(None) | (FindingRecord.ended_at >= since),
        )
        .order_by(FindingRecord.onset_at, FindingRecord.id)
    )
    return session.scalars(query).all()


def open_findings(session: Session, device_ids: Sequence[str]) -> Sequence[FindingRecord]:
    """Findings of these devices that have not ended."""
    query = select(FindingRecord).where(
        FindingRecord.device_id.in_(device_ids), FindingRecord.ended_at.is_(None)
    )
    return session.scalars(query.order_by(FindingRecord.onset_at)).all()


def all_open_findings(session: Session) -> Sequence[FindingRecord]:
    return session.scalars(select(FindingRecord).where(FindingRecord.ended_at.is_(None))).all()


def checkpoint(session: Session, shard: str) -> Checkpoint | None:
    return session.get(Checkpoint, shard)


def replace_checkpoint(session: Session, shard: str, values: dict[str, Any]) -> bool:
    """False where the shard has none yet."""
    done = session.connection().execute(
        update(Checkpoint).where(Checkpoint.shard == shard).values(values)
    )
    return done.rowcount > 0


def checkpoint_parts(session: Session, shard: str) -> Sequence[bytes]:
    """In order."""
    query = select(CheckpointPart.data).where(CheckpointPart.shard == shard)
    return session.scalars(query.order_by(CheckpointPart.number)).all()


def replace_parts(session: Session, shard: str, parts: Mapping[int, bytes], *, count: int) -> None:
    """Write parts under their numbers; the shard has `count` afterwards."""
    connection = session.connection()
    connection.execute(
        delete(CheckpointPart).where(CheckpointPart.shard == shard, CheckpointPart.number >= count)
    )
    if not parts:
        return
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    fresh = insert(CheckpointPart)
    newer = fresh.on_conflict_do_update(
        index_elements=["shard", "number"], set_={"data": fresh.excluded.data}
    )
    rows = [{"shard": shard, "number": number, "data": data} for number, data in parts.items()]
    connection.execute(newer, rows)


def positions(session: Session) -> dict[tuple[str, str], int]:
    """Of every checkpoint, by shard and stream."""
    rows = session.execute(select(Checkpoint.shard, Checkpoint.stream, Checkpoint.position))
    return {(row.shard, row.stream): row.position for row in rows}


def recorded_position(session: Session, shard: str) -> RecordedPosition | None:
    return session.get(RecordedPosition, shard)


def waiting_baseline_requests(session: Session) -> Sequence[BaselineRequest]:
    query = select(BaselineRequest).where(BaselineRequest.applied_at.is_(None))
    return session.scalars(query.order_by(BaselineRequest.id)).all()


def current_label(session: Session, source: str) -> FindingLabel | None:
    return session.scalar(
        select(FindingLabel).where(
            FindingLabel.source == source, FindingLabel.replaced_at.is_(None)
        )
    )


def current_labels(
    session: Session, cohort: str, *, since: datetime | None = None, limit: int | None = None
) -> Sequence[FindingLabel]:
    """What people hold true of a cohort now, newest first."""
    query = select(FindingLabel).where(
        FindingLabel.cohort == cohort, FindingLabel.replaced_at.is_(None)
    )
    if since is not None:
        query = query.where(FindingLabel.at >= since)
    query = query.order_by(FindingLabel.at.desc(), FindingLabel.id.desc())
    return session.scalars(query if limit is None else query.limit(limit)).all()


def tunings(session: Session, cohort: str) -> Sequence[CohortTuning]:
    """A cohort's versions, newest first."""
    query = select(CohortTuning).where(CohortTuning.cohort == cohort)
    return session.scalars(query.order_by(CohortTuning.version.desc())).all()


def newest_tuning(session: Session, cohort: str) -> CohortTuning | None:
    query = select(CohortTuning).where(CohortTuning.cohort == cohort)
    return session.scalar(query.order_by(CohortTuning.version.desc()).limit(1))


def newest_tunings(session: Session) -> Sequence[CohortTuning]:
    """Of each cohort that has any, the version that holds."""
    newest = select(func.max(CohortTuning.id)).group_by(CohortTuning.cohort)
    query = select(CohortTuning).where(CohortTuning.id.in_(newest))
    return session.scalars(query.order_by(CohortTuning.cohort)).all()


def newest_tuning_id(session: Session) -> int:
    """0 while there is none."""
    return session.scalar(select(func.max(CohortTuning.id))) or 0


def tuning_version(session: Session, cohort: str, version: int) -> CohortTuning | None:
    return session.scalar(
        select(CohortTuning).where(CohortTuning.cohort == cohort, CohortTuning.version == version)
    )


def newest_baselines(session: Session) -> dict[str, datetime]:
    """Of each device that was ever to begin anew, when it was last."""
    query = select(BaselineRequest.device_id, func.max(BaselineRequest.at))
    rows = session.execute(query.group_by(BaselineRequest.device_id)).all()
    return {row[0]: row[1] for row in rows}


def baseline_requests(session: Session, device_id: str) -> list[BaselineRequest]:
    """All of a device, oldest first."""
    query = select(BaselineRequest).where(BaselineRequest.device_id == device_id)
    return list(session.scalars(query.order_by(BaselineRequest.at, BaselineRequest.id)))


def fleet_models(session: Session, cohort: str | None = None) -> Sequence[FleetModel]:
    """Of one cohort or of all, without their contents: by cohort and kind, newest first."""
    query = select(FleetModel)
    if cohort is not None:
        query = query.where(FleetModel.cohort == cohort)
    order = (FleetModel.cohort, FleetModel.kind.desc(), FleetModel.version.desc())
    return session.scalars(query.order_by(*order)).all()


def newest_fleet_models(
    session: Session,
    *,
    cohort: str | None,
    in_use: bool | None,
    before_id: int | None,
    limit: int,
) -> Sequence[FleetModel]:
    """A page of them without their contents, newest first."""
    query = select(FleetModel).order_by(FleetModel.id.desc()).limit(limit)
    if cohort is not None:
        query = query.where(FleetModel.cohort == cohort)
    if in_use is not None:
        query = query.where(FleetModel.in_use.is_(in_use))
    if before_id is not None:
        query = query.where(FleetModel.id < before_id)
    return session.scalars(query).all()


def fleet_models_in_use(session: Session, cohort: str) -> Sequence[FleetModel]:
    """With their contents."""
    query = select(FleetModel).where(FleetModel.cohort == cohort, FleetModel.in_use)
    return session.scalars(query.options(undefer(FleetModel.content))).all()


def newest_fleet_model(session: Session, cohort: str) -> FleetModel | None:
    query = select(FleetModel).where(FleetModel.cohort == cohort)
    return session.scalars(query.order_by(FleetModel.id.desc()).limit(1)).first()


def cohorts_with_fleet_models(session: Session) -> Sequence[str]:
    """Those of which a version is in use."""
    query = select(FleetModel.cohort).where(FleetModel.in_use).distinct()
    return session.scalars(query.order_by(FleetModel.cohort)).all()


def outlooks(session: Session, device_ids: Sequence[str] | None = None) -> Sequence[Outlook]:
    """Of these devices, or of all that have one."""
    query = select(Outlook).order_by(Outlook.device_id)
    if device_ids is not None:
        query = query.where(Outlook.device_id.in_(device_ids))
    return session.scalars(query).all()


def open_finding(session: Session, device_id: str, kind: str) -> FindingRecord | None:
    """The oldest of that kind on the device that has not ended."""
    query = select(FindingRecord).where(
        FindingRecord.device_id == device_id,
        FindingRecord.kind == kind,
        FindingRecord.ended_at.is_(None),
    )
    return session.scalars(query.order_by(FindingRecord.onset_at).limit(1)).first()
