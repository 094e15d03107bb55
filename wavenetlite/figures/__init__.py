"""Figures; they need matplotlib, the extra "figures", but for the report of a corpus, which is a page of HTML."""

from wavenetlite.figures.confusion import confusion_matrix
from wavenetlite.figures.contact_sheet import contact_sheet
from wavenetlite.figures.corpus_report import corpus_report
from wavenetlite.figures.det import det_curve
from wavenetlite.figures.receptive_field import plot_coverage, plot_tree
from wavenetlite.figures.style import FigureError
from wavenetlite.figures.timeline import detections
from wavenetlite.figures.training import training_curve

__all__ = [
    "FigureError",
    "confusion_matrix",
    "contact_sheet",
    "corpus_report",
    "det_curve",
    "detections",
    "plot_coverage",
    "plot_tree",
    "training_curve",
]
