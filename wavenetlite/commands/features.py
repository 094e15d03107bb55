"""wavenetlite features: recordings to a feature set for training."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Container, Sequence
from contextlib import nullcontext
from inspect import signature
from typing import Any

from wavenetlite import pipeline
from wavenetlite.commands.later import later
from wavenetlite.commands.options import (
    UsageError,
    above_zero,
    add_json,
    add_reading,
    column,
    describe,
    finite,
    positive,
    whole,
)
from wavenetlite.commands.output import INTERRUPTED, note, say, say_json
from wavenetlite.commands.places import check_file, check_folder
from wavenetlite.features import Features, Librosa
from wavenetlite.pipeline import ContextChunks, EnergyTrim, VoiceTrim, specs
from wavenetlite.pipeline.assembly import ERRORS
from wavenetlite.pipeline.context_chunks import EDGES
from wavenetlite.pipeline.engines import ENGINES
from wavenetlite.pipeline.entries import Listing
from wavenetlite.pipeline.parquet import packages
from wavenetlite.pipeline.rates import common_rate
from wavenetlite.pipeline.sources import listed
from wavenetlite.pipeline.summary import summary
from wavenetlite.support.cpus import cpus
from wavenetlite.support.optional import optional
from wavenetlite.support.progress import Bar
from wavenetlite.support.remote import Place, place
from wavenetlite.support.urls import is_url, shown

picture = later("wavenetlite.commands.pictures", "picture")
contact_sheet, corpus_report = (later("wavenetlite.figures", name) for name in ("contact_sheet", "corpus_report"))
augment = later("wavenetlite.commands.augmenting", "augment")
load_classifier = later("wavenetlite.formats.classifiers", "load_classifier")
KINDS = {"logmel": "LogMel", "mel": "MelSpectrogram", "spectrogram": "Spectrogram", "mfcc": "MFCC", "pcen": "PCEN",
         "microfrontend": "MicroFrontend", "mulaw": "MuLaw"}  # fmt: skip
LOWEST_PITCH_HZ, HIGHEST_PITCH_HZ = 65.0, 600.0
SHOWN_ERRORS = 10
AUGMENTATIONS = ("speed", "rooms", "noise", "gain")
"""In the order in which they change a recording."""

ABOUT = """\
Turn recordings into features for training, and write them to the folder OUT:

  shards/*.npy   frames of many recordings, for numpy.load(mmap_mode="r")
  index.jsonl    one line per item: key, shard, offset, frames, label, ...
  dataset.json   features, versions, counts, mean and variance
  errors.jsonl   recordings that cannot be used, and why

DATA is a folder (LABEL/*.wav, Speech Commands, the Free Spoken Digit Dataset,
or recordings at any depth), a manifest (.csv, .tsv, .jsonl or .json with a
column path, and label, speaker, split, start_s, end_s, channel if known), an
archive (.tar, .tar.gz, .zip; WebDataset's too), a table (.parquet, Hugging
Face's too), or a pattern such as 'data/**/*.flac' or 'shard-{000..017}.tar'.
DATA and OUT may be URLs, such as s3://BUCKET/FOLDER. OUT must be outside DATA.

