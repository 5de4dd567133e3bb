#!/bin/sh
# Watches /images; what is given are options of `mhfd watch`. `mhfd ...` runs as it is: to look, to log in, to label.
set -eu
case ${1:-} in mhfd) exec "$@" ;; esac
if [ "$(id -u)" = 0 ]; then
  echo "mhfd: started as root: run the container as an account of its own (docker run --user)" >&2
  exit 77
fi
if [ ! -d /images ]; then
  echo "mhfd: no folder /images: mount the watched folder there, as in --volume /mnt/sem/wafer7:/images:ro" >&2
  exit 66
fi
if [ ! -w /state ]; then
  echo "mhfd: /state is not there, or $(id -u) may not write it: mount a volume or a folder of that account there" >&2
  exit 73
fi
exec mhfd watch /images "$@"
