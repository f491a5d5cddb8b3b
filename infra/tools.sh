# Sourced: the tools for template and functions, in .venv at the repository's root, first on PATH.
# shellcheck shell=bash

boxoffice_tools() {
    # ziglang is the linker that cargo-lambda uses: what it links runs on Amazon Linux's C library.
    local pins="cfn-lint==1.58.0 aws-sam-cli==1.170.0 cargo-lambda==1.9.2 ziglang==0.17.1"
    if [[ $(cat .venv/pins 2>/dev/null) != "$pins" ]]; then
        python3 -m venv .venv
        # shellcheck disable=SC2086 # words, each a package
        .venv/bin/pip install --quiet --disable-pip-version-check $pins
        echo "$pins" >.venv/pins
    fi
    export PATH=$PWD/.venv/bin:$PATH SAM_CLI_TELEMETRY=0
}

boxoffice_tools
