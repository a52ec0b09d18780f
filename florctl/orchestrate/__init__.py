"""Processes and answers: launching scripts, harvesting journals, planning and running replays."""
