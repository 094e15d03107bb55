"""Model files of every format and snapshots, with random damage: each is loaded and runs, or is refused in one line.

As a program, ``mutated_models.py FIRST COUNT [KIND ...]`` tries as many of every kind, and ends with status 1 if
another error came through, one took more than 5 s, or memory grew by more than 500 MB.
"""

import io
import random
import resource
import struct
import sys
import tempfile
import time
import warnings
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
from embedding_files import embedding_layers, tflite_embedding, tflite_word, word_weights
from level_classifier import judge
from mutated_sources import MOST_BYTES, MOST_S, damaged
from wake_words import micro_word

import wavenetlite as wl
from wavenetlite.support.snapshots import checksum

sys.path += [str(Path(__file__).parents[1] / room) for room in ("formats", "definitions")]
import test_formats_fuzz as seeds

TEXT = ("nam", "nam with all", "nam with condition", "nam container", "rtneural", "state_dict", "wake word")
SNAPSHOTS = ("snapshot of a network", "snapshot of features", "snapshot of a classifier")
OPTIONS = "must be given: the weights of"
"""What a file of weights that leave an option open is refused with."""


def originals(folder):
    """kind -> (bytes, undamaged; or for a snapshot, the maker of streams that it is of)."""
    made = seeds.files(folder)
    judge().save(folder / "classifier")
    made["classifier"] = (folder / "classifier").read_bytes()
    wl.formats.save(wl.load(folder / "own"), folder / "m.onnx")
    made["onnx"] = (folder / "m.onnx").read_bytes()
    made |= keras_files() | torch_files(folder)
    made["wake word"] = micro_word(folder).read_bytes()
    made |= {"speech embedding": tflite_embedding(embedding_layers()),
             "word with a verifier": tflite_word(word_weights(0), word_weights(1))}  # fmt: skip
    features = wl.LogMel(sr=8000, n_fft=256, n_mels=8).then(wl.features.RunningCMVN(), wl.features.Deltas(width=5))
    return made, dict(zip(SNAPSHOTS, (wl.load(folder / "own"), features, judge()), strict=True))


def keras_files():
    try:
        import test_keras as keras
    except BaseException:  # pytest's own for a missing package is no Exception
        return {}
    config = keras.sequential(keras.CONV, keras.DENSE)
    return {"keras": keras.keras_bytes(config), "h5": keras.legacy_bytes(config)}


def torch_files(folder):
    try:
        import torch
        import torch_models
    except ImportError:
        return {}
    state, path = torch_models.BaiTCN(2, [3], old=False).state_dict(), folder / "m.pt"
    made = {}
    for kind, modern in (("pt", True), ("pt before 1.6", False)):
        torch.save(state, path, _use_new_zipfile_serialization=modern)
        made[kind] = path.read_bytes()
    return made


def damaged_file(kind, data, rng):
    """The bytes with mistakes; of an archive, in half of the cases, those of a member, packed again."""
    if data[:4] == b"PK\3\4" and rng.random() < 0.5:
        return repacked(data, rng)
    if kind in ("own", "classifier", "locuslab") and rng.random() < 0.7:  # in the header, whose length is then right
        length = int.from_bytes(data[:8], "little")
        header = damaged(data[8 : 8 + length], rng, True)
        return len(header).to_bytes(8, "little") + header + data[8 + length :]
    return damaged(data, rng, kind in TEXT)


def repacked(data, rng):
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        names = old.namelist()
        chosen = rng.choice(names)
        for name in names:
            content = old.read(name)
            new.writestr(name, damaged(content, rng, name.endswith(".json")) if name == chosen else content)
    return file.getvalue()


def place_of(kind, folder):
    """Where a file is to be written, with what is read beside it."""
    if kind == "wake word":  # its network
        micro_word(folder)
    if kind != "speech embedding":
        return folder / "damaged"
    (folder / "embedding").mkdir(exist_ok=True)
    (folder / "embedding" / "word.tflite").write_bytes(tflite_word(word_weights(0)))
    return folder / "embedding" / "embedding_model.tflite"


def read_file(path, data):
    """Load it; what loads must run, if it is not too large for that."""
    path.write_bytes(data)
    try:
        model = wl.load(path.parent if path.stem == "embedding_model" else path)
    except wl.ModelFileError as error:
        assert str(error).startswith(str(path.parent if path.stem == "embedding_model" else path)), error
        raise
    except wl.ParameterError as error:
        assert OPTIONS in str(error) or "config must be given" in str(error), error
        raise
    network = model if isinstance(model, wl.nn.Module) else model.model
    if network.in_channels and network.receptive_field <= 10_000 and network.parameter_count <= 1_000_000:
        network(np.ones((3, network.in_channels), np.float32))


def read_snapshot(made_by, rng):
    stream = made_by.stream()
    stream.process(signal(made_by, rng))
    blob = bytearray(damaged(stream.snapshot(), rng, False))
    if len(blob) > 40 and rng.random() < 0.7:  # as one would who wants it to be believed
        blob[-8:] = struct.pack("<Q", checksum(bytes(blob[:-8])))
    stream = made_by.stream()
    stream.restore(bytes(blob))
    stream.process(signal(made_by, rng))
    stream.snapshot()
    stream.flush()


def signal(made_by, rng):
    frames = rng.randrange(1, 3000)
    if isinstance(made_by, wl.nn.Module):
        return np.full((frames, made_by.in_channels), 0.1, np.float32)
    return np.sin(np.arange(frames, dtype=np.float32))


def outcome(originals, kind, seed, folder):
    """What came of one damaged file: "read", "refused: ..." or "WRONG: ..."."""
    files, streams = originals
    rng = random.Random(zlib.crc32(f"{kind} {seed}".encode()))
    began, said = time.process_time(), "read"  # of this process: others may have the machine
    try:
        if kind in streams:
            read_snapshot(streams[kind], rng)
        else:
            read_file(place_of(kind, folder), damaged_file(kind, files[kind], rng))
    except wl.WavenetliteError as error:
        said = f"refused: {error}" if "\n" not in str(error) and len(str(error)) < 1000 else f"WRONG: {error!r}"
    except Exception as error:
        said = f"WRONG: {type(error).__name__}: {error}"
    took = time.process_time() - began
    return said if took < MOST_S else f"WRONG: took {took:.1f} s"


def main(first, count, kinds):
    warnings.simplefilter("ignore")
    wrong = False
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        made = originals(folder)
        every = [*made[0], *made[1]]
        for kind in every:
            outcome(made, kind, -1, folder)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for kind in kinds or every:
            found: Counter[str] = Counter()
            for seed in range(first, first + count):
                said = outcome(made, kind, seed, folder)
                found[said.partition(":")[0]] += 1
                if said.startswith("WRONG"):
                    wrong = True
                    print(kind, seed, said[:300], flush=True)
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
            wrong |= grown > MOST_BYTES
            print(f"{kind}: {dict(found)}, memory grown by {grown >> 20} MB", flush=True)
    return wrong


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
