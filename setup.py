"""Builds the extension modules; everything else about the project stands in pyproject.toml.

The kernel text is written once (wavenetlite/kernels/*.pxi.in) and rendered here for each instruction set of the
machine's family, one extension module each, so that a wheel holds them all and the right one is chosen at import.

WAVENETLITE_DEBUG=1 makes a build that checks every access to memory (assertions, AddressSanitizer, UBSan); Python must
then be started with LD_PRELOAD="$(gcc -print-file-name=libasan.so)" and ASAN_OPTIONS=detect_leaks=0.
"""

import os
import platform
import sys
import sysconfig
from pathlib import Path

import numpy
from Cython import Tempita
from Cython.Build import cythonize
from setuptools import Extension, setup

KERNELS = Path("wavenetlite/kernels")
C_HEADERS = ["wavenetlite/audio", "wavenetlite/support"]
DEBUG = os.environ.get("WAVENETLITE_DEBUG") == "1"


def machine() -> str:
    """The kind of CPU to build for; macOS's universal Python builds for one at a time."""
    target = sysconfig.get_platform().rpartition("-")[2]
    return (platform.machine() if target == "universal2" else target).lower()


# Windows' own compiler has no vectors of GCC's and Clang's kind; zig's is Clang, and pip installs it (pyproject.toml).
WINDOWS = sys.platform == "win32"
if WINDOWS:
    family = "aarch64" if machine() == "arm64" else "x86_64"  # and no newer CPU, which zig takes from this machine
    os.environ.setdefault("CC", f'"{sys.executable}" -m ziglang cc -target {family}-windows-gnu')
if sysconfig.get_platform().endswith("universal2"):
    os.environ.setdefault("ARCHFLAGS", f"-arch {machine()}")


def tiles(*, in_turn: tuple[int, ...] = (), abreast: tuple[int, ...], narrow: tuple[int, ...]) -> list[tuple[int, str]]:
    """Tiles (rows, mode) of a panel: for convolutions with wide taps, and without. There must be one of 1 row."""
    modes = {"in_turn": in_turn, "abreast": abreast, "narrow": narrow}
    return [(rows, mode) for mode, heights in modes.items() for rows in heights]


AVX512_PANELS = [
    (16, 2, tiles(in_turn=(12, 10, 8, 7, 6, 5, 4), abreast=(3, 2, 1), narrow=(12, 8, 6, 4, 3, 2, 1))),
    (16, 1, tiles(abreast=(12, 8, 6, 4, 3, 2, 1), narrow=(12, 8, 4, 3, 2, 1))),
    (8, 1, tiles(abreast=(12, 8, 6, 4, 3, 2, 1), narrow=(12, 8, 7, 6, 5, 4, 3, 2, 1))),
    (4, 1, tiles(abreast=(8, 4, 3, 2, 1), narrow=(8, 4, 2, 1))),
]

# Per instruction set: compiler flags; vector widths in floats; the panels of output channels as (vector width, vectors,
# tiles). Modes: see convolution.pxi.in. The tallest tile of the widest panel fills the registers; with it networks
# of 64 channels run at 80 to 90 % of the FMA units' peak on AVX-512 and AVX2 (benchmarks, model C).
INSTRUCTION_SETS = {
    "sse2": (
        [],
        [4],
        [
            (4, 2, tiles(in_turn=(4,), abreast=(3, 2, 1), narrow=(4, 3, 2, 1))),
            (4, 1, tiles(abreast=(4, 3, 2, 1), narrow=(4, 2, 1))),
        ],
    ),
    "avx2": (
        ["-march=x86-64-v3"],
        [8, 4],
        [
            (8, 2, tiles(in_turn=(6, 5, 4), abreast=(3, 2, 1), narrow=(6, 5, 4, 3, 2, 1))),
            (8, 1, tiles(abreast=(6, 5, 4, 3, 2, 1), narrow=(12, 8, 7, 6, 5, 4, 3, 2, 1))),
            (4, 1, tiles(abreast=(6, 4, 3, 2, 1), narrow=(8, 4, 3, 2, 1))),
        ],
    ),
    "avx512": (
        ["-march=x86-64-v4", "-mprefer-vector-width=512"],
        [16, 8, 4],
        AVX512_PANELS,
    ),
    "vnni": (
        ["-march=x86-64-v4", "-mavx512vnni", "-mprefer-vector-width=512"],
        [16, 8, 4],
        AVX512_PANELS,
    ),
    "neon": (
        [],
        [4],
        [
            (4, 4, tiles(in_turn=(5, 4, 3), abreast=(2, 1), narrow=(5, 4, 3, 2, 1))),
            (4, 2, tiles(abreast=(6, 4, 3, 2, 1), narrow=(8, 4, 3, 2, 1))),
            (4, 1, tiles(abreast=(8, 4, 3, 2, 1), narrow=(8, 4, 2, 1))),
        ],
    ),
}
INSTRUCTION_SETS["generic"] = INSTRUCTION_SETS["neon"]  # any other CPU: panels of 16 outputs, and so the same bits
X86, ARM = ["sse2", "avx2", "avx512", "vnni"], ["neon"]
FAMILIES = {"x86_64": X86, "amd64": X86, "aarch64": ARM, "arm64": ARM}
OPTIMISE = [
    "-O3",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-wrapv",
    "-fno-inline-functions-called-once",
    "-Wno-psabi",
    "-g0",
]
SANITISE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
CHECK = [
    "-O1",
    "-ffp-contract=off",
    "-fno-math-errno",
    "-Wno-psabi",
    "-g",
    "-UNDEBUG",
    "-DWAVENETLITE_DEBUG",
    *SANITISE,
]


