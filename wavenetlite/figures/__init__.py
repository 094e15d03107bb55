"""Everything that draws; needs matplotlib, the extra "figures"."""

from wavenetlite.figures.receptive_field import plot_coverage, plot_tree

__all__ = ["plot_coverage", "plot_tree"]
