"""Layouts of corpora on disk: label, speaker and part of every file. No audio is read here."""

from __future__ import annotations

import os
import re
import unicodedata
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

from wavenetlite.corpora.items import Item as Item
from wavenetlite.corpora.items import PackedItems, label_of, speaker_of, speakers_of
from wavenetlite.corpora.trees import FILE, NOTHING, DiskTree, Node, Tree, UnreadableFolderError, join
from wavenetlite.corpora.trees import readable as readable
from wavenetlite.support.errors import ParameterError

ENDINGS = frozenset({
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".mp2", ".mp1", ".mpga", ".aif",
    ".aiff", ".aifc", ".caf", ".au", ".snd", ".sph", ".nist", ".avr", ".htk", ".ircam", ".sf", ".mat4", ".mat5", ".paf",
    ".pvf", ".sds", ".svx", ".8svx", ".iff", ".voc", ".wve", ".xi"})  # fmt: skip
"""Of the containers that libsndfile reads."""
OTHER_ENDINGS = frozenset({
    ".m4a", ".m4b", ".mp4", ".aac", ".ac3", ".eac3", ".dts", ".wma", ".asf", ".amr", ".awb", ".3gp", ".3g2", ".webm",
    ".weba", ".mka", ".mkv", ".mov", ".avi", ".ape", ".wv", ".tta", ".tak", ".shn", ".dsf", ".dff", ".mpc", ".spx",
    ".ra", ".rm", ".gsm", ".raw", ".pcm", ".vox", ".sd2", ".wv1", ".wv2"})  # fmt: skip
"""Of other recordings: they are listed too, so that each that cannot be read is reported with its true reason."""
NOISE_FOLDER = "_background_noise_"
SILENCE, UNKNOWN = "_silence_", "_unknown_"
TWELVE = (SILENCE, UNKNOWN, "down", "go", "left", "no", "off", "on", "right", "stop", "up", "yes")
"""The twelve classes of Warden, "Speech Commands: A Dataset for Limited-Vocabulary Speech Recognition", 2018."""
LISTS = {"valid": "validation_list.txt", "test": "testing_list.txt"}
PARTS = {"train": "train", "training": "train", "valid": "valid", "validation": "valid", "val": "valid",
         "dev": "valid", "test": "test", "testing": "test"}  # fmt: skip
DRAWN = ("train", "valid", "test")
AT_ONCE = 1 << 10
"""Files of a folder that are added together."""
FEW_SPEAKERS = 3
"""With fewer speakers than this, there is none for each part: then labels are split, not speakers."""
NOHASH = re.compile(r"(?:^|_)([^_]+)_nohash_\d+$")
RECORDING = re.compile(r"([^_]+)_(.+)_(\d+)$")


Parted = TypeVar("Parted", PackedItems, list[Item])
"""Items that are divided into parts."""


@dataclass
class Listing(Generic[Parted]):
    """The files of a folder."""

    layout: str
    items: Parted
    noises: list[Item] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


DEFINE_TEST = ("speech_commands", "fsdd", "parts")
"""Layouts that say themselves which clips are for testing; of the others the test is drawn."""


@dataclass(frozen=True)
class Division:
    """How clips are split where the folder does not define it: shares, seed, speaker to test on."""

    valid_part: float
    test_part: float
    seed: int
    hold_out_speaker: str | None = None

    @property
    def draws(self) -> bool:
        """Whether any part is drawn."""
        return self.valid_part > 0 or self.test_part > 0 or self.hold_out_speaker is not None


# Folders


def composed(text: str) -> str:
    """In Unicode normal form C: file systems and lists differ in how they encode accents."""
    return unicodedata.normalize("NFC", text)


def stem(name: str) -> str:
    """A name without its ending."""
    return os.path.splitext(name)[0]  # noqa: PTH122  (Path is 10 times slower, for every file)


def is_audio(name: str) -> bool:
    return not name.startswith(".") and has_audio_ending(name)


