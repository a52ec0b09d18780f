"""What a checkpoint holds, by the names that people know."""
