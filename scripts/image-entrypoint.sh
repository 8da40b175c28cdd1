#!/bin/sh
# Entry of the container image: the first argument names the program, the rest is its own.
set -eu
program=${1:-}
[ $# -gt 0 ] && shift
case $program in
  # A small young generation saves 20 MB; the launcher beside it does the same.
  bgp) MALLOC_ARENA_MAX=1 exec node --max-semi-space-size=1 /opt/caracal/apps/bgp/main.js "$@" ;;
  # A large one fills once in a hundred ADDs, and holds that one up for as long as several others take.
  agent) exec node --max-semi-space-size=2 /opt/caracal/apps/agent/main.js "$@" ;;
  cni | ctl | hub) exec node "/opt/caracal/apps/$program/main.js" "$@" ;;
  operator) exec node /opt/caracal/operator/main.js "$@" ;;
  *)
    echo "caracal: '$program' is none of agent, bgp, cni, ctl, hub, operator" >&2
    exit 2
    ;;
esac
