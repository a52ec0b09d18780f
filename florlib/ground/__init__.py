"""Plain data and formats: no disk, no clock, no environment."""