def audio_below(folder: Path) -> list[Path]:
    """The audio files in a folder and below it, sorted."""
    return sorted(path for path in folder.rglob("*") if is_audio(path.name) and path.is_file())


def has_audio_ending(name: str) -> bool:
    before, dot, ending = name.rpartition(".")
    if not before.strip("."):
        return False
    ending = dot + ending.lower()
    return ending in ENDINGS or ending in OTHER_ENDINGS


def subfolders(tree: Tree, folder: str = "") -> list[str]:
    """The names of the folders in a folder; none if it cannot be read, which is reported where its files are wanted."""
    try:
        return [node.name for node in tree.nodes(folder) if node.is_folder]
    except UnreadableFolderError:
        if not folder:
            raise
        return []


def audio_files(tree: Tree, folder: str, problems: list[str], *, strict: bool = True) -> Iterator[str]:
    """The paths of the audio files of a folder; with `strict`, other files are problems."""
    try:
        nodes = tree.nodes(folder)
    except UnreadableFolderError as error:
        problems.append(f"{readable(folder)}/: cannot be read: {error.reason}; skipped")
        return
    above = f"{folder}/" if folder else ""
    for node in nodes:
        name = node.name
        if node.kind == FILE and is_audio(name):
            yield above + name
        elif strict:
            problems.append(f"{readable(above + name)}: {what_is_wrong(node)}; skipped")


def what_is_wrong(node: Node) -> str:
    if node.is_folder:
        return "a folder inside the folder of a label"
    if not node.is_file:
        return node.kind
    return "a hidden file" if node.name.startswith(".") else "not audio by its ending"


def loose_files(tree: Tree, folder: str, problems: list[str]) -> None:
    """Report audio beside the label folders, which has no label; other files may be there."""
    try:
        nodes = tree.nodes(folder)
    except UnreadableFolderError as error:
        problems.append(f"{readable(folder)}/: cannot be read: {error.reason}; skipped")
        return
    for node in nodes:
        name = readable(join(folder, node.name))
        if node.kind == NOTHING:
            problems.append(f"{name}: {NOTHING}; skipped")
        elif not node.is_folder and is_audio(node.name):
            problems.append(f"{name}: is not in the folder of a label; skipped")


def label_folders(tree: Tree, folder: str, listing: Listing[PackedItems], part: str = "train") -> None:
    """Add the items of LABEL/ folders."""
    problems = listing.problems
    for base in subfolders(tree, folder):
        if base == NOISE_FOLDER:
            continue
        label, before = composed(base), (len(problems), len(listing.items))
        files = audio_files(tree, join(folder, base), problems)
        while names := list(islice(files, AT_ONCE)):
            listing.items.add_all(names, label, [speaker_in(name, label) for name in names], part)
        if (len(problems), len(listing.items)) == before:
            problems.append(f"{readable(join(folder, base))}/: has no audio files; skipped")


def speaker_in(name: str, label: str) -> str:
    """The speaker in a file name SPEAKER_nohash_N or LABEL_SPEAKER_N; else ""."""
    base = name.rpartition("/")[2]
    if "_" not in base:
        return ""
    base = stem(base)
    if match := NOHASH.search(base):
        return match[1]
    match = RECORDING.match(composed(base))
    return match[2] if match and match[1] == label else ""


# Layouts


def find(folder: Path | Tree, layout: str, division: Division) -> Listing[PackedItems]:
    """The items of a corpus, each in its part."""
    tree = DiskTree(folder) if isinstance(folder, Path) else folder
    layout = recognised(tree) if layout == "auto" else layout
    listing = FINDERS[layout](tree, division)
    listing.items = in_order(listing.items)
    return listing


