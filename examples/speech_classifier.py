"""Spoken commands: train a classifier, test it on unknown voices, run it on a recording, draw the result.

    python examples/speech_classifier.py [--words yes,no] [--epochs N] [--data DIR] [--out DIR]

Without arguments it learns the words in examples/data (synthetic voices; no download) in about a minute on two cores
and writes the classifier and figures to ./speech_classifier_output. Ctrl-C stops it; --resume resumes.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

import wavenetlite as wl
from wavenetlite.evaluation.report import confusion, confusion_text, match_events

DATA = Path(__file__).parent / "data"
SR = 16000
CHECKPOINT = "network/checkpoint.npz"
BACKGROUND = ["_silence_", "_unknown_"]
RECIPE = wl.recipes.Recipe(
    "example",
    features={"n_fft": 512, "hop_length": 160, "n_mels": 40, "amin": 1e-8},
    network={"stem": [[12, [5, 5], [2, 2]], [16, [3, 3], [2, 1]]], "channels": 48},
    epochs=40,
    batch_size=32,
    ema=0.98,
    label_smoothing=0.05,
    waveforms=[
        {"type": "TimeShift", "most_ms": 100.0, "sr": SR, "fill": "zero"},
        {"type": "BackgroundNoise", "kinds": ["recording", "white", "pink", "brown"], "snr_db": [10.0, 50.0]},
        {"type": "Gain", "low_db": -10.0, "high_db": 6.0},
    ],
    mixup=(0.0, 0.0),
)
"""A small network, trained for a short time; ``wl.recipes.train_classifier(corpus)`` alone takes the time it needs."""


def load_corpus(folder: Path, words: list[str]) -> wl.train.Corpus:
    """The clips of a folder: all its labels, or some words, silence and unknown words."""
    corpus = wl.train.read_corpus(folder, sr=SR, words=[*words, *BACKGROUND] if words else None)
    parts = f"{len(corpus.train)} training, {len(corpus.valid)} validation and {len(corpus.test)} test clips"
    print(f"{folder}: {len(corpus.labels)} labels; {parts}")
    for problem in [problem for problem in corpus.problems if not problem.startswith("recording.flac")][:5]:
        print(f"  note: {problem}")
    return corpus


def evaluate(clf: wl.AudioClassifier, clips: wl.train.Clips) -> np.ndarray:
    """Print and return the confusion matrix of test clips, (labels, labels)."""
    if not len(clips):
        raise wl.ParameterError("data has no clips to test with; more files are needed")
    found = clf.predict(list(clips.audio), sr=clf.sr, threads=2)
    matrix = confusion(clips.y, [clf.labels.index(prediction.label) for prediction in found], len(clf.labels))
    voices = len(set(clips.speakers) - {""})
    said_by = f" of {voices} voices and rooms it never heard" if voices else ""
    print(f"\nTest: {matrix.trace()} of {len(clips)} clips{said_by} are right, {matrix.trace() / len(clips):.1%}.\n")
    print(confusion_text(matrix, clf.labels))
    return matrix


def read_truth(path: Path, labels: list[str]) -> list[dict[str, Any]] | None:
    """The words of a recording and their times, if there is a file; words that are not labels are "_unknown_"."""
    if not path.is_file():
        return None
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
        return [{**word, "label": word["label"] if word["label"] in labels else "_unknown_"} for word in words]
    except (ValueError, KeyError, TypeError) as error:
        raise wl.ParameterError(f"{path}: must be a list of label, start_s, end_s: {error!r}") from None


def listen(clf: wl.AudioClassifier, path: Path, truth: list[dict[str, Any]] | None) -> dict[str, Any]:
    """Feed a recording in blocks of 10 ms, as from a microphone, and print detections as they come."""
    print(f"\nListening to {path}, 10 ms at a time\n\n  heard at   word        score" + ("   said" if truth else ""))
    stream, events, probabilities, times, heard = clf.stream(sr=clf.sr), [], [], [], []
    began = time.perf_counter()
    for block in [*wl.audio.blocks(path, clf.sr // 100, sr=clf.sr, resample=True, mono="mean"), None]:
        found = stream.flush() if block is None else stream.process(block)
        probabilities.append(stream.probabilities.copy())
        times.append(stream.frame_times_s.copy())
        if block is not None:
            heard.append(block)
        for event in found:
            said = said_then(event.time_s, truth)
            print(f"  {event.time_s:6.2f} s   {event.label:10}  {event.score:5.2f}   {said}", flush=True)
        events += found
    took, audio = time.perf_counter() - began, np.concatenate(heard)
    for word in [] if truth is None else [truth[n] for n in match_events(truth, events, background=BACKGROUND).missed]:
        print(f"  missed     {word['label']:10}          {word['start_s']:.2f} to {word['end_s']:.2f} s")
    seconds = len(audio) / clf.sr
    print(f"\n{seconds:.1f} s of audio in {took:.2f} s: {seconds / took:.0f} x real time.")
    if truth is not None:
        print(f"{match_events(truth, events, background=BACKGROUND)}.")
    return {
        "audio": audio,
        "sr": clf.sr,
        "log_mel": wl.LogMel(sr=clf.sr, n_fft=512, hop_length=160, n_mels=40)(audio),  # decibels
        "frame_times_s": np.concatenate(times),
        "probabilities": np.concatenate(probabilities),
        "labels": clf.labels,
        "events": events,
        "truth": truth,
    }


def said_then(time_s: float, truth: list[dict[str, Any]] | None) -> str:
    """The latest word at a time, and its times."""
    words = [word for word in truth or [] if word["start_s"] <= time_s <= word["end_s"] + 0.5]
    if truth is None:
        return ""
    if not words:
        return "nothing"
    return f"{words[-1].get('word', words[-1]['label'])}, {words[-1]['start_s']:.2f} to {words[-1]['end_s']:.2f} s"


def draw(out: Path, training: Path, clf: wl.AudioClassifier, matrix: np.ndarray, heard: dict[str, Any] | None) -> None:
    """Draw the figures; without matplotlib, print how to get them."""
    history = [json.loads(line) for line in (training / "network" / "history.jsonl").read_text().splitlines()]
    try:
        wl.figures.training_curve(history, out / "training.png")
        wl.figures.confusion_matrix(matrix, clf.labels, out / "confusion.png")
        if heard is not None:
            wl.figures.detections(out / "detections.png", **heard)
    except wl.figures.FigureError as error:
        print(f"no figures: {error}")


def run(options: argparse.Namespace) -> None:
    training = options.out / "training"
    corpus = load_corpus(options.data, options.words)
    if not options.resume:
        (training / CHECKPOINT).unlink(missing_ok=True)
    print("\nTraining")
    clf = wl.recipes.train_classifier(
        corpus, RECIPE, folder=training, epochs=options.epochs, seed=options.seed, resume=options.resume, progress=True
    )
    matrix = evaluate(clf, corpus.test if len(corpus.test) else corpus.valid)
    path = options.out / "commands.safetensors"
    clf.save(path)
    clf = wl.load(path)  # as any other program would
    recording = options.recording or options.data / "recording.flac"
    heard = None
    if options.recording or recording.is_file():
        heard = listen(clf, recording, read_truth(recording.with_suffix(".json"), clf.labels))
    draw(options.out, training, clf, matrix, heard)
    written = sorted(file.name for file in options.out.iterdir() if file.suffix in (".png", ".safetensors"))
    print(f"\n{options.out}: {', '.join(written)}")


def parser() -> argparse.ArgumentParser:
    it = argparse.ArgumentParser(description="Train a classifier of spoken words, test it, and let it listen.")
    it.add_argument("--data", type=Path, default=DATA, help="WORD/*.flac folders (the bundled corpus)")
    it.add_argument("--words", type=lambda text: text.split(","), default=[], help="such as yes,no (all of the corpus)")
    it.add_argument(
        "--recording", type=Path, help="recording to run on, with a .json of its words beside it (DATA/recording.flac)"
    )
    it.add_argument(
        "--out", type=Path, default=Path("speech_classifier_output"), help="folder of the results (%(default)s)"
    )
    it.add_argument("--epochs", type=int, default=RECIPE.epochs, help="passes over the clips (%(default)s)")
    it.add_argument("--seed", type=int, default=0, help="random seed (%(default)s)")
    it.add_argument("--resume", action="store_true", help="resume an interrupted training")
    return it


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    began = time.perf_counter()
    try:
        run(options)
    except (wl.WavenetliteError, OSError) as error:
        print(f"speech_classifier: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            f"\nStopped. The checkpoint is in {options.out}; the same command with --resume resumes.", file=sys.stderr
        )
        return 130
    print(f"Done in {time.perf_counter() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