Interrupted, it resumes when the same command is run again. A complete set is
updated where something has changed."""
EXAMPLES = """\
  wavenetlite features speech_commands features
  wavenetlite features recordings.tar.gz features --features mfcc --n-mfcc 20 --resample --sr 16000
  wavenetlite features corpus/manifest.jsonl features --column label=keyword --plot sheet.png
  wavenetlite features data features --features logmel,mfcc,pcen --parquet features.parquet
  wavenetlite features 's3://corpora/shard-{000..017}.tar' s3://features/one --engine ray
  wavenetlite features --inspect features"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.usage = "wavenetlite features DATA [DATA ...] OUT [options]\n       wavenetlite features --inspect OUT"
    parser.add_argument("paths", nargs="+", metavar="DATA ... OUT", help="recordings, and the folder to write to")
    parser.add_argument("--inspect", action="store_true", help="describe the feature set OUT, and check it")
    add_features(parser)
    group = parser.add_argument_group("recordings")
    group.add_argument("--layout", default="auto", metavar="NAME", help="of a folder: speech_commands, fsdd, parts, "
                       "folders, or tree (any depth, labelled by the folder of a recording)")  # fmt: skip
    group.add_argument("--column", action="append", default=[], type=column, metavar="NAME=COLUMN", help="a manifest "
                       "has NAME (path, key, label, speaker, split, start_s, end_s, duration_s, channel) in COLUMN, or "
                       "without COLUMN: nowhere")  # fmt: skip
    add_reading(group)
    group.add_argument("--max-s", type=above_zero, default=86_400.0, metavar="S", help="longest recording, seconds")
    group.add_argument("--leave-out", type=reasons, default=[], metavar="silent,duplicate",
                       help="leave these out; by default they are listed and kept")  # fmt: skip
    group.add_argument("--strict", action="store_true", help="stop at the first recording that cannot be used")
    group.add_argument("--seed", type=whole, default=0, metavar="N", help="of the random split, where DATA does not "
                       "define validation and test, and of copies")  # fmt: skip
    group.add_argument("--trim", metavar="energy|MODEL", help="cut silence off both ends: what is 40 dB softer "
                       "than the loudest, or in which a model such as voice-activity hears no speech")  # fmt: skip
    group.add_argument("--trim-margin-ms", type=finite, metavar="MS", help="what is kept on both sides (default: 50; "
                       "with a model 100)")  # fmt: skip
    group.add_argument("--speaker-statistics", action="store_true", help="also keep mean and variance of each speaker")
    group.add_argument("--copies", type=whole, default=0, metavar="N", help="also make N augmented copies of each")
    group.add_argument("--augment", type=augmentations, metavar="NAME[,NAME...]",
                       help=f"what changes copies: {', '.join(AUGMENTATIONS)} (default: all)")  # fmt: skip
    add_chunks(parser)
    group = parser.add_argument_group("work and results")
    group.add_argument("--jobs", type=positive, metavar="N", help="workers (default: one per CPU)")
    group.add_argument("--processes", action="store_true", help="use processes instead of threads")
    group.add_argument("--engine", choices=ENGINES, default="joblib", help="who runs the workers: dask and ray "
                       "take the cluster of DASK_SCHEDULER_ADDRESS or RAY_ADDRESS, or one on this machine")  # fmt: skip
    group.add_argument("--plot", type=picture, metavar="FILE.png", help="draw some items of every label")
    group.add_argument("--report", metavar="FILE.html", help="write a page about the corpus: durations, levels, "
                       "speakers, labels, leakage between splits, a contact sheet")  # fmt: skip
    group.add_argument("--npz", metavar="FILE.npz", help="also write everything to one file")
    group.add_argument("--parquet", metavar="FILE.parquet", help="also write one table, a row for each item")
    group.add_argument("--webdataset", metavar="FOLDER", help="also write shards of WebDataset")
    group.add_argument("--lhotse", metavar="FOLDER", help="also write manifests for Lhotse")
    add_json(group, "the content of dataset.json, and how much was computed")
    group.add_argument("--quiet", action="store_true", help="no progress and no summary; JSON with --json")
    parser.set_defaults(run=run, interrupted=INTERRUPTED)


