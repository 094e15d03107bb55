#!/usr/bin/env bash
# soundfile 0.14.0, the wheel for manylinux x86_64 with libsndfile inside (needs objdump, of binutils).
# Expected: a release build, as of the distributions: locals of hot loops in registers.
# Behaviour: libsndfile's own functions were compiled without optimisation, while the codecs linked into the same file (FLAC,
# Vorbis, Opus) were optimised: in flac_buffer_copy, which converts every decoded sample, and in the readers of PCM a third to
# a half of all instructions load or store a local on the stack, the loop's counter among them; in FLAC's few. Where a clip of
# FLAC is decoded, some 40 % of the time went into flac_buffer_copy alone (perf, 16,000 samples, an AMD Zen 3).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: soundfile==0.14.0
library=$(find "$folder/venv" -name 'libsndfile_x86_64.so')
"$folder/venv/bin/python" -c 'import soundfile; print("soundfile", soundfile.__version__, soundfile.__libsndfile_version__)'
objdump -d --no-show-raw-insn "$library" > "$folder/code"
"$folder/venv/bin/python" - "$folder/code" <<'PYTHON'
import re
import sys

functions, name = {}, ""
for line in open(sys.argv[1]):
    if head := re.match(r"[0-9a-f]+ <(.+)>:$", line):
        name = head[1]
        functions[name] = []
    elif "\t" in line:
        functions[name].append(line)


def share(names):
    """Of the instructions of functions, those that load or store a local by the frame pointer or the stack pointer."""
    code = [line for found in names for line in functions[found]]
    assert len(code) > 300, names
    return sum(bool(re.search(r"-?0x[0-9a-f]+\(%r[bs]p\)", line)) for line in code) / len(code)


theirs = {"flac_buffer_copy": share(["flac_buffer_copy"])}
theirs["readers of PCM"] = share([name for name in functions if re.match(r"pcm_read_", name)])
codecs = share([name for name in functions if name.startswith("FLAC__stream_decoder_")])
print({name: f"{value:.0%}" for name, value in theirs.items()}, f"FLAC's decoder: {codecs:.0%}")
assert min(theirs.values()) > 0.3 > 0.15 > codecs
PYTHON
echo "as described"
