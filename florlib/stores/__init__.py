"""Things on disk: journals, checkpoints, versions, the catalog. Stores do not know each other."""
