#!/bin/sh
# Make the reports of the tiny recipe again, on one CPU core in about 90 minutes: sh reports/tiny.sh RUNS
# RUNS: an empty folder for runs. Unfinished runs are resumed.
set -eu
runs=$1 here=$(dirname "$0")
mkdir -p "$here/tiny"
python benchmarks/tiny_worlds.py "$runs" 1 2 3 >"$here/tiny/worlds.md"
cp "$runs/1/report.md" "$here/tiny/report.md"
python benchmarks/tiny_sampled.py "$runs" 1 2 3 >"$here/tiny/sampled.md"
python benchmarks/tiny_killed.py "$runs/1" "$runs/killed" >"$here/tiny/killed.md"
