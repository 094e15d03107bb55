#!/usr/bin/env bash
# websockets 17.4 and, to compare, 16.1.1: "connection = connect(uri)" of websockets.sync.client, closed with close().
# Expected: as in 16.1.1, no warning; or one at the line of connect(), whose advice runs in both.
# Behaviour: in 17.4 (deprecated since 17.1, its source says) it works, with a DeprecationWarning, not at connect() but at
# the connection's first use, here send(): "connect() must be used as a context manager". So tests that turn warnings into
# errors fail, at a line that does not name connect(). What the warning offers, connect(uri, legacy=True), raises TypeError in
# 16.1.1. Spellings without a warning in both: "with", and ExitStack.enter_context(connect(uri)).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > spellings.py <<'PYTHON'
import contextlib
import sys
import threading
import warnings
from importlib.metadata import version

from websockets.sync.client import connect
from websockets.sync.server import serve


def plain(uri):
    connection = connect(uri, proxy=None)  # connect
    connection.send("x")  # first use
    connection.send("y")  # second use
    connection.close()


def legacy(uri):
    connection = connect(uri, proxy=None, legacy=True)
    connection.send("x")
    connection.close()


def manager(uri):
    with connect(uri, proxy=None) as connection:
        connection.send("x")


def stack(uri):
    with contextlib.ExitStack() as opened:
        opened.enter_context(connect(uri, proxy=None)).send("x")


def outcome(spelling, uri):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            spelling(uri)
        except TypeError as error:
            return type(error).__name__
    lines = open(__file__).read().splitlines()
    return [(w.category.__name__, str(w.message).split(":")[0], lines[w.lineno - 1].split("# ")[-1]) for w in caught]


server = serve(lambda connection: list(connection), "127.0.0.1", 0)
threading.Thread(target=server.serve_forever, daemon=True).start()
uri = f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
found = {spelling.__name__: outcome(spelling, uri) for spelling in (plain, legacy, manager, stack)}
server.shutdown()
print("websockets", version("websockets"), found)
warning = ("DeprecationWarning", "connect() must be used as a context manager", "first use")
assert found == {
    "17.4": {"plain": [warning], "legacy": [], "manager": [], "stack": []},
    "16.1.1": {"plain": [], "legacy": "TypeError", "manager": [], "stack": []},
}[version("websockets")]
PYTHON
for version in 17.4 16.1.1; do
    python3 -m venv "venv-$version"
    "venv-$version/bin/pip" install --quiet "websockets==$version"
    "venv-$version/bin/python" spellings.py
done
echo "as described"
