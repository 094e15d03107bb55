"""Draws the figures of receptive fields: `python docs/draw_dilation.py` writes docs/images/dilation-*."""

from pathlib import Path

from wavenetlite.figures import plot_coverage, plot_tree

IMAGES = Path(__file__).parent / "images"

IMAGES.mkdir(exist_ok=True)
plot_tree([(2, rate) for rate in (1, 2, 4, 8)], IMAGES / "dilation-tree.svg", title="Kernel 2, dilations 1, 2, 4, 8")
plot_coverage([((3, 3), rate) for rate in (2, 2, 2)], IMAGES / "dilation-grid.svg", title="3 x 3, rates 2, 2, 2")
plot_coverage([((3, 3), rate) for rate in (1, 2, 5)], IMAGES / "dilation-hybrid.png", title="3 x 3, rates 1, 2, 5")
