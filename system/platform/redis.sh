#!/bin/sh
# Becomes a Redis server or a Sentinel. Both rewrite their own configuration, so each start makes a new
# one from the template's text and what must outlive it: who is the primary now.
#
#   redis.sh server   BASE FOLDER HOST:PORT PASSWORD-FILE HOST:PORT...   its own address; the Sentinels
#   redis.sh sentinel BASE FOLDER MASTER    PASSWORD-FILE
set -eu
umask 077 # both keep passwords in what they rewrite
role=$1 base=$2 folder=$3 own=$4 password=$(cat "$5")
shift 5
readonly master=${REDIS_NAME:-insure} patience_s=15
mkdir -p "$folder"

# The address that most Sentinels call the primary's; nothing while no two of them agree.
primary() {
  for sentinel in "$@"; do
    timeout 1 redis-cli -h "${sentinel%:*}" -p "${sentinel##*:}" \
      sentinel get-master-addr-by-name "$master" 2>/dev/null | tr '\n' ':' | sed 's/:$//' && echo
  done | grep -E '^[^: ]+:[0-9]+$' | sort | uniq -c | awk '$1 >= 2 { print $2; exit }'
}

if [ "$role" = server ]; then
  waited=0
  until now=$(primary "$@") && [ -n "$now" ]; do
    [ "$waited" -lt $((patience_s * 5)) ] || {
      echo "redis: no two Sentinels agree on a primary after $patience_s s: $*" >&2
      exit 1 # to start as a second primary would be worse
    }
    waited=$((waited + 1))
    sleep 0.2
  done
  {
    cat "$base"
    echo "masterauth $password"
    [ "$now" = "$own" ] || echo "replicaof ${now%:*} ${now##*:}"
  } >"$folder/redis.conf"
  exec redis-server "$folder/redis.conf"
fi

kept="$folder/sentinel.conf"
touch "$kept"
# What it learnt: of the text itself only the line that names the primary is older than that.
learnt=$(grep -E '^sentinel (myid|monitor|config-epoch|leader-epoch|current-epoch|known-replica|known-sentinel) ' "$kept" || true)
monitor=$(printf '%s\n' "$learnt" | grep '^sentinel monitor ' || grep '^sentinel monitor ' "$base")
{
  grep '^sentinel resolve-hostnames ' "$base" || true
  echo "$monitor"
  grep -vE '^sentinel (monitor|resolve-hostnames) ' "$base"
  echo "sentinel auth-pass $own $password"
  printf '%s\n' "$learnt" | grep -v '^sentinel monitor ' || true
} >"$kept.new"
mv "$kept.new" "$kept"
exec redis-sentinel "$kept"
