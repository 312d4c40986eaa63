#!/bin/sh
# A script that tells its terminal how it stands; in a session of Quarterdeck the dashboard shows it.
set -e
for step in 1 2 3 4; do
    quarterdeck status working --msg "step $step of 4" --progress $((step * 25))
    echo "step $step"
done
quarterdeck status done --msg "built"
