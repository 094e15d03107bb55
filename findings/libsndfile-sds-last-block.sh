#!/usr/bin/env bash
# soundfile 0.14.0 (libsndfile 1.2.2): an SDS file (MIDI sample dump) read in pieces.
# Expected: pieces of any length add up to what one read gives.
# Behaviour: a read that begins in the last block of 40 samples (16 bits) gives nothing, so up to 40 samples are lost, and
# no error says so; pieces of which the last begins before that lose nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 numpy==2.3.5
"$folder/venv/bin/python" - <<'PYTHON'
from io import BytesIO

import numpy as np
import soundfile

assert soundfile.__libsndfile_version__ == "1.2.2", soundfile.__libsndfile_version__
samples = (np.arange(48000) % 200 - 100).astype(np.int16) * 100
file = BytesIO()
soundfile.write(file, samples, 16000, format="SDS", subtype="PCM_16")


def in_pieces(*lengths):
    """The samples of the file read in pieces of those lengths."""
    with soundfile.SoundFile(BytesIO(file.getvalue())) as sds:
        return np.concatenate([sds.read(length, dtype="int16") for length in lengths])


print("one read:", len(in_pieces(48000)), "samples")
print("24,001 and 23,999:", len(in_pieces(24001, 23999)))
print("47,960 and 40:", len(in_pieces(47960, 40)))
print("47,990 and 10:", len(in_pieces(47990, 10)))
assert (in_pieces(48000) == samples).all()
assert (in_pieces(24001, 23999) == samples).all()
assert len(in_pieces(47960, 40)) == 47960
assert len(in_pieces(47990, 10)) == 47990  # the last 10 are missing
PYTHON
echo "as described"
