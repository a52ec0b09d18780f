"""Faults that really happen to recorded runs: kills, signals, disks that refuse, files that change.

After each, training went on or ended as it does without flor, and everything published reads back.
"""
