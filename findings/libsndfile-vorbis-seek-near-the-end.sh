#!/usr/bin/env bash
# soundfile 0.14.0 (libsndfile 1.2.2): seek in an Ogg Vorbis file.
# Expected: what is read after seek(n) is the slice from n on of what one read of the whole gives, as at most places it is.
# Behaviour: near the end of the file other samples come, as far off as the signal is loud; no error says so.
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
noise = 0.3 * np.random.default_rng(0).standard_normal(48000)
file = BytesIO()
soundfile.write(file, noise.clip(-1, 1), 16000, format="OGG", subtype="VORBIS")
whole, _ = soundfile.read(BytesIO(file.getvalue()), dtype="float32")


def off_by(start):
    """The largest difference between the samples after a seek and the slice of the whole."""
    with soundfile.SoundFile(BytesIO(file.getvalue())) as ogg:
        ogg.seek(start)
        part = ogg.read(len(whole) - start, dtype="float32")
    return float(np.abs(part - whole[start:]).max())


for start in (1, 777, 20011, 47900, 47990):
    print(f"seek({start}): off by {off_by(start):.3g}, of {np.abs(whole).max():.3g}")
assert all(off_by(start) == 0 for start in (1, 777, 20011))
assert off_by(47990) > 0.05
PYTHON
echo "as described"
