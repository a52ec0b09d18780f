"""The command line, and what it sets in motion: child processes, harvests, answers."""
