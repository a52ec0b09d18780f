"""Runs that other programs have recorded, made into runs of flor's: what they logged, and where."""
