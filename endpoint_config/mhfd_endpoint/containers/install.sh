#!/bin/sh
# Installs what requirements.txt names, in the versions of constraints.txt. Wheels that lie in wheels/ come first; with
# OFFLINE=1 nothing else is taken. Runs while an image is built.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
target=${TARGET:-/opt/mhfd}
set -- --find-links "$here/wheels" --constraint "$here/constraints.txt" --requirement "$here/requirements.txt"
if [ "${OFFLINE:-0}" = 1 ]; then
  set -- --no-index "$@"
fi
"${PYTHON:-python3}" -m venv "$target"
"$target/bin/python" -m pip install --no-cache-dir --disable-pip-version-check "$@"
"$target/bin/mhfd" --version
