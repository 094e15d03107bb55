"""The table that ``model.summary()`` prints."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from wavenetlite.graph import Node
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.module import ANY_CHANNELS, Module, recorded
from wavenetlite.nodes import Conv2d


@dataclass(frozen=True)
class Row:
    path: str
    kind: str
    channels: str
    parameters: int
    multiply_adds: float  # for one input frame
    receptive_field: float
    latency: int


def rows(model: Module) -> list[Row]:
    """One row for each layer that holds no other, in the order of the names; an unused one is left out."""
    _, trace = recorded(model, model.in_width or ANY_CHANNELS)
    used: dict[int, list[tuple[Node, Node]]] = {}  # a shared layer is used more than once
    for module, x, out in trace:
        used.setdefault(id(module), []).append((x, out))
    table = []
    for path, module in model.modules():
        if module.children() or id(module) not in used:
            continue
        uses = used[id(module)]
        x, out = uses.pop(0) if len(uses) > 1 else uses[0]
        own = module.parameter_count
        weights: float = math.prod(module.parameter_shapes()["weight"]) if isinstance(module, Conv1d | Linear) else 0
        weights = out.multiply_adds if isinstance(out, Conv2d) else weights
        table.append(
            Row(
                path=path.rstrip("."),
                kind=type(module).__name__,
                channels=f"{x.channels} -> {out.channels}",
                parameters=own,
                multiply_adds=weights / float(out.clock.rate),
                receptive_field=out.clock.receptive_field,
                latency=out.clock.latency,
            )
        )
    return table


def text(model: Module) -> str:
    table = rows(model)
    plan = model.plan(model.in_width or ANY_CHANNELS)
    head = ["layer", "type", "channels", "parameters", "MACs a frame", "receptive field", "latency"]
    body = [
        [row.path, row.kind, row.channels, f"{row.parameters:,}", f"{row.multiply_adds:,.10g}",
         f"{row.receptive_field:,}", f"{row.latency:,}"]
        for row in table
    ]  # fmt: skip
    widths = np.array([[len(cell) for cell in line] for line in [head, *body]]).max(axis=0)
    lines = [
        "  ".join(
            cell.ljust(width) if index < 3 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in [head, *body]
    ]
    return "\n".join(
        [
            f"{type(model).__name__}: {model.in_width or 'any'} -> {plan.out_channels} channels",
            "",
            lines[0],
            "-" * len(lines[0]),
            *(line.rstrip() for line in lines[1:]),
            "",
            f"parameters       {model.parameter_count:,}",
            f"MACs a frame     {sum(row.multiply_adds for row in table):,.10g}",
            f"receptive field  {model.receptive_field:,} frames",
            f"latency          {model.latency:,} frames",
            f"state            {plan.state_bytes:,} bytes a stream, and {plan.workspace_bytes:,} bytes to work in",
        ]
    )
