"""`cloudhand template`: one module per command, and only the one that was typed is loaded."""
