"""Analysis of receptive fields: size, coverage, gridding, and the cost saved by dilation.

`analyse` takes any network of ``wl.nn`` or a list of (kernel_size, dilation, stride); `suggest_dilations` finds
dilations without holes; `wavenetlite.figures` draws. ``docs/concepts/receptive-field.md`` explains the words.
"""

from wavenetlite.receptive_field.analysis import Analysis, analyse
from wavenetlite.receptive_field.cost import Cost
from wavenetlite.receptive_field.coverage import Coverage
from wavenetlite.receptive_field.gridding import Gridding
from wavenetlite.receptive_field.hybrid import HybridRule, RuleGroup, hybrid_rule
from wavenetlite.receptive_field.layers import Layer
from wavenetlite.receptive_field.suggest import suggest_dilations

__all__ = [
    "Analysis", "Cost", "Coverage", "Gridding", "HybridRule", "Layer", "RuleGroup", "analyse", "hybrid_rule",
    "suggest_dilations",
]  # fmt: skip
