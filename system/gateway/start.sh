#!/bin/sh
# start.sh FOLDER COMMAND...: becomes the gateway's nginx, which runs in FOLDER. Workers whose
# master was killed know nothing of it and keep the port for ever: they are asked first to finish
# what they serve and to leave, which frees the port at once.
folder=$1
shift
for process in /proc/[0-9]*; do
  # shellcheck disable=SC3013 # dash and bash know -ef
  [ "$process/cwd" -ef "$folder" ] || continue
  { read -r name <"$process/comm"; } 2>/dev/null || continue # it has just ended
  [ "$name" != nginx ] || kill -QUIT "${process#/proc/}"
done
exec "$@"
