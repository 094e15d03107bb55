#!/usr/bin/env bash
# soundfile 0.14.0 (libsndfile 1.2.2): writing to an object with write(), as to an io.BytesIO, when its write() raises.
# Expected: the error, be it a full disk or Ctrl-C, ends soundfile.write, for every format.
# Behaviour: the error is printed to stderr as ignored in a callback. For WAV an empty AssertionError follows instead, for FLAC a
# LibsndfileError. For Ogg Vorbis soundfile.write returns as if all was well, and what was written cannot be opened.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 numpy==2.3.5
"$folder/venv/bin/python" - 2> "$folder/stderr" <<'PYTHON'
import errno
from io import BytesIO

import numpy as np
import soundfile

assert soundfile.__libsndfile_version__ == "1.2.2", soundfile.__libsndfile_version__


class FullDisk(BytesIO):
    """Its third write fails, as that of a file on a full disk would."""

    writes = 0

    def write(self, data):
        self.writes += 1
        if self.writes == 3:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(data)


def outcome(function):
    try:
        function()
    except Exception as error:
        return type(error).__name__
    return "no error"


noise = 0.3 * np.random.default_rng(0).standard_normal(200_000)
found = {}
for format, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")):
    file = FullDisk()
    wrote = outcome(lambda: soundfile.write(file, noise, 16000, format=format, subtype=subtype))
    file.seek(0)
    found[format] = wrote, outcome(lambda: soundfile.read(file))
    print(f"{format}: write: {wrote}; read: {found[format][1]}")
assert found["WAV"][0] == "AssertionError"
assert found["FLAC"][0] == "LibsndfileError"
assert found["OGG"] == ("no error", "LibsndfileError")
PYTHON
grep -c "Exception ignored from cffi callback" "$folder/stderr"
echo "as described"
