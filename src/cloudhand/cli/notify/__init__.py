"""`cloudhand notify`: who is told of what goes wrong."""
