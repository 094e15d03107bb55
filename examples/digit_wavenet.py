"""Train a WaveNet on spoken digits and let it speak: each digit by its name, or anything.

    python examples/digit_wavenet.py fsdd --out digits.safetensors
    python examples/digit_wavenet.py fsdd --unconditional --out babble.safetensors

The folder holds the Free Spoken Digit Dataset. The network draws mu-law samples one by one. Every 10 ms it is told,
through an embedding, which digit it says, and which of twelve parts of it: it hears no more than its last tenth of a
second, so it could not know where in a word it is. Ten clips are written beside the network, digit-0.wav and so on,
and printed are the likelihood of the validation part, in bits a sample, and how many of --clips generated clips of each
digit the bundled spoken-digits classifier hears as what they are to be. Ctrl-C stops the training; the same command
resumes.
"""

import argparse
import math
import sys
from pathlib import Path

import numpy as np

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.recipes import recordings_of
from wavenetlite.support.arrays import Floats

CLASSES, SAMPLES, BATCH, SEGMENTS, VALIDATED = 256, 2400, 8, 160, 32
HOP, PARTS = 80, 12
LR, EMA, EPOCHS = 4e-3, 0.99, 75
CLIP_S, TEMPERATURE = 0.5, 0.8
DIGITS = [str(digit) for digit in range(10)]
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def network(*, conditional: bool, seed: int) -> wl.WaveNet:
    """A tenth of a second of the past; the digit and the part of it."""
    parts = wl.Sequential(wl.nn.Embedding(len(DIGITS) * PARTS, 32), wl.nn.Upsample(HOP))
    conditioning = {"condition_channels": 1, "condition": parts} if conditional else {}
    return wl.WaveNet(1, CLASSES, residual_channels=24, skip_channels=32, dilations=[2**i for i in range(10)],
                      seed=seed, **conditioning)  # fmt: skip


def parts_of(digit: int, frames: int) -> Floats:
    """(frames, 1): the class of the digit's part in each frame, from the first part to the last."""
    return (digit * PARTS + np.arange(frames) * PARTS // frames).astype(np.float32)[:, None]


def of_speaker(clips: wl.train.Clips, name: str | None) -> wl.train.Clips:
    chosen = [i for i, speaker in enumerate(clips.speakers) if name in (None, speaker)]
    if not chosen:
        raise wl.ParameterError(f"speaker={name!r} has no clips; there are {', '.join(sorted(set(clips.speakers)))}")
    return clips.select(chosen)


def segments(clips: wl.train.Clips, model: wl.WaveNet, labels: list[str], count: int) -> wl.train.Waveforms:
    recordings = recordings_of(clips)
    parts = [
        parts_of(DIGITS.index(labels[y]), -(-len(recording) // HOP))
        for y, recording in zip(clips.y, recordings, strict=True)
    ] if model.condition_channels else None  # fmt: skip
    context = -(-int(model.receptive_field) // HOP) * HOP
    return wl.train.Waveforms(
        recordings, parts, samples=SAMPLES, context=context, hop_length=HOP, classes=CLASSES, segments=count
    )  # fmt: skip


def train(options: argparse.Namespace) -> tuple[wl.WaveNet, int, float]:
    """The network, its sample rate, and nats a sample of the validation part."""
    corpus = wl.train.read_corpus(options.data, clip_s=None)
    if not options.unconditional and (others := set(corpus.labels) - set(DIGITS)):
        raise wl.ParameterError(f"{options.data} has the label {min(others)}; they must be the digits 0 to 9, or pass "
                                "--unconditional")  # fmt: skip
    model = network(conditional=not options.unconditional, seed=options.seed)
    parts = [segments(of_speaker(clips, options.speaker), model, corpus.labels, n)
             for clips, n in ((corpus.train, SEGMENTS), (corpus.valid, VALIDATED))]  # fmt: skip
    history = wl.train.fit(
        model, *parts, loss=wl.train.CrossEntropy(at="frames"), epochs=options.epochs, batch_size=BATCH, lr=LR, ema=EMA,
        threads=options.threads, folder=options.out.with_suffix(""), seed=options.seed, progress="digits",
    )  # fmt: skip
    return model, corpus.sr, history.rows[-1]["valid_loss"]


def spoken(model: wl.WaveNet, sr: int, digit: int, voices: int) -> Floats:
    """Clips (voices, samples), each with a seed of its own."""
    pool = model.generator_pool(voices)
    ids = [pool.open(seed=1000 * digit + voice, temperature=TEMPERATURE) for voice in range(voices)]
    frames = round(CLIP_S * sr) // HOP
    parts = parts_of(digit, frames) if model.condition_channels else None
    classes = pool.process(dict.fromkeys(ids, parts), samples=None if model.condition_channels else frames * HOP)
    return wl.MuLaw(mu=CLASSES - 1).decode(np.stack([classes[one] for one in ids]))


def heard_as(clips: Floats, sr: int) -> list[str]:
    clf = wl.load("spoken-digits")
    return [clf.predict(y, sr=sr).label for y in clips]


def run(options: argparse.Namespace) -> None:
    model, sr, nats = train(options)
    model.save(options.out)
    print(f"{options.out} written; {nats / math.log(2):.3f} bits a sample of the validation part")
    clips = {digit: spoken(model, sr, int(digit), options.clips) for digit in DIGITS}
    for digit, made in clips.items():
        audio.write(options.out.with_name(f"digit-{digit}.wav"), made[0], sr, subtype="PCM_16")
    if not options.unconditional:
        right = sum(
            label in (digit, name)
            for (digit, made), name in zip(clips.items(), NAMES, strict=True)
            for label in heard_as(made, sr)
        )
        print(f"{right} of {len(DIGITS) * options.clips} generated clips are heard as their digit")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the Free Spoken Digit Dataset")
    parser.add_argument("--out", type=Path, default=Path("digits.safetensors"), metavar="FILE")
    parser.add_argument("--speaker", metavar="NAME", help="learn from this speaker only (default: all)")
    parser.add_argument("--unconditional", action="store_true", help="do not tell the network which digit it is")
    parser.add_argument("--epochs", type=int, default=EPOCHS, metavar="N", help=f"of {SEGMENTS} segments ({EPOCHS})")
    parser.add_argument("--clips", type=int, default=16, metavar="N", help="generated of each digit, to be heard (16)")
    parser.add_argument(
        "--threads", type=int, metavar="N", help="number of threads (default: one per CPU, at most two)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of weights, segments and order")
    options = parser.parse_args(arguments)
    if not options.out.suffix:
        parser.error(
            f"--out {options.out} must have an ending, such as .safetensors: {options.out}/ is for checkpoints"
        )
    if options.clips < 1:
        parser.error(f"--clips {options.clips} must be at least 1")
    try:
        run(options)
    except (wl.WavenetliteError, OSError) as error:
        print(f"digit_wavenet: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("digit_wavenet: stopped; the same command resumes", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
