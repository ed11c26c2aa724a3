"""Microcontrollers on serial lines: the library ``firmware_bridge``, configured, run and translated for the agent."""
