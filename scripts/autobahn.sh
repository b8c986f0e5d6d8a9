#!/usr/bin/env bash
# The WebSocket codec under Autobahn's fuzzing client: every case, or those given (`scripts/autobahn.sh '1.*' '7.*'`).
# Needs a Python 2.7, such as pyenv brings; everything else it installs into target/autobahn.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$PWD/target/autobahn
mkdir -p "$work"
python=${PYTHON2:-}
if [ -z "$python" ]; then
  for candidate in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/2.7*/bin/python2.7 python2.7; do
    "$candidate" --version >/dev/null 2>&1 && python=$candidate && break
  done
fi
[ -n "$python" ] || { echo "Autobahn needs a Python 2.7: install one with 'pyenv install 2.7.18', or name it in PYTHON2" >&2; exit 1; }
if [ ! -x "$work/venv/bin/wstest" ]; then
  "$python" -m virtualenv --version >/dev/null 2>&1 || "$python" -m pip install --user 'virtualenv<20.22'
  "$python" -m virtualenv "$work/venv"
  "$work/venv/bin/pip" install 'autobahntestsuite==25.10.1'
fi
cargo build --release -p tidewire-wire --example echo
port=${PORT:-9002}
"${CARGO_TARGET_DIR:-target}/release/examples/echo" "127.0.0.1:$port" &
echo_pid=$!
trap 'kill $echo_pid 2>/dev/null || true' EXIT
sleep 1
cases=$(printf '"%s",' "${@:-*}")
cat > "$work/spec.json" <<JSON
{ "outdir": "$work/reports", "servers": [{ "agent": "tidewire", "url": "ws://127.0.0.1:$port" }],
  "cases": [${cases%,}], "exclude-cases": [], "exclude-agent-cases": {} }
JSON
rm -rf "$work/reports"
"$work/venv/bin/wstest" -m fuzzingclient -s "$work/spec.json" > "$work/log.txt" 2>&1 || { tail -n 20 "$work/log.txt" >&2; exit 1; }
"$work/venv/bin/python" - "$work/reports/index.json" <<'PY'
import json, sys, collections
cases = json.load(open(sys.argv[1]))["tidewire"]
behavior = collections.Counter(c["behavior"] for c in cases.values())
closing = collections.Counter(c["behaviorClose"] for c in cases.values())
print("%d cases: %s; closing: %s" % (len(cases), dict(behavior), dict(closing)))
# 13.3 and 13.5 offer nothing but a smaller window of the server's. Frames are made once for all clients, with the full window,
# so that offer is declined (RFC 7692, section 5), which Autobahn calls unimplemented.
declined = sorted(k for k, c in cases.items() if c["behavior"] == "UNIMPLEMENTED" and k.startswith(("13.3.", "13.5.")))
print("%d offers of a smaller window declined" % len(declined))
good = ("OK", "INFORMATIONAL", "NON-STRICT")
bad = sorted(k for k, c in cases.items() if k not in declined and c["behavior"] not in good or c["behaviorClose"] not in good)
for name in sorted(k for k, c in cases.items() if c["behavior"] == "NON-STRICT"):
    print("non-strict: " + name)
for name in bad:
    print("failed: %s %s / %s" % (name, cases[name]["behavior"], cases[name]["behaviorClose"]))
sys.exit(1 if bad else 0)
PY