def recognised(tree: Tree) -> str:
    top = tree.nodes("")
    if any(node.is_file and node.name in LISTS.values() for node in top):
        return "speech_commands"
    folders = [node.name for node in top if node.is_folder]
    names = {name.lower() for name in folders}
    if (
        names
        and names <= PARTS.keys()
        and ("train" in {PARTS[name] for name in names} or all_hold_folders(tree, folders))
    ):
        return "parts"
    if "recordings" in names or not names:
        inner = tree.nodes(recordings(tree)) if "recordings" in folders else top
        matches = (RECORDING.match(stem(node.name)) for node in inner)
        if any(match and match[1].isdecimal() for match in matches):
            return "fsdd"
    return "folders"


def all_hold_folders(tree: Tree, folders: Sequence[str]) -> bool:
    """Whether each holds folders of labels, and so is a part and not a label of that name."""
    return all(subfolders(tree, folder) for folder in folders)


def recordings(tree: Tree) -> str:
    return "recordings" if "recordings" in subfolders(tree) else ""


def speech_commands(tree: Tree, division: Division) -> Listing[PackedItems]:
    """LABEL/ folders, and lists of the files for validation and test."""
    not_held_out("speech_commands", division)
    listing = Listing("speech_commands", PackedItems(tree))
    loose_files(tree, "", listing.problems)
    label_folders(tree, "", listing)
    if NOISE_FOLDER in subfolders(tree):
        found = audio_files(tree, NOISE_FOLDER, listing.problems, strict=False)
        listing.noises = [Item(tree.place(name), name, SILENCE) for name in found]
    listed = parts_of_lists(tree, listing.items, listing.problems)
    for number, name in enumerate(listing.items.names):
        if part := listed.get(stem(composed(name))):
            listing.items.move(number, part)
    if not any(part == "valid" for part in listed.values()):
        listing.items = split_off("valid", division.valid_part, listing.items, division.seed)
    return listing


def parts_of_lists(tree: Tree, items: PackedItems, problems: list[str]) -> dict[str, str]:
    """Name without ending -> "valid" or "test"; so lists fit a corpus that was converted to another format."""
    lists = {part: list_lines(tree, list_name, problems) for part, list_name in LISTS.items()}
    missing = {stem(line) for lines in lists.values() for line in lines}
    missing.difference_update(stem(composed(name)) for name in items.names)
    labels = {composed(name) for name in subfolders(tree)}
    parts: dict[str, str] = {}
    for part, list_name in LISTS.items():
        lines = lists[part]
        twice = [line for line, times in Counter(lines).items() if times > 1]
        problems += [f"{list_name}: {readable(line)} is listed more than once" for line in twice]
        problems += missing_lines(list_name, [line for line in dict.fromkeys(lines) if stem(line) in missing], labels)
        for line in lines:
            if parts.setdefault(stem(line), part) != part:
                raise ParameterError(
                    f"{readable(line)}: is listed in {LISTS['valid']} and in {LISTS['test']}; it must be in one of them"
                )
    return parts


def list_lines(tree: Tree, list_name: str, problems: list[str]) -> list[str]:
    """The names in a list, normalised as those of items."""
    text = tree.text(list_name)
    if text is None:
        problems.append(f"{list_name}: there is no such list")
        return []
    names = (line.strip().replace("\\", "/").removeprefix("./") for line in text.replace("\r", "\n").split("\n"))
    return [composed(name) for name in names if name]


def missing_lines(list_name: str, missing: Iterable[str], labels: set[str]) -> list[str]:
    """One line per missing file that is listed; one for all those of a missing folder."""
    lines, folders = [], Counter[str]()
    for name in missing:
        label, slash, _ = name.partition("/")
        if slash and label not in labels:
            folders[label] += 1
        else:
            lines.append(f"{readable(name)}: listed in {list_name}, but missing")
    more = (f"{readable(k)}/: missing, with {n} files listed in {list_name}" for k, n in folders.items())
    return [*lines, *more]


