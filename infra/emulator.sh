#!/usr/bin/env bash
# Creates, updates and deletes the stack in an AWS emulator, and buys tickets through it (emulator.py). Needs the executables
# that infra/functions.sh built. Installs the emulator itself.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=infra/tools.sh
source infra/tools.sh

# In an environment of its own, because it pins another botocore than the SAM CLI.
pins="ministack==1.5.33 awscli==1.46.3"
emulator=target/tools/ministack
if [[ $(cat "$emulator/pins" 2>/dev/null) != "$pins" ]]; then
    python3 -m venv "$emulator"
    # shellcheck disable=SC2086 # split into words on purpose, one per package
    "$emulator/bin/pip" install --quiet --disable-pip-version-check $pins
    echo "$pins" >"$emulator/pins"
fi

cargo build --locked --quiet --package boxoffice
python infra/emulator.py "$PWD/$emulator/bin" target/debug/boxoffice
