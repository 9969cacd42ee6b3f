#!/usr/bin/env bash
# Sets up what is missing and starts Greenroom on this machine. A second start only compares fingerprints.
. "$(dirname "${BASH_SOURCE[0]}")/scripts/lib.sh"

usage() {
  cat <<'USAGE'
usage: ./start-local.sh [--host H] [--port N] [--data DIR] [--setup-only]

  --host H       address to listen on        (default: HOST or 127.0.0.1)
  --port N       port, 0 for any free one    (default: PORT or 8000)
  --data DIR     folder for what is learned  (default: GREENROOM_DATA or data)
  --setup-only   set up, then end without starting the server

Settings also come from the environment and .env; see README.md. Once it listens, the server prints one line
for programs: GREENROOM_READY_LINE {"url":…,"pid":…}
USAGE
}

# setting NAME DEFAULT: from the environment, else .env, else the default.
setting() {
  local value
  eval "value=\${$1-}"
  if [ -z "$value" ] && [ -f .env ]; then
    value=$(sed -n "s/^[[:space:]]*\(export[[:space:]]\{1,\}\)\{0,1\}$1[[:space:]]*=[[:space:]]*//p" .env | tail -n 1 |
      sed -e 's/[[:space:]]\{1,\}#.*$//' -e 's/[[:space:]]*$//' -e "s/^\([\"']\)\(.*\)\1\$/\2/")
  fi
  printf '%s' "${value:-$2}"
}

require_data_folder() {
  if mkdir -p "$data" 2>/dev/null && [ -d "$data" ] && [ -w "$data" ]; then return; fi
  fail "The data folder $data cannot be written." "Make it yours (chown), or choose another: ./start-local.sh --data DIR"
}

# Asked before the set-up takes minutes; the server asks again when it binds.
require_free_port() {
  local code=0
  "$1" -I -S - "$host" "$port" <<'PYTHON' || code=$?
import errno, socket, sys
host, port = sys.argv[1], int(sys.argv[2])
try:
    family, kind, protocol, _, address = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
except OSError as error:
    sys.exit({errno.EADDRINUSE: 10, errno.EACCES: 11}.get(error.errno, 12))
PYTHON
  case $code in
    0) ;;
    10) fail "Port $port is already in use on $host, perhaps by another Greenroom." \
      "See who has it: lsof -i :$port   (or: ss -ltnp)" \
      "Choose another:  ./start-local.sh --port $((port + 1))   or any free one:  ./start-local.sh --port 0" ;;
    11) fail "Port $port may only be opened by root." "Choose one from 1024 on: ./start-local.sh --port 8000" ;;
    *) fail "Cannot listen on '$host': it is not an address of this machine." \
      "Use 127.0.0.1 (this machine only) or 0.0.0.0 (everybody who reaches it)." ;;
  esac
}

need_value() { [ "$2" -ge 2 ] || { usage >&2; fail "$1 needs a value."; }; }

host= port= data= setup_only=
while [ $# -gt 0 ]; do
  case $1 in
    --host) need_value "$1" $#; host=$2; shift 2 ;;
    --port) need_value "$1" $#; port=$2; shift 2 ;;
    --data) need_value "$1" $#; data=$2; shift 2 ;;
    --host=*) host=${1#*=}; shift ;;
    --port=*) port=${1#*=}; shift ;;
    --data=*) data=${1#*=}; shift ;;
    --setup-only) setup_only=yes; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; fail "start-local.sh does not know $1." ;;
  esac
done

# A folder named on the command line is meant from where the command was given, one from .env from here.
case $data in "" | /*) ;; *) data=$CALLER_DIR/$data ;; esac
host=${host:-$(setting HOST 127.0.0.1)}
port=${port:-$(setting PORT 8000)}
data=${data:-$(setting GREENROOM_DATA data)}
case $port in "" | *[!0-9]* | ??????*) fail "--port takes a number from 0 to 65535, not '$port'." ;; esac
[ "$port" -le 65535 ] || fail "--port takes a number from 0 to 65535, not '$port'."

if [ -z "$setup_only" ]; then
  require_data_folder
  if venv_is_usable; then python=$VENV_PYTHON; else find_python; python=$PYTHON_FOUND; fi
  require_free_port "$python"
fi

ensure_setup run
if [ -n "$setup_only" ]; then
  say "Set up. Start it with ./start-local.sh"
  exit 0
fi
export GREENROOM_LOCAL=1
exec "$VENV_PYTHON" -m greenroom serve --app workbench:create_app --host "$host" --port "$port" --data "$data"
