"""Train a vocoder on spoken digits, a speaker left out: this made the bundled vocoder-8k.

    python examples/vocoder.py fsdd --out vocoder.safetensors
    python -m benchmarks.vocoder fsdd --model vocoder.safetensors

The folder holds the Free Spoken Digit Dataset. Only its training part is used, without the speaker of --leave-out;
every sixth recording of the validation part gives the loss after each epoch. Ctrl-C stops the training; the same
command resumes.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

import wavenetlite as wl
from wavenetlite.recipes import VocoderRecipe, recordings_of, train_vocoder
from wavenetlite.support.arrays import Floats

VALIDATED = 6
DATA = "Free Spoken Digit Dataset, training part"
ATTRIBUTION = "Free Spoken Digit Dataset, Z. Jackson and others"
LICENCE = "weights trained on data under CC BY-SA 4.0; see NOTICE"


def others(clips: wl.train.Clips, left_out: str) -> list[Floats]:
    """Recordings of all speakers but one."""
    return recordings_of(clips.select(np.array([speaker != left_out for speaker in clips.speakers])))


def train(options: argparse.Namespace) -> wl.Vocoder:
    corpus = wl.train.read_corpus(options.data, clip_s=None)
    given, valid = others(corpus.train, options.leave_out), others(corpus.valid, options.leave_out)[::VALIDATED]
    info = {
        "name": options.out.stem,
        "data": f"{DATA}, without the speaker {options.leave_out}",
        "attribution": ATTRIBUTION,
        "licence": LICENCE,
    }
    return train_vocoder(given, valid, VocoderRecipe(), sr=corpus.sr, folder=options.out.with_suffix(""),
                         seed=options.seed, epochs=options.epochs, threads=options.threads,
                         progress=True, info=info)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the Free Spoken Digit Dataset")
    parser.add_argument("--out", type=Path, default=Path("vocoder.safetensors"), metavar="FILE")
    parser.add_argument("--leave-out", default="theo", metavar="NAME", help="a speaker who is not trained on (theo)")
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the segments (default: the recipe's)")
    parser.add_argument(
        "--threads", type=int, metavar="N", help="number of threads (default: one per CPU, at most two)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of weights, segments and order")
    options = parser.parse_args(arguments)
    if not options.out.suffix:
        parser.error(
            f"--out {options.out} must have an ending, such as .safetensors: {options.out}/ is for checkpoints"
        )
    try:
        train(options).save(options.out)
        print(f"{options.out} written")
    except (wl.WavenetliteError, OSError) as error:
        print(f"vocoder: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("vocoder: stopped; the same command resumes", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
