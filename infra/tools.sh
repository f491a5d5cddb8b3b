# Installs the tools for the template and the functions into .venv, and puts them first on PATH. To be sourced from the
# repository root.
# shellcheck shell=bash

boxoffice_tools() {
    # cargo-lambda links with Zig, so that the executables run with Amazon Linux's older C library.
    local pins="cfn-lint==1.58.0 aws-sam-cli==1.170.0 cargo-lambda==1.9.2 ziglang==0.17.1"
    if [[ $(cat .venv/pins 2>/dev/null) != "$pins" ]]; then
        python3 -m venv .venv
        # shellcheck disable=SC2086 # split into words on purpose, one per package
        .venv/bin/pip install --quiet --disable-pip-version-check $pins
        echo "$pins" >.venv/pins
    fi
    export PATH=$PWD/.venv/bin:$PATH SAM_CLI_TELEMETRY=0
}

boxoffice_tools
