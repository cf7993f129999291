"""Commands about the control plane as a service of its machine."""
