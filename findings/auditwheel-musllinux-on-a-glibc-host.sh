#!/usr/bin/env bash
# auditwheel 6.8.2 (Python 3.11 on a system with glibc): a wheel whose modules were built for musl by a cross compiler.
# Expected: "auditwheel repair --plat musllinux_1_2_x86_64" checks and tags it; the choice of platforms is a matter of the policy
# files that auditwheel brings, which are those of manylinux and musllinux.
# Behaviour: the platform is an "invalid choice": auditwheel offers the policies of the C library that it runs on itself, and
# no option changes that.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet auditwheel==6.8.2 2>/dev/null
ls venv/lib/python3*/site-packages/auditwheel/policy/ | grep -i "musllinux.*json"
touch module-1.0-cp311-cp311-linux_x86_64.whl
if said=$(venv/bin/auditwheel repair --plat musllinux_1_2_x86_64 module-1.0-cp311-cp311-linux_x86_64.whl 2>&1); then
    echo "it was accepted"; exit 1
fi
echo "$said" | tail -1 | cut -c1-200
grep -q "invalid choice: 'musllinux_1_2_x86_64'" <<<"$said"
echo "as described"
