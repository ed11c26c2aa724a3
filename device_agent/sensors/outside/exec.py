"""A number that a program prints."""

from device_agent.errors import SensorError
from device_agent.programs import run_program
from device_agent.sensor_settings import ExecSettings
from device_agent.sensors.outside.found_number import MAX_TEXT_BYTES, description, finder
from device_agent.sensors.port import AnySource, Around, Source, Value


def sources(settings: ExecSettings, _around: Around) -> list[AnySource]:
    """Run the program and read the number in its output, times its scale."""
    find = finder(settings)

    def read() -> Value:
        done = run_program(settings.run, timeout_s=settings.timeout_s, limit_bytes=MAX_TEXT_BYTES)
        if done.is_late:
            raise SensorError(f"not done within {settings.timeout_s:g} s")
        if done.status:
            raise SensorError(f"ended with status {done.status}: {done.said(200)}")
        return find(done.output)

    row = description(settings, "exec")
    # Ended by its own timeout, which leaves no process behind; the deadline is there for the rest.
    return [Source(settings.name, settings.period_s, read, (row,), settings.timeout_s + 2)]
