"""A prompt within a training loop that is replayed: its session, its names, and who reads what is typed."""
