"""The fault matrix with real processes: agents, a control plane, and instances that boot."""
