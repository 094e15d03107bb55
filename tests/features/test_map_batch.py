"""`spec.map_batch` as engines for much data call it: the bits of the spec, columns in, columns out."""

import importlib.util
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.features import map_batch
from wavenetlite.support.errors import ArrayTypeError, ParameterError

SPEC = wl.LogMel(sr=8000, n_fft=128, hop_length=64, n_mels=8)


def recordings(count=3):
    rng = np.random.default_rng(0)
    return [rng.uniform(-0.5, 0.5, 600 + 50 * i).astype(np.float32) for i in range(count)]


def same(made, audio, spec=SPEC):
    assert len(made) == len(audio)
    for found, y in zip(made, audio, strict=True):
        assert np.array_equal(np.asarray(found, np.float32), spec(y))


@pytest.mark.parametrize(
    "column",
    [
        list,
        lambda audio: [y.astype(np.float64) for y in audio],
        lambda audio: [y.tolist() for y in audio],
        lambda audio: [{"array": y, "sampling_rate": 8000, "path": None} for y in audio],
        lambda audio: np.array(audio, dtype=object),
    ],
)
def test_every_form_of_a_recording(column):
    audio = recordings()
    batch = {"audio": column(audio), "sr": 8000, "label": ["a", "b", "c"]}
    made = SPEC.map_batch(batch)
    same(made["features"], audio)
    assert all(frames.dtype == np.float32 for frames in made["features"])
    assert {**made, "features": 0} == {"features": 0, "label": ["a", "b", "c"]}
    assert set(batch) == {"audio", "sr", "label"}


def test_rates():
    audio = recordings()
    same(SPEC.map_batch({"audio": audio, "sr": [8000, np.int64(8000), 8000]})["features"], audio)
    same(SPEC.map_batch({"audio": [{"array": y, "sampling_rate": 8000} for y in audio]})["features"], audio)
    same(
        SPEC.map_batch({"audio": np.zeros((2, 600), np.float32), "sr": 8000})["features"],
        np.zeros((2, 600), np.float32),
    )
    assert SPEC.map_batch({"audio": [], "sr": []}) == {"features": []}


@pytest.mark.parametrize(
    ("batch", "error", "text"),
    [
        ({"sound": [1]}, ParameterError, r"no column 'audio'; it has 'sound'"),
        ({"audio": recordings()}, ParameterError, "no column 'sr'"),
        ({"audio": recordings(), "sr": 16000}, ParameterError, r"batch\['audio'\]\[0\]: sr=16000 must be 8000"),
        ({"audio": recordings(), "sr": [8000, 8000, 1]}, ParameterError, r"batch\['audio'\]\[2\]: sr=1 must be 8000"),
        ({"audio": recordings(), "sr": [8000]}, ParameterError, "1 rates, and .* 3 recordings"),
        ({"audio": [{"bytes": b"RIFF", "path": "a"}]}, ArrayTypeError, "is not decoded"),
        ({"audio": [np.zeros((2, 600), np.float32)], "sr": 8000}, ParameterError, r"shape \(2, 600\)"),
        ({"audio": [np.zeros(600, np.int16)], "sr": 8000}, ArrayTypeError, r"batch\['audio'\]\[0\]: "),
        ({"audio": [[0, 1, 2]], "sr": 8000}, ArrayTypeError, r"batch\['audio'\]\[0\]: "),
        ({"audio": ["a.wav"], "sr": 8000}, ArrayTypeError, r"batch\['audio'\]\[0\]"),
        ({"audio": "a.wav", "sr": 8000}, ArrayTypeError, "must be a list of recordings"),
        ({"audio": [None], "sr": 8000}, (ArrayTypeError, ParameterError), r"batch\['audio'\]\[0\]"),
        (recordings(), ArrayTypeError, "batch is a list"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(batch, error, text):
    with pytest.raises(error, match=text):
        SPEC.map_batch(batch)


def test_it_can_be_sent_to_other_processes():
    audio = recordings()
    again = pickle.loads(pickle.dumps(SPEC.map_batch))
    same(again({"audio": audio, "sr": 8000})["features"], audio)


def test_arrow_as_spark_has_it():
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
    audio = recordings(5)
    table = arrow.table({"audio": arrow.array([y.tolist() for y in audio], arrow.list_(arrow.float32())),
                         "sr": [8000] * 5, "key": list("abcde")})  # fmt: skip
    made = list(SPEC.map_batch(iter(table.to_batches(max_chunksize=2))))
    assert [batch.num_rows for batch in made] == [2, 2, 1]
    whole = arrow.Table.from_batches(made)
    assert whole.schema.names == ["features", "key"]
    assert str(whole.schema.field("features").type) == "list<item: list<item: float>>"
    same(whole.column("features").to_pylist(), audio)
    same(SPEC.map_batch(table).column("features").to_pylist(), audio)
    assert SPEC.map_batch(table.to_batches()[0].slice(0, 0)).num_rows == 0


def test_a_column_of_arrow_that_would_be_too_long_is_refused(monkeypatch):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
    batch = arrow.table({"audio": [y.tolist() for y in recordings()], "sr": [SPEC.sr] * 3})
    made = SPEC.map_batch(batch)["features"]
    values = sum(len(frames) for frames in made.to_pylist()) * SPEC.out_channels
    monkeypatch.setattr(map_batch, "MOST_VALUES", values)
    assert SPEC.map_batch(batch)["features"] == made
    monkeypatch.setattr(map_batch, "MOST_VALUES", values - 1)
    with pytest.raises(ParameterError, match="give smaller batches"):
        SPEC.map_batch(batch)


@pytest.mark.filterwarnings("default")
def test_datasets_takes_it_as_it_is():
    datasets = pytest.importorskip("datasets", reason="datasets is not installed")
    audio = recordings(5)
    table = datasets.Dataset.from_dict({"audio": [y.tolist() for y in audio], "sr": [8000] * 5, "label": list("abcde")})
    made = table.map(SPEC.map_batch, batched=True, batch_size=2, remove_columns=["audio", "sr"])
    assert made["label"][:] == list("abcde")
    same(made["features"], audio)


@pytest.mark.slow
def test_spark_takes_it_as_it_is():
    if not (shutil.which("java") and importlib.util.find_spec("pyspark") and importlib.util.find_spec("pandas")):
        pytest.skip("pyspark, pandas or Java is not installed")
    code = f"""
import sys
sys.path[:] = {sys.path!r}
import numpy as np
from pyspark.sql import SparkSession
from test_map_batch import SPEC, recordings, same
options = {{"spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1",
           "spark.sql.execution.arrow.maxRecordsPerBatch": "3"}}
spark = SparkSession.builder.master("local[2]").config(map=options).getOrCreate()
audio = recordings(7)
rows = [(y.tolist(), 8000, str(n)) for n, y in enumerate(audio)]
frame = spark.createDataFrame(rows, "audio array<float>, sr int, key string").repartition(2)
made = frame.mapInArrow(SPEC.map_batch, "features array<array<float>>, key string").collect()
same([row.features for row in sorted(made, key=lambda row: row.key)], audio)
spark.stop()
print("equal")
"""
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path]),
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_LOCAL_IP": "127.0.0.1",
    }
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
    assert done.stdout.split()[-1:] == ["equal"], done.stderr
