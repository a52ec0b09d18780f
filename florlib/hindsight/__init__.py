"""Decisions: probes, comparison of sources, plans. No disk, no processes, no torch."""
