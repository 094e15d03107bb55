"""Read recordings into corpora of labelled clips of equal length."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from wavenetlite.corpora.clip_reader import ClipReader, Options
from wavenetlite.corpora.clips import PARTS, Clips, Corpus
from wavenetlite.corpora.layouts import SILENCE, Division, Item, Listing, readable
from wavenetlite.corpora.words import checked_words, chosen_words, cut_silence, per_word, text
from wavenetlite.pipeline.sources import LAYOUTS, Source
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, flag, number, one_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.progress import Progress
from wavenetlite.train import recordings

MOST_NAMED = 10
"""Labels that are named in a message."""


def read_corpus(
    source: Source,
    *,
    sr: int | None = None,
    clip_s: float | None = 1.0,
    layout: str = "auto",
    columns: Mapping[str, str] | None = None,
    words: str | Sequence[str] | None = None,
    hold_out_speaker: str | None = None,
    resample: bool = False,
    mono: Literal["mean"] | int | None = None,
    valid_part: float = 0.1,
    test_part: float = 0.1,
    seed: int = 0,
    lazy: bool = False,
    for_training: bool = True,
    progress: Progress | None = None,
) -> Corpus:
    """Read labelled recordings.

    Parameters
    ----------
    source
        What :func:`wavenetlite.pipeline.extract` takes: a folder in one of the layouts below, or with recordings at any
        depth; a manifest with the columns path and label; an archive; a glob; or a list of these.
    sr
        Sample rate, Hz; None: that of most files.
    clip_s
        Length of a clip, seconds; None: that of the longest recording. Shorter recordings are centred in zeros; longer
        ones are cut to the `clip_s` with the most energy.
    layout
        "auto" recognises it; `Corpus.layout` is the result.

        "speech_commands": LABEL/ folders and ``validation_list.txt``, ``testing_list.txt`` beside them, one
        LABEL/FILE per line; files in neither are for training. Google's download, and extracts of it.

        "fsdd": ``recordings/DIGIT_SPEAKER_INDEX.wav``; indices 0 to 4 are the test (the Free Spoken Digit Dataset).

        "parts": train/LABEL/, valid/LABEL/ and test/LABEL/ folders, or some of them.

        "folders": LABEL/ folders alone, split at random.

        "tree": recordings at any depth, labelled by their folder and split at random; "auto" takes it for a folder that
        is none of the others.
    columns
        Names of a manifest's columns where they are not "path", "label", "speaker", "split", "start_s" and "end_s".
    words
        None or "all": every LABEL/ folder is a label. A list of labels: those, in that order. "_unknown_" takes clips
        of all other words, as many as a word has on average, and "_silence_" as many pieces of the recordings in
        ``_background_noise_``, with separate sections for training, validation and test; existing folders of these
        names are used instead. "12": the twelve classes of the Speech Commands task, sorted.
    hold_out_speaker
        Test on all clips of this speaker and no others, where the source does not define the test, or "fsdd" does.
    resample
        Whether to convert files of another sample rate; False: they are problems, and an error if most files are.
    mono
        Which channel of several to use: "mean", or its number; None: they are problems.
    valid_part, test_part
        Share of clips for validation and test, 0 to 0.5, where the source does not define them: by columns, folders or
        lists. Whole speakers are drawn if at least 3 are known, by a column or by names (SPEAKER_nohash_N or
        LABEL_SPEAKER_N): no speaker is in two parts. Else it is the same share of each label, and in "fsdd" of each
        speaker.
    seed
        Of the random split, which depends on it and on the names alone.
    lazy
        Whether to read every clip again each time it is used, for a corpus that does not fit into memory: with the same
        bits, and an error if a file has changed. All files are still read once, to find those that cannot be used.
    for_training
        Whether every label needs clips to train on; False, for evaluation: a label without clips is a problem.
    progress
        Called with (files read, files in total).

    Returns
    -------
    Corpus
        With clips in the order of labels and names; pieces of noise come first.

    Raises
    ------
    ParameterError
        There is no such source; a file is in both lists; one of `words` has no clip to train on; fewer than two labels
        have one; most files have another sample rate. All other problems are lines in `Corpus.problems`: files that are
        not audio, damaged, empty, not finite, with several channels; missing or listed twice; folders without audio.

    Notes
    -----
    Warden, "Speech Commands", 2018 (the layout and the twelve classes). Lists are matched without file endings, so that
    they fit a corpus that was converted to FLAC. Hidden folders, and what systems leave beside files (``._a.wav``,
    ``.DS_Store``, ``__MACOSX``), are passed over; other hidden files are problems in folders of labels.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from pathlib import Path
    >>> from wavenetlite import audio
    >>> from wavenetlite.train import read_corpus
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for label in ("no", "yes"):
    ...         Path(folder, label).mkdir()
    ...         for i in range(10):
    ...             audio.write(Path(folder, label, f"{i}.flac"), np.zeros(12000, np.float32), 16000)
    ...     corpus = read_corpus(folder)
    >>> corpus
    Corpus(folders, 2 labels, 16 + 2 + 2 clips, 16000 Hz, 0 problems)
    >>> corpus.train.audio.shape, int(corpus.train.starts[0])
    ((16, 16000), 2000)
    """
    options = Options(sr, clip_s, resample, mono, lazy)
    if not callable(progress) and progress is not None:
        raise ArrayTypeError(f"progress is a {type(progress).__name__}; it must be a function or None")
    one_of("layout", layout, LAYOUTS)
    division = Division(
        part_size("valid_part", valid_part),
        part_size("test_part", test_part),
        count("seed", seed),
        None if hold_out_speaker is None else text("hold_out_speaker", hold_out_speaker),
    )
    wanted, needed = checked_words(words), flag("for_training", for_training)
    listing = recordings.find(source, layout, columns or {}, division)
    if not listing.items:
        seen = f" ({listing.problems[0]})" if listing.problems else ""
        raise ParameterError(
            f"{recordings.named(source)}: no audio files with labels (LABEL/*.wav, or a manifest with labels){seen}"
        )
    items = chosen_words(listing.items, wanted, division.seed)
    if wanted is not None and not needed:
        report_others(listing, wanted, items)
    reader = ClipReader(options, items + listing.noises, listing.problems, progress)
    noises = reader.noises(listing.noises)
    cut = wanted is not None and SILENCE in wanted and not any(item.label == SILENCE for item in items)
    parts = {}
    for part in PARTS:
        here = [item for item in items if item.part == part]
        pieces = per_word(here, wanted) if wanted and cut else 0
        silence = cut_silence(noises, part, pieces, reader.samples, division.seed)
        parts[part] = reader.clips(here, silence)
    reader.check_rates()
    return assembled(parts, wanted, noises, listing, reader, source, needed)


def part_size(name: str, value: Any) -> float:
    if number(name, value, least=0.0) > 0.5:
        raise ParameterError(f"{name}={value} must be at most 0.5")
    return float(value)


def report_others(listing: Listing[list[Item]], wanted: Sequence[str], chosen: Sequence[Item]) -> None:
    """Report the recordings of labels that are not wanted, and of which none was chosen as an unknown word."""
    names = {item.name for item in chosen}
    used = {*wanted, *(item.label for item in listing.items if item.name in names)}
    others = Counter(item.label for item in listing.items if item.label not in used)
    if others:
        listing.problems.append(f"{sum(others.values()):,} recordings of other labels are left out: {some(others)}")


def some(labels: Iterable[str]) -> str:
    """The first of some labels."""
    names = sorted(map(readable, labels))
    return ", ".join(names[:MOST_NAMED]) + (f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else "")


def assembled(
    parts: dict[str, Clips],
    wanted: list[str] | None,
    noises: dict[str, Floats],
    listing: Listing[list[Item]],
    reader: ClipReader,
    source: Source,
    for_training: bool,
) -> Corpus:
    """The corpus of the labels with training clips; other labels are skipped, or an error if they were requested."""
    problems, name = listing.problems, recordings.named(source)
    label_of = reader.label_of
    of_part = {part: [label_of.get(name, SILENCE) for name in clips.names] for part, clips in parts.items()}
    present = {label for names in of_part.values() for label in names}
    learnt = (set(of_part["train"]) or present) if for_training else present  # or there is nothing to train on
    labels = wanted if wanted is not None else sorted(learnt)
    without = [label for label in labels if label not in learnt]
    if without and for_training:
        raise ParameterError(f"{name}: no clip to train on for {readable(without[0])!r}, one of words")
    least = 2 if for_training else 1
    if len(labels) - len(without) < least:
        what = "clips to train on" if for_training else "clips"
        reason = f": {problems[0]}" if problems else ""
        raise ParameterError(
            f"{name}: {len(labels) - len(without)} labels have {what}; there must be at least {least}{reason}"
        )
    if without:
        problems.append(f"no clips of {some(without)}")
    number_of = {label: i for i, label in enumerate(labels)}
    for label in sorted(present - number_of.keys()):
        problems.append(f"{readable(label)}: has no clip to train on; skipped")
    for part, clips in parts.items():
        kept = [i for i, label in enumerate(of_part[part]) if label in number_of]
        if len(kept) < len(clips):
            clips = clips.select(kept)
        clips.y[:] = [number_of[of_part[part][i]] for i in kept]
        parts[part] = clips
        absent = [label for i, label in enumerate(labels) if len(clips) and not (clips.y == i).any()]
        problems += [f"{readable(label)}: has no clip in the {part} part" for label in absent if label not in without]
    folder = Path(source if isinstance(source, str | os.PathLike) else source[0])
    return Corpus(labels, **parts, sr=reader.sr, layout=listing.layout, problems=problems, folder=folder,
                  noises=list(noises.values()))  # fmt: skip
