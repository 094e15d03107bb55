"""Train a detector of voice activity on folders of clean speech, and measure it on speech and noise that are kept back.

    python examples/voice_activity.py english french italian --train-noise sounds --out vad.safetensors
    python examples/voice_activity.py --model vad.safetensors --measure dutch --noise background_noise

The folders hold recordings of speech without noise, with pauses or without; where somebody speaks follows from their
level. They are mixed with noise at known levels: synthetic, and of recordings where you have some. Ctrl-C stops the
training; the same command resumes.
"""

import argparse
import sys
from pathlib import Path

import wavenetlite as wl
from wavenetlite.evaluation.activity import roc_areas
from wavenetlite.recipes import VoiceActivityRecipe, read_noise, read_talk, train_voice_activity
from wavenetlite.train.recorded_noises import recorded_noise


def train(options: argparse.Namespace) -> wl.AudioClassifier:
    talk, left_out = read_talk(options.talk, most=options.most, progress=sys.stderr.isatty())
    minutes = sum(len(one.audio) for one in talk) / 16000 / 60
    print(f"{len(talk)} recordings of {minutes:.0f} min; {left_out} left out as too noisy, short or silent")
    noise = [] if options.train_noise is None else read_noise([options.train_noise])
    vad = train_voice_activity(talk, VoiceActivityRecipe(), noise=noise, folder=options.out.with_suffix(""),
                               seed=options.seed, epochs=options.epochs, threads=options.threads,
                               progress=sys.stderr.isatty(), info={"data": options.data})  # fmt: skip
    vad.save(options.out)
    print(f"{options.out} written")
    return vad


def measure(vad: wl.AudioClassifier, options: argparse.Namespace) -> None:
    """Print the area under the ROC curve by the ratio of speech to noise."""
    talk, _ = read_talk([options.measure], vad.sr, most=options.most)
    noise = None if options.noise is None else recorded_noise(read_noise([options.noise], vad.sr))
    areas = roc_areas(vad, talk, noise_of=noise, scenes=options.scenes, doubtful=options.doubtful)
    for snr_db, area in areas.items():
        print(f"{options.measure.name}, {snr_db:4.0f} dB: area under ROC {area:.4f}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("talk", nargs="*", type=Path, help="folders of clean speech to train on")
    parser.add_argument("--out", type=Path, default=Path("voice-activity.safetensors"), metavar="FILE")
    parser.add_argument("--model", metavar="NAME|FILE", help="a trained detector to measure, instead of training one")
    parser.add_argument("--measure", type=Path, metavar="DIR", help="clean speech that was not trained on")
    parser.add_argument("--train-noise", type=Path, metavar="DIR", help="noise to train on, beside synthetic noise")
    parser.add_argument("--noise", type=Path, metavar="DIR", help="noise for --measure (default: synthetic)")
    parser.add_argument("--scenes", type=int, default=10, metavar="N", help="scenes of 20 s for each ratio")
    parser.add_argument(
        "--doubtful", action="store_true", help="with --measure: also count what may be speech or only its echo"
    )
    parser.add_argument("--most", type=int, metavar="N", help="recordings taken of a folder")
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the scenes (default: the recipe's)")
    parser.add_argument(
        "--threads", type=int, metavar="N", help="number of threads (default: one per CPU, at most two)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of scenes, weights and order")
    parser.add_argument("--data", default="", metavar="TEXT", help="a note on the data, saved with the model")
    options = parser.parse_args(arguments)
    try:
        if not options.talk and options.model is None:
            raise wl.ParameterError("nothing to do: give folders of speech to train on, or --model with --measure")
        vad = train(options) if options.model is None else wl.load(options.model)
        if options.measure is not None:
            measure(vad, options)
    except (wl.WavenetliteError, OSError) as error:
        print(f"voice_activity: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("voice_activity: stopped; the same command resumes", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
