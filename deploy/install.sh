#!/bin/sh
# install.sh [test]: make .venv with exactly what the locks say; with "test" also what tests and checks need.
# Does nothing when the locks have not changed since. Run it from the root of the clone.
# Settings: PYTHON (interpreter), TORCH (requirement), TORCH_SOURCE (pip options that lead to its CPU wheel).
set -eu
python=${PYTHON:-python3}
torch=${TORCH:-torch==2.13.0}
kind=${1:-run}
began=$(date +%s)

locks="requirements.lock"
[ "$kind" = test ] && locks="$locks requirements-test.lock"
fingerprint() { cat "$@" deploy/install.sh | sha256sum | cut -c1-64; }
wanted=$(fingerprint $locks)-$torch
stamp=.venv/.installed-$kind
if [ -x .venv/bin/intercluster ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    echo 0 > .venv/.install-seconds
    exit 0
fi

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
if [ ! -x .venv/bin/python ]; then
    echo "Making .venv"
    # Debian without python3-venv has no ensurepip; the system's own pip can then install into the environment.
    "$python" -m venv .venv >/dev/null 2>&1 || "$python" -m venv --without-pip --clear .venv
fi
if .venv/bin/python -m pip --version >/dev/null 2>&1; then
    pip() { .venv/bin/python -m pip "$@"; }
elif "$python" -m pip --version >/dev/null 2>&1; then
    pip() { command=$1; shift; "$python" -m pip --python .venv/bin/python "$command" "$@"; }
else
    echo "neither python3-venv nor python3-pip is installed" >&2; exit 1
fi

echo "Installing the locked packages (about a minute)"
options="--quiet --no-input --disable-pip-version-check --no-deps --use-pep517 --progress-bar off"
# torch first and by itself: its CPU wheel has a source of its own, the ordinary one carries gigabytes of CUDA.
# shellcheck disable=SC2086
.venv/bin/python -c "import importlib.metadata as m, sys; sys.exit(m.version('torch').split('+')[0] != '${torch#torch==}')" 2>/dev/null ||
    pip install $options ${TORCH_SOURCE:-} "$torch"
for lock in $locks; do
    # shellcheck disable=SC2086
    pip install $options --require-hashes --prefer-binary -r "$lock"
done
# django-htmx is wanted for its static files alone, so Django is rightly missing; anything else is an error.
problems=$(pip check 2>/dev/null | grep -v -e '^django-htmx ' -e '^No broken requirements' || true)
[ -z "$problems" ] || { echo "$problems" >&2; exit 1; }

# A console script that needs no build step and works in folders with spaces.
cat > .venv/bin/intercluster <<'EOF'
#!/bin/sh
here=$(cd "$(dirname "$0")/../.." && pwd)
PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" exec "$here/.venv/bin/python" -m deploy.local "$@"
EOF
chmod +x .venv/bin/intercluster
echo "$wanted" > "$stamp"
# Whoever has what tests need also has what runs.
echo "$(fingerprint requirements.lock)-$torch" > .venv/.installed-run
echo $(($(date +%s) - began)) > .venv/.install-seconds
