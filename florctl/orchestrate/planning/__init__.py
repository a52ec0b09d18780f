"""Thinking a replay through: what is asked, what has changed, and the folder that it runs in."""
