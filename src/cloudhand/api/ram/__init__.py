"""The operations of Resource Access Management."""
