#!/bin/sh
# Starts the endpoint NAME, when `mhfd endpoint check` finds nothing wrong with its folder. `mhfd ...` and
# `globus-compute-endpoint ...` run as they are: to set the folder up, to log in, to look.
set -eu
case ${1:-} in
  mhfd | globus-compute-endpoint) exec "$@" ;;
  "" | -*) echo "mhfd: name an endpoint, or a command: mhfd ..., globus-compute-endpoint ..." >&2; exit 64 ;;
esac
if [ "$(id -u)" = 0 ]; then
  echo "mhfd: started as root: run the container as an account of its own (docker run --user)" >&2
  exit 77
fi
folder=${GLOBUS_COMPUTE_USER_DIR:-$HOME/.globus_compute}/$1
if [ ! -r "$folder/config.yaml" ]; then
  echo "mhfd: no endpoint in $folder: mount its folder, or make one there with \`mhfd endpoint init $1\`" >&2
  exit 66
fi
mhfd endpoint check "$1" >&2 || exit 78
exec globus-compute-endpoint start "$1"