FIRST = ["registry.pxi", "vectors.pxi"]  # what the other texts need


def render(isa: str) -> None:
    """Write the kernel text for one instruction set: all *.pxi and *.pxi.in of the folder, as one module."""
    _, widths, panels = INSTRUCTION_SETS[isa]
    (KERNELS / isa).mkdir(exist_ok=True)
    templates = {path.name.removesuffix(".in"): path for path in KERNELS.glob("*.pxi.in")}
    plain = {path.name for path in KERNELS.glob("*.pxi")}
    for name, template in templates.items():
        substitute(template, KERNELS / isa / name, widths=widths, panels=panels)
    names = sorted({*plain, *templates}, key=lambda name: (name not in FIRST, name))
    texts = [name if name in plain else f"{isa}/{name}" for name in names]
    substitute(KERNELS / "_isa.pyx.in", KERNELS / f"_{isa}.pyx", isa=isa, texts=texts)


def substitute(template: Path, target: Path, **values: object) -> None:
    """Render a template; a file that would not change keeps its date."""
    text = Tempita.Template(template.read_text("utf-8"), name=str(template)).substitute(**values)
    if not target.exists() or target.read_text("utf-8") != text:
        target.write_text(text, "utf-8")


def extension(name: str, *flags: str) -> Extension:
    source = name.replace(".", "/") + ".pyx"
    common = CHECK if DEBUG else OPTIMISE
    if WINDOWS:
        flags = tuple(flag.replace("-march=x86-64-v", "-march=x86_64_v") for flag in flags)  # zig's names
    strip = [] if sys.platform == "darwin" else ["-Wl,--strip-all"]
    return Extension(
        name,
        [source],
        include_dirs=[str(KERNELS), *C_HEADERS, numpy.get_include()],
        extra_compile_args=[*common, *flags],
        extra_link_args=SANITISE if DEBUG else strip,
    )


def extensions() -> list[Extension]:
    sets = FAMILIES.get(machine(), ["generic"])
    for isa in sets:
        render(isa)
    kernels = [extension(f"wavenetlite.kernels._{isa}", *INSTRUCTION_SETS[isa][0]) for isa in sets]
    others = [
        "wavenetlite.support.one_thread",
        "wavenetlite.support.philox",
        "wavenetlite.support.snapshots",
        "wavenetlite.kernels.dispatch",
        "wavenetlite.kernels.packed",
        "wavenetlite.kernels.training",
        "wavenetlite.kernels.turns",
        "wavenetlite.features._block_floor",
        "wavenetlite.features._frames",
        "wavenetlite.features._micro",
        "wavenetlite.features._steps",
        "wavenetlite.features.stream",
        "wavenetlite.audio._peak",
        "wavenetlite.detection.scanner",
        "wavenetlite.classifier.stream",
        "wavenetlite.classifier.pool",
        "wavenetlite.ops._images",
        "wavenetlite.ops._pools",
        "wavenetlite.engine.plan",
        "wavenetlite.engine.stream",
        "wavenetlite.engine.pool",
        "wavenetlite.engine.generator_pool",
        "wavenetlite.pipeline._clips",
        "wavenetlite.vocoder._allpole",
        "wavenetlite.vocoder._spectra",
        "wavenetlite.serve.inbox",
    ]
    return [*kernels, *(extension(name) for name in others)]


if __name__ == "__main__":  # on some systems the processes that translate start by importing this file
    cores = os.cpu_count() or 1
    setup(
        ext_modules=cythonize(
            extensions(),
            nthreads=cores,
            compiler_directives={
                "language_level": 3,
                "cdivision": True,
                "freethreading_compatible": True,
            },
        ),
        options={"build_ext": {"parallel": cores, **({"compiler": "mingw32"} if WINDOWS else {})}},
    )
