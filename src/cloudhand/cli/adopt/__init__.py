"""`cloudhand adopt`: inventories, ssh, and what became of each machine."""
