"""Overrides the globals of the script that executes this file."""

import sys

for word in sys.argv[1:] or ["config_small.py", "--dropout=0.1"]:
    if word.startswith("--"):
        key, value = word[2:].split("=")
        globals()[key] = type(globals()[key])(value)
    else:
        exec(open(word).read())
        print("configured by", word)
