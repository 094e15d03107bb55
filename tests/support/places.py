"""Where things lie: the folder of the tests, what is run from it in other processes, and what may lie beside it."""

from pathlib import Path

SUPPORT = Path(__file__).resolve().parent
ROOT = SUPPORT.parents[1]
EXAMPLES = ROOT / "examples"
