#!/usr/bin/env bash
# executorch 1.5.1 with torch 2.13.0 and numpy 2.4.6: a clip, an array (n, c), given its axis of one batch in NumPy, x[None],
# and passed through torch.from_numpy as the example input of torch.export, and from there to ExecuTorch.
# Expected: the same program as from torch.from_numpy(x)[None], which has the same shape, the same values and the same memory.
# Behaviour: the stride of NumPy's new axis is 0 (NumPy does say that the stride of an axis of length 1 means nothing), torch
# keeps it and calls the tensor contiguous, torch.export takes it, and to_edge_transform_and_lower(...).to_executorch() ends with
# "0 in strides is not supported for ExecuTorch.". Neither .contiguous() nor .clone() helps: both keep the stride. What works is
# the axis added in torch, or a copy in NumPy, x[None].copy().
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check executorch==1.5.1 torch==2.13.0 numpy==2.4.6
"$folder/venv/bin/python" - 2> "$folder/stderr" <<'PYTHON' || { tail -n 5 "$folder/stderr"; exit 1; }
from importlib.metadata import version

import numpy as np
import torch
from executorch.exir import to_edge_transform_and_lower

print({name: version(name) for name in ("executorch", "torch", "numpy")})
torch.set_num_threads(1)
clip = np.arange(15, dtype=np.float32).reshape(5, 3)
layer = torch.nn.Linear(3, 2).eval()


def outcome(example):
    exported = torch.export.export(layer, (example,))
    try:
        to_edge_transform_and_lower(exported).to_executorch()
    except RuntimeError as error:
        return str(error)
    return "ok"


in_numpy = torch.from_numpy(clip[None])
examples = {
    "from_numpy(x[None])": in_numpy,
    "from_numpy(x[None]).contiguous()": in_numpy.contiguous(),
    "from_numpy(x[None]).clone()": in_numpy.clone(),
    "from_numpy(x[None].copy())": torch.from_numpy(clip[None].copy()),
    "from_numpy(x)[None]": torch.from_numpy(clip)[None],
}
found = {}
for name, example in examples.items():
    assert example.shape == (1, 5, 3) and example.is_contiguous() and torch.equal(example, in_numpy)
    found[name] = example.stride(), outcome(example)
    print(f"{name}: stride {found[name][0]}: {found[name][1]}")
refused = (0, 3, 1), "0 in strides is not supported for ExecuTorch."
made = (15, 3, 1), "ok"
assert list(found.values()) == [refused, refused, refused, made, made]
PYTHON
echo "as described"
