"""Twelve simulated machines: small physical models, their weather, their wear and their faults.

Pure arithmetic: times in, readings out. No clock, no network, no files; the same seed gives the same
fleet, in however many blocks it is asked for. Start at `machine.py`.
"""
