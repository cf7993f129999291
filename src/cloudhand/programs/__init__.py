"""Programs of strangers, each run in a child process that can be killed."""
