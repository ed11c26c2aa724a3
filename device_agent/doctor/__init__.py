"""Explains, step by step, whether this device reaches its broker, and what to do where it does not."""

from device_agent.doctor.steps import STEPS, Step, examine

__all__ = ["STEPS", "Step", "examine"]
