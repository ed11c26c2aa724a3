"""Forewarn's program on the device: reads sensors, spools to disk, publishes SenML over MQTT.

Start at ``agent.py``, which tells the whole; ``wire/`` is the language shared with the server.
It is not a framework: a new sensor is one module under ``sensors/``.
"""

__version__ = "0.1.0"
