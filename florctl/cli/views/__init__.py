"""Answers as people and programs read them: tables, plots, JSON."""