def fsdd(tree: Tree, division: Division) -> Listing[PackedItems]:
    """recordings/{digit}_{speaker}_{index}.wav; recordings 0 to 4 of every speaker and digit are the test."""
    listing, folder = Listing("fsdd", PackedItems(tree)), recordings(tree)
    if folder:
        loose_files(tree, "", listing.problems)
    for name in audio_files(tree, folder, listing.problems, strict=bool(folder)):
        match = RECORDING.match(composed(stem(name.rpartition("/")[2])))
        if match is None:
            listing.problems.append(f"{readable(name)}: its name is not DIGIT_SPEAKER_INDEX; skipped")
            continue
        part = "test" if int(match[3]) < 5 else "train"
        listing.items.add(name, match[1], match[2], part)
    for other in subfolders(tree):
        if other != folder and any(audio_files(tree, other, [], strict=False)):
            listing.problems.append(f"{readable(other)}/: is not recordings/; skipped")
    if division.hold_out_speaker is not None:
        listing.items = held_out(listing.items, division.hold_out_speaker)
    listing.items = split_off("valid", division.valid_part, listing.items, division.seed, by_label=True)
    return listing


def plain_folders(tree: Tree, division: Division) -> Listing[PackedItems]:
    """LABEL/ folders alone, split here."""
    listing = Listing("folders", PackedItems(tree))
    loose_files(tree, "", listing.problems)
    label_folders(tree, "", listing)
    listing.items = draw(listing.items, division, listing.problems)
    return listing


def part_folders(tree: Tree, division: Division) -> Listing[PackedItems]:
    """train/LABEL/, valid/LABEL/ and test/LABEL/."""
    not_held_out("parts", division)
    listing = Listing("parts", PackedItems(tree))
    loose_files(tree, "", listing.problems)
    for folder in subfolders(tree):
        part = PARTS.get(folder.lower())
        if part is None:
            listing.problems.append(f"{readable(folder)}/: is not train, valid or test; skipped")
        else:
            loose_files(tree, folder, listing.problems)
            label_folders(tree, folder, listing, part)
    if not len(numbers_in(listing.items, "valid")):
        listing.items = split_off("valid", division.valid_part, listing.items, division.seed)
    return listing


FINDERS: dict[str, Callable[[Tree, Division], Listing[PackedItems]]] = {
    "speech_commands": speech_commands,
    "fsdd": fsdd,
    "folders": plain_folders,
    "parts": part_folders,
}


# Splits


def not_held_out(layout: str, division: Division) -> None:
    if division.hold_out_speaker is not None:
        raise ParameterError(
            f"hold_out_speaker={division.hold_out_speaker!r} is for the layouts fsdd and folders; "
            f"{layout} defines its own test"
        )


def draw(items: Parted, division: Division, problems: list[str]) -> Parted:
    """Draw test and validation from items that are all for training."""
    if division.hold_out_speaker is not None:
        items = held_out(items, division.hold_out_speaker)
    else:
        items = split_off("test", division.test_part, items, division.seed)
    items = split_off("valid", division.valid_part, items, division.seed)
    parts = Counter(speaker for part in DRAWN for speaker in speakers_of(items, numbers_in(items, part)))
    shared = sorted(speaker for speaker, times in parts.items() if speaker and times > 1)
    if shared:
        problems.append(f"{readable(shared[0])}: too few speakers to keep them apart; clips of {len(shared)} are in"
                        " several parts, and the accuracy is of known voices")  # fmt: skip
    return items


def held_out(items: Parted, speaker: str) -> Parted:
    """Test on all clips of one speaker and no others."""
    speakers = sorted(speakers_of(items, range(len(items))) - {""})
    if speaker not in speakers:
        few = ", ".join(map(readable, speakers[:10])) or "none in the file names"
        raise ParameterError(f"hold_out_speaker={speaker!r} must be one of the speakers: {few}")
    items = moved(items, range(len(items)), "train")
    return moved(items, {i for i in range(len(items)) if speaker_of(items, i) == speaker}, "test")


