"""Tests of spools: what they hold, where, and what becomes of it when something goes wrong."""
