#!/usr/bin/env bash
# Prepares Docker for `sam local` without an image registry: starts an engine if none is running (which needs root), and
# builds a base image of provided:al2023 under the name that the SAM CLI uses. Called by sam-local.sh.
# Prints the process id of the engine if it started one.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=infra/tools.sh
source infra/tools.sh

patience_seconds=60

if ! docker info >/dev/null 2>&1; then
    if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
        echo "no Docker engine is running; this script can start one only as root on Debian" >&2
        exit 1
    fi
    if ! command -v dockerd >/dev/null; then
        { apt-get update -q && apt-get install -q -y --no-install-recommends docker.io; } >&2
    fi
    mkdir -p target/docker
    # The engine keeps its data in target/, and keeps running after this script.
    setsid dockerd --data-root "$PWD/target/docker/data" \
        --pidfile "$PWD/target/docker/pid" >target/docker/log 2>&1 </dev/null &
    engine=$!
    for ((waited = 0; ; waited++)); do
        docker info >/dev/null 2>&1 && break
        if ((waited >= patience_seconds)) || ! kill -0 "$engine" 2>/dev/null; then
            echo "dockerd did not start:" >&2
            tail -5 target/docker/log >&2
            exit 1
        fi
        sleep 1
    done
    echo "$engine"
fi

image=$(python - <<'PYTHON'
from samcli.local.docker.lambda_image import LambdaImage

print(f"{LambdaImage._INVOKE_REPO_PREFIX}/provided:al2023-x86_64")
PYTHON
)
if ! docker image inspect "$image" >/dev/null 2>&1; then
    command -v busybox >/dev/null && busybox --list | grep -qx sh || apt-get install -q -y busybox-static >&2
    root=$(mktemp -d)
    trap 'rm -rf "$root"' EXIT
    mkdir -p "$root"/{bin,etc/ssl/certs,lib64,lib/x86_64-linux-gnu,tmp,var/task,var/runtime,usr/local/bin}
    cp "$(command -v busybox)" "$root/bin/busybox"
    # The SAM CLI uses these commands to add its emulator to the image.
    for tool in sh mv chmod; do ln -s busybox "$root/bin/$tool"; done
    # This machine's C library. It is newer than Amazon Linux's; the cold start benchmark checks that the executables do not
    # need a newer one than Amazon Linux has.
    cp -L /lib64/ld-linux-x86-64.so.2 "$root/lib64/"
    for library in libc libm libdl libpthread librt libgcc_s libresolv libnss_dns libnss_files; do
        for file in /lib/x86_64-linux-gnu/"$library".so.*; do
            [[ ! -e $file ]] || cp -L "$file" "$root/lib/x86_64-linux-gnu/"
        done
    done
    [[ ! -e /etc/ssl/certs/ca-certificates.crt ]] || cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
    tar -C "$root" -c . | docker import --change 'ENV LAMBDA_TASK_ROOT=/var/task LAMBDA_RUNTIME_DIR=/var/runtime' - "$image" >&2
fi
