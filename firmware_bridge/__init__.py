"""Bytes of a microcontroller ⇄ typed readings and commands.

Sans-IO protocols (``build``, ``HostLink``), a guesser of what speaks on a line (``guess``), and a driver that owns a serial
port in a thread of its own (``Driver`` with ``SerialPort``). Not here: what readings mean, where they go, MQTT.
"""
