#!/usr/bin/env bash
# soundfile 0.14.0 (libsndfile 1.2.2): a file system that takes all of a file but its last 100 bytes (here by a limit of the
# process on the size of files, RLIMIT_FSIZE).
# Expected: soundfile.write raises, as it does for WAV.
# Behaviour: for FLAC, Ogg Vorbis and MP3 it returns without an error: what these encoders keep until the file is closed is lost, and
# closing reports nothing. The FLAC cannot be read; Ogg and MP3 lack their end.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check soundfile==0.14.0 numpy==2.3.5
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import os
import resource
import signal
import sys

import numpy as np
import soundfile

assert soundfile.__libsndfile_version__ == "1.2.2", soundfile.__libsndfile_version__
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # so that writing fails with EFBIG instead
noise = 0.3 * np.random.default_rng(0).standard_normal(50_000)
missing = {}
for name, subtype in (("wav", "PCM_16"), ("flac", "PCM_16"), ("ogg", "VORBIS"), ("mp3", "MPEG_LAYER_III")):
    path = os.path.join(sys.argv[1], f"noise.{name}")
    soundfile.write(path, noise, 16000, subtype=subtype)
    size = os.path.getsize(path)
    os.remove(path)
    child = os.fork()
    if not child:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size - 100, size - 100))
        try:
            soundfile.write(path, noise, 16000, subtype=subtype)
        except soundfile.LibsndfileError:
            os._exit(1)
        os._exit(0)
    raised = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    missing[name] = "an error" if raised else "no error", size - os.path.getsize(path)
    print(f"{name}: {missing[name][0]}, {missing[name][1]} bytes are missing", flush=True)
assert missing == {"wav": ("an error", 100)} | dict.fromkeys(("flac", "ogg", "mp3"), ("no error", 100))
PYTHON
echo "as described"
