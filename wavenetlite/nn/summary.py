"""The table of ``model.summary()``."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from wavenetlite.graph import Node
from wavenetlite.support.tables import table_lines


class Layer(Protocol):
    """The part of a module that a summary needs."""

    def children(self) -> Mapping[str, Any]: ...

    def parameter_shapes(self) -> Mapping[str, tuple[int, ...]]: ...

    @property
    def parameter_count(self) -> int: ...


HEAD = ("layer", "type", "channels", "parameters", "MACs per frame", "receptive field", "latency")


class Row(NamedTuple):
    """A layer's line of the table."""

    path: str
    kind: str
    channels: str
    parameters: int
    multiply_adds: float  # per input frame
    receptive_field: float
    latency: int

    @property
    def cells(self) -> list[str]:
        """The row as text, in the order of `HEAD`."""
        return [self.path, self.kind, self.channels, f"{self.parameters:,}", f"{self.multiply_adds:,.10g}",
                f"{self.receptive_field:,}", f"{self.latency:,}"]  # fmt: skip


def summary_rows(
    modules: Iterable[tuple[str, Layer]],
    trace: Sequence[tuple[Layer, Node, Node, Node | None]],
    in_bf16: Container[int],
) -> list[Row]:
    """One row per layer without submodules, in the order of the names; unused layers are omitted.

    `in_bf16` has the identities of the layers that round their frames to bf16.
    """
    used: dict[int, list[tuple[Node, Node]]] = {}  # a shared layer is used more than once
    for module, x, out, _ in trace:
        used.setdefault(id(module), []).append((x, out))
    table = []
    for path, module in modules:
        if module.children() or id(module) not in used:
            continue
        uses = used[id(module)]
        x, out = uses.pop(0) if len(uses) > 1 else uses[0]
        table.append(
            Row(
                path=path.rstrip("."),
                kind=type(module).__name__,
                channels=f"{x.channels} -> {out.channels}{numbers(out, id(module) in in_bf16)}",
                parameters=module.parameter_count,
                multiply_adds=multiply_adds(module, x, out) / float(out.clock.rate),
                receptive_field=out.clock.receptive_field,
                latency=out.clock.latency,
            )
        )
    return table


def numbers(out: Node, in_bf16: bool) -> str:
    """What frames are of, if not of float32."""
    return " int8" if out.quantization else " bf16" if in_bf16 else ""


def multiply_adds(module: Layer, x: Node, out: Node) -> float:
    """Per output frame, of a layer's weights; those that are not parameters, such as a window's, do not count."""
    if not module.parameter_shapes():
        return 0
    total = 0.0
    while out.edges and all(edge.node is not x for edge in out.edges):  # a layer of several operations in a row
        total += out.multiply_adds
        out = out.edges[0].node
    return total + sum(read.multiply_adds for read in out.edge_weights() if out.edges[read.edge].node is x)


def summary_text(title: str, rows: Sequence[Row], facts: Mapping[str, str]) -> str:
    lines = table_lines([HEAD, *(row.cells for row in rows)], left=3)
    tail = (f"{name:15}  {value}" for name, value in facts.items())
    return "\n".join([title, "", lines[0], "-" * len(lines[0]), *lines[1:], "", *tail])


def parameter_text(count: int, bf16: int) -> str:
    """A number of parameters, and how many of them are of bf16."""
    return f"{count:,}" + (f", {bf16:,} of them bf16" if bf16 else "")