def in_order(items: Parted) -> Parted:
    """Sorted by label and name."""
    found: Any
    if isinstance(items, PackedItems):
        found = items.in_order()
    else:
        found = sorted(items, key=lambda item: (item.label, item.name))
    ordered: Parted = found
    return ordered


def numbers_in(items: Parted, part: str) -> Sequence[int]:
    """Of the items in a part."""
    if isinstance(items, PackedItems):
        return array("q", np.flatnonzero(np.asarray(items.parts.values) == items.words.number(part)).tobytes())
    return [i for i, item in enumerate(items) if item.part == part]


def moved(items: Parted, numbers: Collection[int], part: str) -> Parted:
    """The items, these of them in another part."""
    if isinstance(items, PackedItems):
        items.move(np.fromiter(numbers, np.intp, len(numbers)), part)
        return items
    return [replace(item, part=part) if i in numbers else item for i, item in enumerate(items)]


def split_off(part: str, size: float, items: Parted, seed: int, *, by_label: bool = False) -> Parted:
    """Move about `size` of the training items to another part.

    Whole speakers are moved if enough of them are known; else, or with `by_label`, the same share of every label,
    and of every speaker's clips of it. The choice depends on the seed and the names alone.
    """
    items = in_order(items)
    here = numbers_in(items, "train")
    speakers = speakers_of(items, here) - {""}
    rng = np.random.default_rng([seed, sorted(LISTS).index(part)])
    if by_label or len(speakers) < FEW_SPEAKERS:
        numbers = of_labels(items, here, size, rng)
    else:
        numbers = of_speakers(items, here, size, rng)
    return moved(items, numbers, part)


def of_labels(items: Parted, here: Sequence[int], size: float, rng: np.random.Generator) -> set[int]:
    """The same share of each label; at least one clip of a label that has three or more."""
    chosen: set[int] = set()
    label = items.labels.__getitem__ if isinstance(items, PackedItems) else partial(label_of, items)
    for _, group in groupby(here, label):  # they are sorted by label
        of_label = array("q", group)
        least = 1 if size > 0 and len(of_label) > 2 else 0
        wanted = min(max(round(size * len(of_label)), least), len(of_label) - 1)
        order = rng.permutation(len(of_label))
        chosen.update(of_label[place] for place in by_turns(items, of_label, order, wanted))
    return chosen


def by_turns(items: Parted, of_label: Sequence[int], order: npt.NDArray[np.int64], wanted: int) -> list[int]:
    """The first places of a shuffled order, taken by turns from each speaker: every speaker gives the same share."""
    if len(speakers_of(items, of_label)) == 1:
        return [int(place) for place in order[:wanted]]
    turns: Counter[str] = Counter()
    ordered = []
    for place in order.tolist():
        speaker = speaker_of(items, of_label[place])
        ordered.append((turns[speaker], place))
        turns[speaker] += 1
    return [place for _, place in sorted(ordered)[:wanted]]


def of_speakers(items: Parted, here: Sequence[int], size: float, rng: np.random.Generator) -> set[int]:
    """All clips of some speakers; a file of unknown speaker counts as a separate speaker."""
    clips_of: dict[str, array[int]] = defaultdict(lambda: array("I"))
    for i in here:
        clips_of[speaker_of(items, i) or f"/{items[i].name}"].append(i)
    left = Counter(label_of(items, i) for i in here)
    least = {label: (total + 1) // 2 for label, total in left.items()}  # no label loses most of its clips
    chosen: set[int] = set()
    names = sorted(clips_of)
    drawn = [clips_of[names[place]] for place in rng.permutation(len(names))]
    fewest = min(map(len, drawn), default=0)
    for clips in drawn:
        moving = Counter(label_of(items, i) for i in clips)
        most = max(size * len(here), fewest / 2 if size > 0 else 0)  # one speaker at least
        if len(chosen) + len(clips) / 2 > most:
            continue
        if all(left[label] - moving[label] >= least[label] for label in moving):
            left -= moving
            chosen.update(clips)
    return chosen
