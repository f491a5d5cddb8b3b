#!/usr/bin/env bash
# Creates, updates and deletes the stack in an AWS emulator, and buys tickets through it (emulator.py). Needs the executables
# that infra/functions.sh built. Installs the emulator itself.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=infra/tools.sh
source infra/tools.sh

# In an environment of its own, because it pins another botocore than the SAM CLI.
pin=ministack==1.5.33
emulator=target/tools/ministack
if [[ $(cat "$emulator/pin" 2>/dev/null) != "$pin" ]]; then
    python3 -m venv "$emulator"
    "$emulator/bin/pip" install --quiet --disable-pip-version-check "$pin"
    echo "$pin" >"$emulator/pin"
fi

cargo build --locked --quiet --package boxoffice
python infra/emulator.py "$emulator/bin/ministack" target/debug/boxoffice
