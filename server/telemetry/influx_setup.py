"""What InfluxDB needs for us: two buckets with their retention, and the task that keeps minutes."""

from __future__ import annotations

import urllib3
from influxdb_client import BucketRetentionRules, InfluxDBClient, Task
from influxdb_client.rest import ApiException

from server.telemetry import flux
from server.telemetry.errors import StoreUnavailable
from server.telemetry.influx_place import InfluxPlace
from server.telemetry.influxdb import MINUTES
from server.telemetry.retention import DAY_S, Retention


def set_up(place: InfluxPlace, retention: Retention) -> list[str]:
    """Make what is missing, bring to the settings what is there; returns a sentence for each change.

    Doing it again changes nothing. Raises StoreUnavailable with the server's own words.
    """
    try:
        with InfluxDBClient(url=place.url, token=place.token, org=place.org) as client:
            return [
                *_bucket(client, place, place.bucket, retention.days),
                *_bucket(client, place, place.bucket + MINUTES, retention.minutes_days),
                *_task(client, place),
            ]
    except ApiException as error:
        raise StoreUnavailable(
            f"InfluxDB at {place.url} refused: {error.status} {error.message or error.reason}"
        ) from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise StoreUnavailable(f"InfluxDB at {place.url} does not answer: {error}") from error


def _bucket(client: InfluxDBClient, place: InfluxPlace, name: str, days: float) -> list[str]:
    api = client.buckets_api()
    seconds = round(days * DAY_S)
    rules = BucketRetentionRules(type="expire", every_seconds=seconds)
    found = api.find_buckets(name=name, org=place.org).buckets or []
    if not found:
        api.create_bucket(bucket_name=name, org=place.org, retention_rules=rules)
        return [f"bucket {name} made, kept for {days:g} days"]
    (bucket,) = found
    if [rule.every_seconds for rule in bucket.retention_rules or []] == [seconds]:
        return []
    bucket.retention_rules = [rules]
    api.update_bucket(bucket)
    return [f"bucket {name} is kept for {days:g} days now"]


def _task(client: InfluxDBClient, place: InfluxPlace) -> list[str]:
    api = client.tasks_api()
    name = f"{place.bucket}{MINUTES}"
    script = flux.downsampling_task(name, place.bucket, name, place.measurement)
    found = api.find_tasks(name=name)
    if not found:
        org = client.organizations_api().find_organizations(org=place.org)[0]
        # Its id is the server's to give, and the client wants one.
        task = Task(id="0000000000000000", name=name, org_id=org.id, status="active", flux=script)
        api.create_task(task=task)
        return [f"task {name} made"]
    if found[0].flux.strip() == script.strip():
        return []
    found[0].flux = script
    # The options stand in the script; given beside it the server refuses them.
    found[0].every = found[0].offset = found[0].cron = None
    api.update_task(found[0])
    return [f"task {name} brought up to date"]
