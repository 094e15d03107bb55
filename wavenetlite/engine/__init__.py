"""A network as a graph (graph.py), lowered to steps over buffers (lower.py), run by compiled code (plan.pyx)."""
