#!/usr/bin/env bash
# CPython 3.11 on Linux: os.link(source, path), where source is a symbolic link; follow_symlinks is True by default.
# Expected: path is another name of the file that the symbolic link leads to.
# Behaviour: path is a hard link to the symbolic link itself. With any src_dir_fd it is what was expected, even though the paths
# are absolute and the descriptor is not used. So a file opened with O_TMPFILE cannot be given its name by
# os.link(f"/proc/self/fd/{descriptor}", path), but it can with a src_dir_fd.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 - "$folder" <<'PYTHON'
import os
import sys
from pathlib import Path

print("CPython", sys.version.split()[0])
folder = Path(sys.argv[1])
(folder / "file").write_text("text")
(folder / "symbolic").symlink_to(folder / "file")
os.link(folder / "symbolic", folder / "plain")
os.link(folder / "symbolic", folder / "follow", follow_symlinks=True)
descriptor = os.open(folder, os.O_RDONLY)
os.link(folder / "symbolic", folder / "with descriptor", src_dir_fd=descriptor)
found = {name: (folder / name).is_symlink() for name in ("plain", "follow", "with descriptor")}
print("is a symbolic link:", found)
assert found == {"plain": True, "follow": True, "with descriptor": False}

unnamed = os.open(folder, os.O_TMPFILE | os.O_RDWR)
try:
    os.link(f"/proc/self/fd/{unnamed}", folder / "unnamed")
    raise SystemExit("the unnamed file has got its name")
except OSError as error:
    print("unnamed file:", error.strerror)
os.link(f"/proc/self/fd/{unnamed}", folder / "unnamed", src_dir_fd=unnamed)
assert (folder / "unnamed").stat().st_ino == os.fstat(unnamed).st_ino
PYTHON
echo "as described"
