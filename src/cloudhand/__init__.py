"""Cloudhand: run commands on fleets of machines and tell the truth about what happened."""

__version__ = "0.1.0"
