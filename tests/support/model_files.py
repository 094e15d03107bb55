"""Model files taken apart and put together, whatever they hold; and what a file must be refused with."""

import json
import tracemalloc
from functools import partial

import pytest

import wavenetlite as wl

load = partial(wl.load, format="wavenetlite")

MB = 1_000_000
POOL = {"type": "CumulativePool", "kind": "max"}
JUNK = [None, True, -1, 0, 3, 1.5, 1e308, 2**70, 10**400, "", "x", "tanh", "a\nb", [], {}, [[]], [None], [1, 2], [0.5],
        ["x"], [{}], {"type": "CumulativePool"}, POOL, [POOL],
        {"type": None}, {"type": ["Conv1d"]}, {"a": {"b": {}}}]  # fmt: skip


def split(content):
    """The header of a file, as data, and the bytes after it."""
    length = int.from_bytes(content[:8], "little")
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def join(header, data=b""):
    """The bytes of a file; the header is data, or the bytes that stand for it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data


def head_for(config, **metadata):
    """A header without tensors; the config is data, or the text that stands for it."""
    text = config if isinstance(config, str) else json.dumps(config)
    return {"__metadata__": {"format": "wavenetlite", "format_version": "2", "config": text, **metadata}}


def refused(path, content, *parts):
    """`load` raises one line that names the file and has the parts; returns it."""
    path.write_bytes(content)
    with pytest.raises(wl.ModelFileError) as excinfo:
        load(path)
    text = str(excinfo.value)
    assert text.startswith(f"{path}: ")
    assert text.isprintable(), text
    assert len(text) < len(str(path)) + 300
    for part in parts:
        assert part in text, text
    return text


def peak_of_refusal(path):
    """Peak of Python's and NumPy's allocations while `load` refuses a file."""
    tracemalloc.start()
    try:
        with pytest.raises(wl.ModelFileError):
            load(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
