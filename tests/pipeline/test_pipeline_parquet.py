"""Tables of Parquet as sources: recordings with labels as Hugging Face stores them, and manifests."""

import datetime
import json

import numpy as np
import pytest
from pipeline_data import corpus, errors, spec

import wavenetlite as wl
from wavenetlite.pipeline import extract, listed, parquet
from wavenetlite.support.errors import ParameterError

arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
import pyarrow.parquet as writer  # noqa: E402

FEATURES = {"audio": {"_type": "Audio"}, "label": {"_type": "ClassLabel", "names": ["no", "yes"]}}


@pytest.fixture
def data(tmp_path):
    return corpus(tmp_path / "data", clips=5)


def rows_of(data, name="audio"):
    return [
        {name: {"bytes": path.read_bytes(), "path": path.name}, "label": int(path.parent.name == "yes"),
         "speaker_id": path.stem[:2], "age": 7, "notes": b"x"}
        for path in sorted(data.rglob("*.wav"))
    ]  # fmt: skip


def write(rows, path, features=FEATURES):
    table = arrow.Table.from_pylist(rows)
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    writer.write_table(table.replace_schema_metadata(metadata), path, row_group_size=3)
    return path


def test_recordings_with_the_names_of_their_labels(data, tmp_path):
    path = write(rows_of(data), tmp_path / "train-00000-of-00001.parquet")
    done = extract(path, tmp_path / "out", features=spec())
    assert (done.items, done.errors) == (10, {})
    assert done.about["labels"] == {"no": 5, "yes": 5}
    assert done.about["splits"] == {"train": 10}
    items = wl.pipeline.open(tmp_path / "out")
    for item, file in zip(items, sorted(data.rglob("*.wav")), strict=True):
        assert np.array_equal(item.features, spec()(wl.audio.read(file)[0]))
        assert (item.path, item.label, item.speaker, item.extra["age"]) == (
            file.name,
            file.parent.name,
            file.stem[:2],
            7,
        )
    assert extract(path, tmp_path / "out", features=spec()).computed == 0


def test_a_row_that_changes_is_computed_again(data, tmp_path):
    rows = rows_of(data)
    path = write(rows, tmp_path / "a.parquet")
    extract(path, tmp_path / "out", features=spec(), n_jobs=1)
    rows[4]["audio"]["bytes"] = rows[9]["audio"]["bytes"]
    write(rows, path)
    again = extract(path, tmp_path / "out", features=spec(), n_jobs=1)
    assert (again.computed, again.copied, again.errors) == (1, 9, {"duplicate": 1})


def test_another_column_by_its_name(data, tmp_path):
    path = write(rows_of(data, "clip"), tmp_path / "a.parquet")
    assert len(listed(path).entries) == len(listed(path, columns={"path": "clip", "label": "age"}).entries) == 10
    assert {entry.label for entry in listed(path, columns={"label": "age"}).entries} == {"7"}


def test_rows_without_a_recording_are_reported(data, tmp_path):
    rows = rows_of(data)
    rows[2]["audio"]["bytes"] = None
    rows[3]["audio"] = None
    rows[4]["label"] = 2
    rows[5]["label"] = -1
    rows[6]["audio"]["bytes"] = b"nothing"
    done = extract(write(rows, tmp_path / "a.parquet"), tmp_path / "out", features=spec())
    assert (done.items, done.errors) == (6, {"manifest": 1, "unreadable": 3})
    assert done.about["labels"][""] == 1
    assert sorted(errors(tmp_path / "out").values()) == ["manifest", "unreadable", "unreadable", "unreadable"]


def test_a_manifest(data, tmp_path):
    rows = [{"path": str(path), "label": int(path.parent.name == "yes")} for path in sorted(data.rglob("*.wav"))]
    rows[3]["label"] = 5
    done = extract(write(rows, tmp_path / "rows.parquet"), tmp_path / "out", features=spec())
    assert (done.items, done.about["labels"], done.errors) == (9, {"no": 4, "yes": 5}, {"manifest": 1})


def test_columns_that_json_cannot_say(data, tmp_path):
    when = datetime.datetime(2026, 11, 29, 12)
    others = {"when": when, "raw": b"x", "score": float("nan"), "end_s": None}
    rows = [{"path": str(path), "label": path.parent.name, **others} for path in sorted(data.rglob("*.wav"))]
    rows[0]["score"] = 1.5
    writer.write_table(arrow.Table.from_pylist(rows), tmp_path / "rows.parquet")
    assert extract(tmp_path / "rows.parquet", tmp_path / "out", features=spec()).items == 10
    extras = [item.extra for item in wl.pipeline.open(tmp_path / "out")]
    assert extras[:2] == [{"when": "2026-11-29T12:00:00", "score": 1.5}, {"when": "2026-11-29T12:00:00"}]


def test_signed_urls_in_a_table_stay_in_it(data, tmp_path):
    secret = "https://me:hidden0@host/a.wav?X-Amz-Signature=hidden1"
    rows = [{**row, "url": secret, "audio": {**row["audio"], "path": secret}} for row in rows_of(data)[:2]]
    done = extract(write(rows, tmp_path / "a.parquet"), tmp_path / "out", features=spec())
    assert done.items == 2
    assert wl.pipeline.open(tmp_path / "out")[0].extra["url"] == "https://host/a.wav"
    for path in (tmp_path / "out").rglob("*"):
        assert path.is_dir() or b"hidden" not in path.read_bytes(), path


def test_several_tables_by_a_pattern(data, tmp_path):
    rows = rows_of(data)
    for number in range(2):
        write(rows[5 * number : 5 * number + 5], tmp_path / f"train-{number}.parquet")
    assert extract(tmp_path / "train-*.parquet", tmp_path / "out", features=spec()).items == 10


@pytest.mark.parametrize("size", [0, 3, 400, -20])
def test_damage_is_one_line(data, tmp_path, size):
    path = write(rows_of(data), tmp_path / "a.parquet")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ParameterError, match=r"a\.parquet: not a table of Parquet, or damaged") as caught:
        listed(path)
    assert "\n" not in str(caught.value)


def test_a_table_that_changes_while_it_is_read(data, tmp_path):
    path = write(rows_of(data), tmp_path / "a.parquet")
    member = listed(path).entries[9].member
    assert parquet.data(str(path), member) == rows_of(data)[9]["audio"]["bytes"]
    parquet.row_group.cache_clear()
    write(rows_of(data)[:3], path)
    with pytest.raises(ValueError, match="the table has changed"):
        parquet.data(str(path), member)
