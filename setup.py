"""Builds the extension modules; everything else about the project stands in pyproject.toml.

The kernel text is written once (wavenetlite/kernels/*.pxi.in) and rendered here for each instruction set of the
machine's family, one extension module each, so that a wheel holds them all and the right one is chosen at import. Set
WAVENETLITE_DEBUG=1 for a build with bounds checks and assertions.
"""

import os
import platform
from pathlib import Path

import numpy
from Cython import Tempita
from Cython.Build import cythonize
from setuptools import Extension, setup

KERNELS = Path("wavenetlite/kernels")
DEBUG = os.environ.get("WAVENETLITE_DEBUG") == "1"

# Per instruction set: compiler flags, vector widths (floats), and the panels of output channels as (vector width,
# vectors, tiles); a tile is (rows, mode), tried in this order. Modes: see convolution.pxi.in. The tallest tile of a
# panel fills the registers; measured on AVX-512 and AVX2 these shapes run at the peak of the FMA units for 64
# channels.
NARROW = [(4, "narrow"), (1, "narrow")]
SSE2_PANELS = [
    (4, 4, [(3, "in_turn"), (2, "in_turn"), (1, "abreast"), (3, "narrow"), (1, "narrow")]),
    (4, 2, [(3, "abreast"), (1, "abreast"), *NARROW]),
    (4, 1, [(4, "abreast"), (1, "abreast"), *NARROW]),
]
INSTRUCTION_SETS = {
    "sse2": ([], [4], SSE2_PANELS),
    "avx2": (
        ["-march=x86-64-v3"],
        [8, 4],
        [
            (8, 2, [(6, "in_turn"), (4, "in_turn"), (2, "in_turn"), (1, "abreast"), *NARROW]),
            (8, 1, [(6, "abreast"), (4, "abreast"), (2, "abreast"), (1, "abreast"), *NARROW]),
            (4, 1, [(6, "abreast"), (1, "abreast"), *NARROW]),
        ],
    ),
    "avx512": (
        ["-march=x86-64-v4", "-mprefer-vector-width=512"],
        [16, 8, 4],
        [
            (16, 2, [(12, "in_turn"), (8, "in_turn"), (4, "in_turn"), (2, "in_turn"), (1, "abreast"), *NARROW]),
            (16, 1, [(12, "abreast"), (4, "abreast"), (2, "abreast"), (1, "abreast"), *NARROW]),
            (8, 1, [(12, "abreast"), (4, "abreast"), (2, "abreast"), (1, "abreast"), *NARROW]),
            (4, 1, [(8, "abreast"), (1, "abreast"), *NARROW]),
        ],
    ),
    "neon": ([], [4], SSE2_PANELS),
}
FAMILIES = {
    "x86_64": ["sse2", "avx2", "avx512"],
    "amd64": ["sse2", "avx2", "avx512"],
    "aarch64": ["sse2", "neon"],
    "arm64": ["sse2", "neon"],
}
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
CHECK = ["-O1", "-ffp-contract=off", "-fno-math-errno", "-Wno-psabi", "-g", "-UNDEBUG", "-DWAVENETLITE_DEBUG"]


def render(isa: str) -> None:
    """Write the kernel text for one instruction set; a file that would not change keeps its date."""
    _, widths, panels = INSTRUCTION_SETS[isa]
    (KERNELS / isa).mkdir(exist_ok=True)
    for template in sorted(KERNELS.glob("*.pxi.in")):
        text = Tempita.Template(template.read_text(), name=str(template)).substitute(widths=widths, panels=panels)
        target = KERNELS / isa / template.name.removesuffix(".in")
        if not target.exists() or target.read_text() != text:
            target.write_text(text)


def extension(name: str, *flags: str) -> Extension:
    source = name.replace(".", "/") + ".pyx"
    common = CHECK if DEBUG else OPTIMISE
    link = [] if DEBUG or platform.system() == "Darwin" else ["-Wl,--strip-all"]
    return Extension(
        name,
        [source],
        include_dirs=[str(KERNELS), numpy.get_include()],
        extra_compile_args=[*common, *flags],
        extra_link_args=link,
    )


def extensions() -> list[Extension]:
    sets = FAMILIES.get(platform.machine().lower(), ["sse2"])
    for isa in sets:
        render(isa)
    kernels = [extension(f"wavenetlite.kernels._{isa}", *INSTRUCTION_SETS[isa][0]) for isa in sets]
    others = ["wavenetlite.kernels.dispatch", "wavenetlite.engine.plan", "wavenetlite.stream"]
    return [*kernels, *(extension(name) for name in others)]


setup(
    ext_modules=cythonize(
        extensions(),
        compiler_directives={
            "language_level": 3,
            "cdivision": True,
            "freethreading_compatible": True,
        },
    )
)
