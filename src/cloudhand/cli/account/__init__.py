"""`cloudhand account`: who may do what."""
