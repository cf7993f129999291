"""Templates played in a world that follows a script, in virtual time."""