def add_chunks(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("chunks, for sequence models")
    group.add_argument("--chunk-frames", type=positive, metavar="N", help="cut recordings into items of N frames")
    group.add_argument("--chunk-left", type=whole, metavar="N", help="frames of context before (default: 0)")
    group.add_argument("--chunk-right", type=whole, metavar="N", help="frames of context behind (default: 0)")
    group.add_argument(
        "--chunk-step", type=positive, metavar="N", help="from one to the next (default: --chunk-frames)"
    )
    group.add_argument("--chunk-edges", choices=EDGES, help="repeat the first and last frames of a recording (pad: the "
                       "default), or leave out what is not complete")  # fmt: skip


def add_features(parser: argparse.ArgumentParser) -> None:
    """The features; options that are not given have the class' defaults."""
    group = parser.add_argument_group("features")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--features", type=kinds, default="logmel", metavar="KIND[,KIND...]",
                       help=f"kind of features: {', '.join(MAKERS)}; several are arrays of these names")  # fmt: skip
    which.add_argument("--model", metavar="MODEL", help="features of a classifier: a bundled one's name, or its file")
    given: dict[str, Any] = {"default": argparse.SUPPRESS}
    group.add_argument("--sr", type=positive, metavar="HZ", help="sample rate (default: that of most recordings)")
    group.add_argument("--n-fft", type=positive, metavar="N", help="samples per frame (default: 512)", **given)
    group.add_argument(
        "--hop-length", type=positive, metavar="N", help="samples between two frames (default: 160)", **given
    )
    group.add_argument(
        "--win-length", type=positive, metavar="N", help="samples of the window (default: --n-fft)", **given
    )
    group.add_argument("--n-mels", type=positive, metavar="N", help="mel bands (default: 40)", **given)
    group.add_argument("--n-mfcc", type=positive, metavar="N", help="cepstral coefficients", **given)
    group.add_argument("--fmin", type=finite, metavar="HZ", help="lowest frequency (default: 0)", **given)
    group.add_argument("--fmax", type=finite, metavar="HZ", help="highest frequency (default: half of --sr)", **given)
    group.add_argument("--center", action="store_true", help="centre frames on their time, padding with zeros", **given)


OPTIONS = ("n_fft", "hop_length", "win_length", "n_mels", "n_mfcc", "fmin", "fmax", "center")


def energy(*, sr: int, n_fft: int = 512, hop_length: int = 160, center: bool = False) -> Features:
    """Root mean square of each frame."""
    return Librosa("rms", sr=sr, frame_length=n_fft, hop_length=hop_length, center=center)


def pitch(
    *,
    sr: int,
    hop_length: int = 160,
    fmin: float = LOWEST_PITCH_HZ,
    fmax: float = HIGHEST_PITCH_HZ,
    center: bool = False,
) -> Features:
    """Fundamental frequency of each frame, Hz; frames hold two periods of the lowest."""
    length = 1 << (2 * math.ceil(sr / fmin) + 2).bit_length()
    return Librosa("yin", sr=sr, fmin=fmin, fmax=fmax, frame_length=length, hop_length=hop_length, center=center)


MAKERS: dict[str, Callable[..., Features]] = {
    **{name: Features.registry[kind] for name, kind in KINDS.items()},
    "energy": energy,
    "pitch": pitch,
}
"""By the name of a kind; energy and pitch by librosa."""


def options_of(kind: str) -> Container[str]:
    return specs.defaults(KINDS[kind]) if kind in KINDS else signature(MAKERS[kind]).parameters


