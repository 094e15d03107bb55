"""``python -m benchmarks``."""

import sys

from benchmarks.run import main

if __name__ == "__main__":  # workers import this file again, under another name
    sys.exit(main())
