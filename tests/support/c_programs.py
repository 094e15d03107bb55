"""Networks written as C, compiled into one program with a compiler of this machine or of another, and run."""

import shutil
import subprocess
from dataclasses import dataclass

import numpy as np
import pytest

from wavenetlite import formats

STRICT = ["-Wall", "-Wextra", "-Werror", "-O1"]


@dataclass(frozen=True)
class Compiler:
    """`command` with its options, and the emulator that runs what it makes."""

    command: str
    options: tuple[str, ...] = ("-std=c99", *STRICT)
    emulator: str = ""

    def skip_if_lacking(self):
        for tool in filter(None, (self.command, self.emulator)):
            if shutil.which(tool) is None:
                pytest.skip(f"there is no {tool} here")


GCC = Compiler("gcc")
CONTRACTING = Compiler("gcc", ("-std=gnu11", "-O3", "-march=native", "-Wall", "-Wextra", "-Werror"))
CPP = Compiler("g++", ("-std=c++17", *STRICT))
AARCH64 = Compiler("aarch64-linux-gnu-gcc", ("-std=gnu11", "-O2", "-static"), "qemu-aarch64-static")
ARMHF = Compiler(
    "arm-linux-gnueabihf-gcc", ("-std=gnu11", "-O2", "-static", "-mfpu=vfpv4"), "qemu-arm-static"
)  # fmt: skip

HEAD = """\
#include <stdio.h>
#include <stdlib.h>

static void take(float *to, size_t floats) { if (fread(to, 4, floats, stdin) != floats) exit(2); }
static void give(const void *from, size_t bytes) { if (fwrite(from, 1, bytes, stdout) != bytes) exit(3); }
"""
RUN = """\
#include "{name}.h"

/* Two signals side by side; halfway the second state becomes a copy of the first, and goes on as that does. */
static void run_{name}(int frames)
{{
    static {name}_state first, second;
    static float x[{upper}_IN_CHANNELS], minus[{upper}_IN_CHANNELS], c[{upper}_CONDITION_CHANNELS + 1];
    static float y[{upper}_OUT_FRAMES * {upper}_OUT_CHANNELS], other[{upper}_OUT_FRAMES * {upper}_OUT_CHANNELS];
    int i, k, n, twin = frames / 2, done = -1;
    {name}_init(&first);
    {name}_init(&second);
    for (i = 0; i < frames; i++) {{
        take(x, {upper}_IN_CHANNELS);
        if ({upper}_CONDITION_CHANNELS && i % {upper}_CONDITION_PERIOD == 0) take(c, {upper}_CONDITION_CHANNELS);
        for (k = 0; k < {upper}_IN_CHANNELS; k++) minus[k] = -x[k];
        if (i == twin) second = first;
        n = {name}_process(&first, x{c}, y);
        if ({name}_process(&second, i < twin ? minus : x{c}, other) != n) exit(4);
        if (i >= twin && memcmp(y, other, (size_t)n * {upper}_OUT_CHANNELS * 4)) exit(5);
        give(&n, 4);
        give(y, (size_t)n * {upper}_OUT_CHANNELS * 4);
    }}
    give(&done, 4);
    while ((n = {name}_flush(&first, y)) > 0) {{
        give(&n, 4);
        give(y, (size_t)n * {upper}_OUT_CHANNELS * 4);
    }}
    n = {name}_flush(&first, y);
    give(&n, 4);
    n = (int)sizeof(first);
    give(&n, 4);
}}
"""


@dataclass(frozen=True)
class Ran:
    """The outputs of process() and of flush(), and the size of the state."""

    frames: np.ndarray
    flushed: np.ndarray
    state_bytes: int


def compiled(folder, models, compiler=GCC, *defines):
    """The program that runs these networks, {name in C: model}, whose headers are written into `folder`."""
    compiler.skip_if_lacking()
    lines = [HEAD]
    for name, model in models.items():
        formats.save(model, folder / f"{name}.h")
        c = ", c" if model.condition_channels_needed else ""
        lines.append(RUN.format(name=name, upper=name.upper(), c=c))
    calls = "".join(f"    run_{name}(atoi(argv[{number}]));\n" for number, name in enumerate(models, 1))
    lines.append(f"int main(int argc, char **argv)\n{{\n    (void)argc;\n{calls}    return 0;\n}}\n")
    source = folder / ("main.cpp" if compiler is CPP else "main.c")
    source.write_text("\n".join(lines), encoding="utf-8")
    command = [compiler.command, *compiler.options, *defines, str(source), "-o", str(folder / "main"), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[:5000]
    return [*filter(None, [compiler.emulator]), str(folder / "main")]


def run(program, models, signals):
    """What it makes of the signals, {name: (x, c)}: {name: Ran}."""
    given = b"".join(interleaved(models[name], *signals[name]) for name in models)
    frames = [str(len(signals[name][0])) for name in models]
    done = subprocess.run([*program, *frames], input=given, capture_output=True, check=False)
    assert done.returncode == 0, done.returncode
    data, ran = memoryview(done.stdout), {}
    for name, model in models.items():
        parts, data = read(data, model.plan().out_channels)
        ran[name] = parts
    assert not data
    return ran


def interleaved(model, x, c):
    """Frames of the signal, and each of the conditioning after the one with which it comes."""
    period = model.condition_period
    parts = []
    for i, frame in enumerate(x):
        parts.append(frame.tobytes())
        if c is not None and i % period == 0:
            parts.append(c[i // period].tobytes())
    return b"".join(parts)


def read(data, channels):
    """The outputs of one network, and what follows them."""
    ends, parts = [], [[], []]
    while len(ends) < 2:
        n, data = int.from_bytes(data[:4], "little", signed=True), data[4:]
        if n < 0 or (n == 0 and ends):
            ends.append(n)
            continue
        size = 4 * channels * n
        parts[len(ends)].append(np.frombuffer(data[:size], "<f4").reshape(n, channels))
        data = data[size:]
    frames, flushed = (np.concatenate([np.zeros((0, channels), np.float32), *part]) for part in parts)
    return Ran(frames, flushed, int.from_bytes(data[:4], "little")), data[4:]