def kinds(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in MAKERS:
            raise argparse.ArgumentTypeError(f"{name!r} must be one of {', '.join(MAKERS)}")
        if names.count(name) > 1:
            raise argparse.ArgumentTypeError(f"{text!r} has {name} twice")
    return names


def augmentations(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in AUGMENTATIONS:
            raise argparse.ArgumentTypeError(f"{name!r} must be one of {', '.join(AUGMENTATIONS)}")
    return [name for name in AUGMENTATIONS if name in names]


def reasons(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if set(names) - {"silent", "duplicate"}:
        raise argparse.ArgumentTypeError(f"{text!r} must be silent, duplicate or both")
    return names


def run(args: argparse.Namespace) -> int:
    if args.inspect:
        return inspect(args)
    if len(args.paths) < 2:
        raise UsageError("DATA and OUT must both be given")
    *sources, out = args.paths
    if not is_url(out):
        check_folder(out, "OUT")
    check_exports(args, sources)
    if args.lhotse and len(args.features) > 1:
        raise UsageError("--lhotse takes one kind of --features; a cut of Lhotse has one array")
    listing = listed(sources[0] if len(sources) == 1 else sources, layout=args.layout, columns=dict(args.column),
                     seed=args.seed)  # fmt: skip
    spec = features(args, listing)
    with backend(args), FileBar(shown=not args.quiet and sys.stderr.isatty()) as progress:
        done = pipeline.extract(
            listing,
            out,
            features=spec,
            resample=args.resample,
            mono=args.mono,
            max_s=args.max_s,
            leave_out=args.leave_out,
            strict=args.strict,
            seed=args.seed,
            trim=trim(args),
            copies=args.copies,
            augment=augmentation(args, spec),
            speaker_statistics=args.speaker_statistics,
            chunks=chunks(args),
            n_jobs=args.jobs,
            engine=args.engine,
            progress=progress,
        )
    written = exported(args, place(out))
    if args.json:
        say_json(
            {**done.about, "out": shown(out), "computed": done.computed, "copied": done.copied,
             "seconds": round(done.seconds, 3), "files": written}
        )  # fmt: skip
    elif not args.quiet:
        report(done.about, place(out))
        for path in written:
            say(f"wrote {shown(path)}")
        say(f"{shown(out)} is complete: {done.computed:,} computed, {done.unchanged:,} unchanged; "
            f"{done.seconds:.1f} s")  # fmt: skip
    return 0


def features(args: argparse.Namespace, listing: Listing) -> Features | dict[str, Features]:
    """The spec wanted, or several by name."""
    options = {name: getattr(args, name) for name in OPTIONS if hasattr(args, name)}
    if args.model is not None:
        if options or args.sr:
            raise UsageError(f"--model has its own features; {', '.join(options) or 'sr'} cannot be given with it")
        of_model: Features = load_classifier(args.model).features
        return of_model
    known = {name: options_of(name) for name in args.features}
    wrong = [option for option in options if not any(option in of_kind for of_kind in known.values())]
    if wrong:
        raise UsageError(f"--{wrong[0].replace('_', '-')} is not an option of --features {','.join(args.features)}")
    options["sr"] = args.sr or common_rate(listing.entries)
    made = {
        name: MAKERS[name](**{option: value for option, value in options.items() if option in of_kind})
        for name, of_kind in known.items()
    }
    return made if len(made) > 1 else next(iter(made.values()))


def trim(args: argparse.Namespace) -> EnergyTrim | VoiceTrim | None:
    """What cuts silence off."""
    if args.trim is None:
        if args.trim_margin_ms is not None:
            raise UsageError("--trim-margin-ms belongs to --trim")
        return None
    if args.trim_margin_ms is not None and args.trim_margin_ms < 0:
        raise UsageError(f"--trim-margin-ms {args.trim_margin_ms:g} must be at least 0")
    margin = {} if args.trim_margin_ms is None else {"margin_ms": args.trim_margin_ms}
    return EnergyTrim(**margin) if args.trim == "energy" else VoiceTrim(load_classifier(args.trim), **margin)


def augmentation(args: argparse.Namespace, spec: Features | dict[str, Features]) -> Any:
    """What changes the copies."""
    if not args.copies:
        if args.augment is not None:
            raise UsageError("--augment belongs to --copies")
        return None
    sr = next(iter(spec.values())).sr if isinstance(spec, dict) else spec.sr
    return augment(args.augment or AUGMENTATIONS, sr)


def chunks(args: argparse.Namespace) -> ContextChunks | None:
    """How recordings are cut."""
    options = {name: getattr(args, f"chunk_{name}") for name in ("left", "right", "step", "edges")}
    given = {name: value for name, value in options.items() if value is not None}
    if args.chunk_frames is None:
        if given:
            raise UsageError(f"--chunk-{next(iter(given))} belongs to --chunk-frames")
        return None
    for option in ("lhotse", "report"):
        if getattr(args, option):
            raise UsageError(f"--{option} is of whole recordings; leave out --chunk-frames, or --{option}")
    return ContextChunks(args.chunk_frames, **given)


def backend(args: argparse.Namespace) -> Any:
    """The joblib configuration."""
    if args.processes and args.engine != "joblib":
        raise UsageError(f"--processes belongs to --engine joblib; --engine {args.engine} has its own")
    if not args.processes:
        return nullcontext()
    return optional("joblib", "pipeline", "--processes").parallel_config(backend="loky", n_jobs=args.jobs or cpus())


class FileBar:
    """A bar with files per second and remaining time; it starts with what is already done."""

    def __init__(self, *, shown: bool) -> None:
        self.shown, self.bar = shown, None  # type: tuple[bool, Any]

    def __enter__(self) -> FileBar:
        return self

    def __exit__(self, *error: object) -> None:
        if self.bar is not None:
            self.bar.__exit__()

    def __call__(self, done: int, total: int) -> None:
        if self.bar is None:
            self.bar = Bar(self.shown, "features", total=total, done=done, unit="file")
        self.bar.upto(done)


def exported(args: argparse.Namespace, out: Place) -> list[str]:
    """Write the other files requested; return their names."""
    files = [path for path in (args.plot, args.report, args.npz, args.parquet, args.webdataset, args.lhotse) if path]
    if not files:
        return []
    items = pipeline.open(out)
    if args.plot:
        contact_sheet(items, args.plot)
    if args.report:
        for line in corpus_report(items, args.report).warnings:
            note(line)
    if args.npz:
        pipeline.to_npz(items, args.npz)
    if args.parquet:
        pipeline.to_parquet(items, args.parquet)
    if args.webdataset:
        pipeline.to_webdataset(items, args.webdataset)
    if args.lhotse:
        pipeline.to_lhotse(items, args.lhotse)
    return list(map(shown, files))


def check_exports(args: argparse.Namespace, inputs: Sequence[str]) -> None:
    """Raise if one of the other files requested cannot be written."""
    if args.plot:
        check_file(args.plot, [name for name in inputs if not is_url(name)], "--plot")
    if args.parquet:
        packages()
    for path, option in ((args.report, "--report"), (args.npz, "--npz"), (args.parquet, "--parquet")):
        if path and not is_url(path):
            check_file(path, [name for name in inputs if not is_url(name)], option)
    for path, option in ((args.webdataset, "--webdataset"), (args.lhotse, "--lhotse")):
        if path and not is_url(path):
            check_folder(path, option)


def inspect(args: argparse.Namespace) -> int:
    """Describe a feature set, and check that it is unchanged."""
    if len(args.paths) != 1:
        raise UsageError("--inspect takes one folder, OUT")
    out = place(args.paths[0])
    check_exports(args, args.paths)
    items = pipeline.open(out)
    changed = items.verify()
    written = exported(args, out)
    if args.json:
        say_json({**items.about, "out": str(out), "changed": changed, "files": written})
    else:
        report(items.about, out)
        mean, variance = items.about["statistics"]["mean"], items.about["statistics"]["variance"]
        deviations = f"{min(variance) ** 0.5:.2f} to {max(variance) ** 0.5:.2f}"
        say(f"{'mean':10} {min(mean):.2f} to {max(mean):.2f}, deviation {deviations}, by channel")
        say(f"{'versions':10} {', '.join(f'{name} {version}' for name, version in items.about['versions'].items())}")
    for key in changed[:SHOWN_ERRORS]:
        note(f"{key}: its features have changed")
    if changed:
        note(f"{out}: damaged: {len(changed):,} items have changed; remove it, and extract again")
    elif not args.json:
        say(f"{'check':10} all {len(items):,} items are unchanged")
    return 1 if changed else 0


def report(about: dict[str, Any], out: Place) -> None:
    """The summary, and where the errors are."""
    say(summary(about))
    total = sum(about["errors"].values())
    if total:
        say(f"{'':10} see {out / ERRORS}")
