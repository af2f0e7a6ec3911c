# Sourced by scripts/quickstart and scripts/test: makes .venv and installs what is asked for, once per change of the pins.
# Settings: PYTHON (default python3), TORCH_INDEX_URL (index that holds the wanted torch build), VENV (default .venv).

make_environment() { # extras
  local extras=$1 venv=${VENV:-.venv} python=${PYTHON:-python3} stamp
  if [ ! -x "$venv/bin/python" ]; then
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || {
      echo "error: $python is missing or older than Python 3.10" >&2
      echo "  = fix: install Python 3.10 or newer, or name one: PYTHON=python3.12 $0" >&2
      return 4
    }
    echo "making $venv with $("$python" --version)"
    "$python" -m venv "$venv"
  fi
  stamp=$(cat pyproject.toml constraints.txt | cksum)
  if [ "$(cat "$venv/.installed-$extras" 2>/dev/null)" != "$stamp" ]; then
    echo "installing into $venv (extras: $extras)"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0 \
      ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"}
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$extras]"
    echo "$stamp" > "$venv/.installed-$extras"
  fi
}
