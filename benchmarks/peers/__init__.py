"""Twelve faults, played against Cloudhand, Salt and Ansible by one harness: `make peers`."""
