"""Words in, one call down, one view out."""
