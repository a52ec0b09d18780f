"""The files of runs: what room they take, which of them go, and what lies in spools."""
