"""What runs have logged and what their code was, found in the catalog and in git."""
