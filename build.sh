#!/usr/bin/env bash
# Prepares the project, and says what it did. Run it as often as you like: what is current is skipped.
#
#   bash build.sh             the Python environment, .env, and the Docker images where a Docker engine answers
#   bash build.sh --images    .env and the Docker images only: all that `docker compose up` needs; no Python
#   bash build.sh --python    the Python environment and .env only
#   bash build.sh --system    also the Debian packages of run mode `stack` (rabbitmq-server, haproxy) and of the
#                             brokers it is compared with (nats-server, redis-server)
#   bash build.sh demo        --python, then a stack, a load and a report; options of `lab demo` may follow
#   bash build.sh test        --python, then the tests that need no more than that; options of pytest may follow
#
# PYTHON=python3.12 bash build.sh chooses the interpreter (3.11 to 3.13).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
root=$PWD
python=yes docker=yes system=no job=

say() { printf 'build: %s\n' "$*"; }
die() { printf 'build: %s\n' "$*" >&2; exit 1; }

while [ $# -gt 0 ] && [ -z "$job" ]; do
  case $1 in
    --python) docker=no ;;
    --images) python=no ;;
    --system) system=yes ;;
    demo | test) python=yes docker=no job=$1 ;;
    -h | --help) sed -n '2,12s/^# \{0,1\}//p' build.sh; exit 0 ;;
    *) printf "build: '%s': expected demo, test, --images, --python, --system or --help\n" "$1" >&2; exit 2 ;;
  esac
  shift
done

# apt, when this user may: as root, or through sudo that asks for nothing. Returns 1 when it may not.
apt_install() {
  command -v apt-get >/dev/null || return 1
  local as=()
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || return 1
    as=(sudo -n)
  fi
  say "installing with apt: $*"
  local log; log=$(mktemp)
  if "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >"$log" 2>&1 ||
    { "${as[@]}" apt-get update >>"$log" 2>&1 &&
      "${as[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" >>"$log" 2>&1; }; then
    rm -f "$log"
  else
    tail -n 5 "$log" >&2; rm -f "$log"; return 1
  fi
}

fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

find_python() {
  local name
  for name in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    if command -v "$name" >/dev/null && "$name" -c "$fits" 2>/dev/null; then echo "$name"; return; fi
  done
  return 1
}

engine_answers() { command -v docker >/dev/null && timeout 20 docker info >/dev/null 2>&1; }

# What is missing for the Python environment: an end, unless there are images to make, which need no Python here.
without_python() {
  if [ $docker = no ] || ! engine_answers; then die "$*"; fi
  say "$*"
  say "no .venv then: \`docker compose\` does without, \`lab\` and the tests do not"
}

# Returns 1 where it cannot.
make_environment() {
  local python version
  if ! python=$(find_python); then
    without_python "no Python 3.11, 3.12 or 3.13 found (tried ${PYTHON:-python3, python3.13, python3.12, python3.11}); name one: PYTHON=/path/to/python3.12 bash build.sh"
    return 1
  fi
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! { apt_install "python$version-venv" || apt_install python3-venv; }; then
      without_python "$python has no venv module; install it and come back: sudo apt-get install python3-venv"
      return 1
    fi
  fi
  say "$("$python" --version): creating .venv"
  { rm -rf .venv && "$python" -m venv .venv; } || die "$python could not make .venv"
}

install_packages() {
  local packages project stamp=.venv/.built
  if ! { [ -x .venv/bin/python ] && .venv/bin/python -c "$fits; import pip" 2>/dev/null; }; then
    make_environment || return 0
  fi
  # The folder is part of the stamp: scripts in .venv/bin carry its path.
  packages=$({ echo "$root"; .venv/bin/python --version; cat requirements.lock; } | sha256sum | cut -d' ' -f1)
  project=$(sha256sum pyproject.toml | cut -d' ' -f1)
  if [ "$(cat $stamp 2>/dev/null)" = "$packages $project" ]; then
    say ".venv is current ($(.venv/bin/python --version))"
    return
  fi
  if [[ "$(cat $stamp 2>/dev/null)" != "$packages "* ]]; then
    rm -f $stamp
    say "installing the locked packages into .venv (the first time: one to three minutes)"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
  fi
  .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
  echo "$packages $project" >$stamp
  say "installed $(.venv/bin/python -m pip list --disable-pip-version-check 2>/dev/null | tail -n +3 | wc -l) packages; .venv is current"
}

make_dotenv() {
  if [ -e .env ]; then return; fi
  local line made
  made=$(mktemp .lab/env.XXXXXX) # only its owner may read it
  while IFS= read -r line; do
    if [[ $line == *=change-me ]]; then line=${line%change-me}$(od -An -v -N24 -tx1 /dev/urandom | tr -d ' \n'); fi
    printf '%s\n' "$line"
  done <example.env >"$made"
  mv "$made" .env # whole or not at all
  say "made .env from example.env, with a secret and passwords of its own"
}

install_system_packages() {
  local name missing=() wanted=(haproxy rabbitmq-server nats-server redis-server)
  for name in "${wanted[@]}"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "$name" >/dev/null || missing+=("$name")
  done
  if [ ${#missing[@]} = 0 ]; then say "installed already: ${wanted[*]}"; return; fi
  local as=(); [ "$(id -u)" = 0 ] || as=(sudo -n)
  # Debian starts what it installs; the lab starts its own copies on free ports instead.
  local policy=/usr/sbin/policy-rc.d made=no
  if [ ! -e $policy ] && printf '#!/bin/sh\nexit 101\n' | "${as[@]}" tee $policy >/dev/null 2>&1; then
    made=yes
    trap "${as[*]} rm -f $policy" EXIT # also when this is interrupted: left behind, nothing would start any more
    trap 'exit 130' INT; trap 'exit 143' TERM
    "${as[@]}" chmod 755 $policy
  fi
  local ok=yes
  apt_install "${missing[@]}" || ok=no
  if [ $made = yes ]; then "${as[@]}" rm -f $policy; trap - EXIT INT TERM; fi
  [ $ok = yes ] || die "cannot install them here; do it and come back: sudo apt-get install ${missing[*]}"
  if [ -d /run/systemd/system ]; then "${as[@]}" systemctl disable --quiet "${missing[@]}" 2>/dev/null || true; fi
  say "installed ${missing[*]}; Debian's own services of them were not started"
}

build_images() {
  if ! command -v docker >/dev/null; then say "no docker here: images not built (run mode docker is not available)"; return; fi
  if ! engine_answers; then say "docker is installed but no engine answers: images not built"; return; fi
  if [ ! -e docker-compose.yml ]; then say "no docker-compose.yml: no images to build"; return; fi
  docker compose --profile tools build --quiet
  say "built the Docker images; start them with: docker compose up"
}

mkdir -p .lab
exec 9>.lab/build.lock
if command -v flock >/dev/null; then flock 9; fi # two builds at once take turns
if [ $python = yes ]; then install_packages; fi
make_dotenv
if [ $system = yes ]; then install_system_packages; fi
if [ $docker = yes ]; then build_images; fi

# What needs more than Python has lanes of its own: .ci/run stack browser citus slow docker
lanes="slow or browser or rabbitmq or haproxy or nats or redis or citus"
exec 9>&- # the next build need not wait for the job
case $job in
  demo) exec .venv/bin/lab demo "$@" ;;
  test) exec .venv/bin/python -m pytest -m "not ($lanes)" -n 4 --dist loadfile "$@" ;;
esac
