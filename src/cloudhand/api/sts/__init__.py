"""The operations of Security Token Service."""
