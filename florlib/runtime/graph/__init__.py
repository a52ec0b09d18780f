"""Live Python objects as a graph of values: taken apart for a checkpoint, and put back in place."""
