#!/usr/bin/env bash
# fsspec 2026.9.0, HTTPFileSystem (aiohttp 3.14.5): cat_file(url, start, end) and cat_ranges from a server that ignores the Range
# header, as a server may (RFC 9110), and as Python's own http.server does: it answers 200 and the whole file.
# Expected: the bytes asked for, cut from the answer, or the error that open() and seek() give for the same address, "The HTTP
# server doesn't appear to support range requests": the status, and the missing Content-Range, tell.
# Behaviour: the whole file, without an error or a warning, in place of each range. So a reader of many short clips out of one
# file gets its beginning every time, and loads all of it for each of them.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check fsspec==2026.9.0 aiohttp==3.14.5
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import functools
import http.server
import sys
import threading
from pathlib import Path

import aiohttp
import fsspec

print("fsspec", fsspec.__version__, "aiohttp", aiohttp.__version__)
content = bytes(range(250)) * 4
served = Path(sys.argv[1], "served")
served.mkdir()
(served / "clip.raw").write_bytes(content)


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *arguments):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=served))
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/clip.raw"
files = fsspec.filesystem("http")
local = fsspec.filesystem("file")
path = str(served / "clip.raw")

assert local.cat_file(path, 100, 110) == content[100:110]
assert local.cat_ranges([path] * 2, [100, 200], [110, 210]) == [content[100:110], content[200:210]]
found = {
    "cat_file": [files.cat_file(url, 100, 110)],
    "cat_file to the end": [files.cat_file(url, -10)],
    "cat_ranges": files.cat_ranges([url] * 2, [100, 200], [110, 210], on_error="raise"),
}
try:
    with files.open(url, block_size=100) as file:
        file.seek(500)
        said = file.read(10)
except ValueError as error:
    said = str(error)
server.shutdown()
print("bytes for ten asked for:", {name: [len(data) for data in got] for name, got in found.items()})
print("open, seek, read:", said)
assert all(data == content for got in found.values() for data in got)
assert said.startswith("The HTTP server doesn't appear to support range requests")
PYTHON
echo "as described"
