"""An extraction in a process of its own, to be killed; arguments: source, folder of the set, file of the spec."""

import sys
from pathlib import Path

from wavenetlite.pipeline import chunks, extract, specs

if __name__ == "__main__":
    chunks.LEAST, chunks.MOST, chunks.ONE_IN = 4, 9, 2
    print("ready", flush=True)
    done = extract(sys.argv[1], sys.argv[2], features=specs.read(Path(sys.argv[3])))
    print(done.computed, done.copied, flush=True)
