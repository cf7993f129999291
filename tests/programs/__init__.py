"""Programs of strangers, in children that can be ended."""
