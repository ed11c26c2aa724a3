"""Forewarn's server: telemetry in, proactive tickets and field visits out.

Read `pipeline.py` (a message's way), then `reactions.py` (what follows from what); every folder beside
them is one stage, and imports only stages before it (the order stands in docs/architecture.md).
"""
