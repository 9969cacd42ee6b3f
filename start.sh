#!/usr/bin/env bash
# Starts Greenroom in production. Installs nothing: scripts/setup (or your image's build) did that before.
# Settings come from the environment and .env; arguments go on to `greenroom serve`.
set -euo pipefail
unset CDPATH
cd "$(dirname "${BASH_SOURCE[0]}")"

python=.venv/bin/python
if [ ! -x "$python" ]; then
  printf 'error: Greenroom is not installed in %s (no %s).\n       Run scripts/setup once, then start again.\n' "$PWD" "$python" >&2
  exit 1
fi
exec "$python" -m greenroom serve --app workbench:create_app "$@"
