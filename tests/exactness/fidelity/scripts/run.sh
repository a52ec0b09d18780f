#!/usr/bin/env bash
set -u
echo "before, with $# words: $*"
python -c 'print("a short python")'
python train.py "$1" after
status=$?
echo "python said $status"
ls out
exit $((status + 1))
