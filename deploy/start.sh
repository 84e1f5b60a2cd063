#!/bin/sh
# Starts two web and two worker processes behind one address, and keeps them running until it is told to stop.
#
#   deploy/start.sh                        settings come from the environment, or from .env in the present folder
#   WEB=4 WORKERS=1 deploy/start.sh        other numbers of processes
#   HELIOGRAPH=./heliograph deploy/start.sh   another program than the one that is installed, or was built here
#
# kill -HUP replaces the processes one by one, kill -TERM stops them all.
set -eu

built="$(dirname "$0")/../target/release/heliograph"
if [ -z "${HELIOGRAPH:-}" ]; then
    if [ -x "$built" ]; then HELIOGRAPH=$built; else HELIOGRAPH=heliograph; fi
fi
exec "$HELIOGRAPH" supervise --web "${WEB:-2}" --workers "${WORKERS:-2}" "$@"
