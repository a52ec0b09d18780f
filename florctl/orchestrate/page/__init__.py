"""The page of `flor ui`: the catalog over HTTP on this machine alone, read and never written."""
