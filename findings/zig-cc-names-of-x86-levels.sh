#!/usr/bin/env bash
# ziglang 0.17.1 (from PyPI): "zig cc" as a compiler of C that stands in for clang.
# Expected: it takes clang's -march=x86-64-v3, the x86-64 psABI's name of the level that AVX2 and FMA belong to.
# Behaviour: it fails, "unknown CPU"; the same level is -march=x86_64_v3 there, which clang and gcc do not know. So flags that
# are written for both need to ask which compiler it is.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet ziglang==0.17.1 2>/dev/null
export ZIG_GLOBAL_CACHE_DIR="$folder/cache" ZIG_LOCAL_CACHE_DIR="$folder/cache"
printf '#ifndef __AVX2__\n#error no AVX2\n#endif\nint one(void) { return 1; }\n' > one.c
zig() { venv/bin/python -m ziglang cc -target x86_64-linux-gnu -c one.c -o one.o "$@"; }
zig -march=x86_64_v3
if said=$(zig -march=x86-64-v3 2>&1); then
    echo "it was accepted"; exit 1
fi
grep -i -m 1 "unknown" <<<"$said" | cut -c1-200
echo "as described"
