"""The catalog: an SQLite index over every run's files, never their truth; `flor store rebuild` makes it anew."""
