"""The guest: what runs inside the user's process, beside training, and never in its way."""
