"""Topological order of a network's nodes."""

from __future__ import annotations

from collections.abc import Iterator

from wavenetlite.graph.node import Edge, Node


def topological_order(output: Node) -> list[Node]:
    """The nodes that `output` depends on, each after its inputs; the network's inputs come first, x before c."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, Iterator[Edge]]] = [(output, iter(output.edges))]
    while stack:
        node, edges = stack[-1]
        unvisited = next((edge.node for edge in edges if edge.node not in seen), None)
        if unvisited is not None:
            stack.append((unvisited, iter(unvisited.edges)))
            continue
        stack.pop()
        if node not in seen:
            seen.add(node)
            order.append(node)
    return sorted(order, key=lambda node: (not node.signal, node.signal == "c"))
