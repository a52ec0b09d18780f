"""Where the workers of a replay run: on this machine, or on the nodes of a Ray cluster."""
