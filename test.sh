#!/usr/bin/env bash
# Installs what the tests need and is missing, runs every test, and ends with "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
# The summary is read below, in English; and what the tests serve on this machine is no proxy's business.
export DOTNET_CLI_UI_LANGUAGE=en
export no_proxy="127.0.0.1,localhost,::1${no_proxy:+,$no_proxy}"
export NO_PROXY="$no_proxy"

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"; else
        echo "Installing $2 needs root: run '$*' as root, then this script again." >&2
        exit 1
    fi
}

# The tests start a PostgreSQL of their own in a temporary folder; its programs come from the system's packages.
if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && ! command -v initdb >/dev/null; then
    if command -v apt-get >/dev/null; then
        as_root apt-get update -qq
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq postgresql >/dev/null
    else
        echo "PostgreSQL's server programs (initdb, postgres) are missing: install them with this system's package manager." >&2
        exit 1
    fi
fi

# The README's commands are among the tests.
if ! command -v curl >/dev/null && command -v apt-get >/dev/null; then
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq curl >/dev/null
fi

# OpenAI's SDK for Node is one of the clients that the tests drive. Without Node those tests are skipped.
if ! command -v npm >/dev/null && command -v apt-get >/dev/null; then
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq nodejs npm >/dev/null
fi
if command -v npm >/dev/null; then
    npm ci --prefix tests/Sdk.Tests/node --no-fund --no-audit --loglevel=error
fi

dotnet build TrainingService.sln --configuration Release -v quiet

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
# One project at a time: several of them train, and training takes every core.
dotnet test --solution TrainingService.sln --configuration Release --no-build --max-parallel-test-modules 1 "$@" 2>&1 | tee "$log" || status=$?

count() { sed -nE "s/^[[:space:]]*$1: ([0-9]+).*/\1/p" "$log" | tail -1; }
passed=$(count succeeded) failed=$(count failed) skipped=$(count skipped)
[ "${skipped:-0}" = 0 ] || echo "$skipped skipped: they need data that is not in this repository."
if [ -z "$passed" ]; then
    echo "The tests did not run to the end."
    echo "0 passed, 1 failed"
    exit 1
fi
echo "$passed passed, ${failed:-0} failed"
exit "$status"
