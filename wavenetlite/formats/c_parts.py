"""What the blocks of a C file add to it: functions, constants, and members of the state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from wavenetlite.formats.c_numbers import array, integers, literal
from wavenetlite.support.c_builder import CText

KINDS = {
    "f4": "float", "f8": "$real", "i1": "int8_t", "u1": "uint8_t", "i2": "int16_t", "u2": "uint16_t", "i4": "int32_t",
}  # fmt: skip
"""C's type of an array's values, by dtype."""

SIZES = {
    "double": 8, "$real": 8, "int64_t": 8, "float": 4, "int": 4, "int32_t": 4, "uint32_t": 4, "int16_t": 2, "int8_t": 1,
}  # fmt: skip
"""Bytes of the types of which a state has arrays, widest first: so they lie in it without gaps."""


@dataclass
class Parts:
    """The parts of a file besides its blocks."""

    functions: dict[str, str] = field(default_factory=dict)  # texts by name, in the order in which they are needed
    constants: dict[str, str] = field(default_factory=dict)  # names by definition
    kept: list[tuple[str, str, int]] = field(default_factory=list)  # type, name and length
    first: list[tuple[str, str, int]] = field(default_factory=list)  # kept array, constant and bytes
    scratch: int = 0  # most floats of a block
    wide: int = 0  # most integers of 16 bits of a block
    rows: int = 1  # most frames that a step reads
    constant_bytes: int = 0

    def function(self, text: CText) -> None:
        """Add a function or type after what it needs."""
        for needed in text.needs:
            self.function(needed)
        self.functions.setdefault(text.name, text.text)

    def constant(self, prefix: str, kind: str, values: str, length: int, size: int) -> str:
        """The name of a constant array; equal ones are one."""
        key = f"{kind}[{length}]{values}"
        if key not in self.constants:
            self.constant_bytes += size
            self.constants[key] = f"${prefix}{len(self.constants)}"
        return self.constants[key]

    def array(self, values: np.ndarray) -> str:
        """The name of an array with these values."""
        flat = values.ravel()
        return self.constant("w", KINDS[flat.dtype.str[1:]], array(flat), flat.size, flat.nbytes)

    def definitions(self) -> Iterator[str]:
        """The constants, as they stand in the file."""
        for key, name in self.constants.items():
            kind, _, rest = key.partition("[")
            length, _, values = rest.partition("]")
            yield f"static const {kind} {name}[{length}] = {values};\n\n"


class BlockWriter:
    """A block of C, a `CBuilder`. `work`: where in the shared memory its scratch begins."""

    def __init__(self, parts: Parts, work: int) -> None:
        self.parts, self.work = parts, work
        self.lines: list[str] = []
        self.scratches: dict[str, int] = {}  # by name: the first float
        self.end_of_scratch = 0

    def line(self, text: str) -> None:
        self.lines.append(text)

    def function(self, text: CText) -> None:
        self.parts.function(text)

    def call(self, function: CText, *arguments: str) -> None:
        self.function(function)
        self.line(f"${function.name}({', '.join(arguments)});")

    def number(self, value: float) -> str:
        return literal(value)

    def floats(self, values: np.ndarray) -> str:
        return self.parts.array(np.asarray(values, np.float32))

    def array(self, values: np.ndarray) -> str:
        return self.parts.array(values)

    def table(self, kind: str, rows: Sequence[tuple[int, ...]], size: int = 2) -> str:
        return self.parts.constant("part", kind, integers(rows), len(rows), size * sum(map(len, rows)))

    def kept(self, kind: str, count: int, first: np.ndarray | None = None) -> str:
        name = f"s->kept{len(self.parts.kept)}"
        self.parts.kept.append((kind, name, count))
        if first is not None:
            self.parts.first.append((name, self.array(first), first.nbytes))
        return name

    def scratch(self, name: str, floats: int) -> str:
        """The last one that was named may grow."""
        first = self.scratches.setdefault(name, self.end_of_scratch)
        self.end_of_scratch = max(self.end_of_scratch, first + floats)
        self.parts.scratch = max(self.parts.scratch, self.end_of_scratch)
        return place("s->work", self.work + first)

    def wide(self, count: int) -> str:
        self.parts.wide = max(self.parts.wide, count)
        return "s->wide"


def indented(lines: Sequence[str], depth: int = 1) -> Iterator[str]:
    """Lines of a block, each as deep as its braces."""
    for text in lines:
        for line in text.splitlines():
            depth -= line.startswith("}")
            yield "    " * depth + line
            depth += line.endswith("{") or (line.startswith("{") and "}" not in line)


def function(head: str, lines: Sequence[str]) -> str:
    """A function of C."""
    return f"{head}\n{{\n" + "".join(f"    {line}\n" for line in lines) + "}\n\n"


def place(array: str, at: int) -> str:
    return f"{array} + {at}" if at else array
