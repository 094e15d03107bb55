"""Manifests as people have them: other programs' columns, quotes, delimiters, encodings, times, channels."""

import json

import numpy as np
import pytest
from pipeline_data import errors, spec, tone

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.pipeline import extract, listed

RATE = 8000


@pytest.fixture
def data(tmp_path):
    for number, name in enumerate(("a.wav", "sub/b.wav", "hello, you.wav")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        audio.write(tmp_path / name, tone(number, 8000), RATE)
    return tmp_path


def write(data, name, text, encoding="utf-8"):
    (data / name).write_bytes(text.encode(encoding))
    return data / name


def jsonl(*rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def described(listing):
    return {entry.key: (entry.label, entry.speaker, entry.split) for entry in listing.entries}


def times(listing):
    return {entry.key: (entry.start_s, entry.end_s) for entry in listing.entries}


def messages(listing):
    return [problem.message for problem in listing.problems]


# Tables

TWO = {"a.wav": ("yes", "", ""), "sub/b.wav": ("no", "", "")}


@pytest.mark.parametrize(
    ("name", "text", "encoding"),
    [
        ("m.csv", "path, label\na.wav, yes\nsub/b.wav , no \n", "utf-8"),
        ("m.csv", "path,label\r\na.wav,yes\r\nsub/b.wav,no\r\n", "utf-8-sig"),
        ("m.csv", "Path;Label\na.wav;yes\nsub/b.wav;no\n", "utf-8"),
        ("m.csv", "path|label\na.wav|yes\nsub/b.wav|no\n", "utf-8"),
        ("m.csv", 'path, label\n"a.wav", "yes"\n"sub/b.wav", "no"\n', "utf-8"),
        ("m.csv", "path\tlabel\r\na.wav\tyes\r\nsub/b.wav\tno\r\n", "utf-16"),
        ("m.csv", "path,label\na.wav,yes,\nsub/b.wav,no,\n\n,\n", "utf-8"),
        ("m.csv", "path,label\na.wav,yes\nsub\\b.wav,no\n", "utf-8"),
        ("m.tsv", 'path\tlabel\n"a.wav"\t"yes"\nsub/b.wav\tno\n', "utf-8"),
        ("m.tsv", "path,label\na.wav,yes\nsub/b.wav,no\n", "utf-8"),
    ],
)
def test_tables(data, name, text, encoding):
    listing = listed(write(data, name, text, encoding))
    assert (described(listing), messages(listing)) == (TWO, [])


def test_values_that_do_not_fit_the_first_line_are_errors_with_their_line(data):
    text = 'path,label,note\nhello, you.wav,yes,x\na.wav,yes\n"hello, you.wav",yes,"one, two"\nsub/b.wav,no,\n'
    listing = listed(write(data, "m.csv", text))
    assert {key: label for key, (label, *_) in described(listing).items()} == {
        "hello, you.wav": "yes",
        "sub/b.wav": "no",
    }
    assert messages(listing) == [
        "m.csv, line 2: has 4 values, and the first line names 3: a value with ',' in it must be in quotes",
        "m.csv, line 3: has 2 values, and the first line names 3"]  # fmt: skip


def test_quotes_in_the_text_of_tabs_take_no_lines_away(data):
    text = 'path\tsentence\na.wav\t"Yes" he said\nsub/b.wav\t"no\nhello, you.wav\t"he said ""go"""\n'
    assert {key: label for key, (label, *_) in described(listed(write(data, "m.tsv", text))).items()} == {
        "a.wav": '"Yes" he said', "sub/b.wav": '"no', "hello, you.wav": 'he said "go"'}  # fmt: skip


def test_a_quote_that_is_not_closed_is_an_error(data):
    listing = listed(write(data, "m.csv", 'path,label\na.wav,"yes\nsub/b.wav,no"\n'))
    assert messages(listing) == ["m.csv, line 3: label goes over several lines: a quote is not closed"]
    with pytest.raises(wl.ParameterError, match=r"m.csv: cannot be read: line 3: "):
        listed(write(data, "m.csv", 'path,label\na.wav,"yes\nsub/b.wav,no\n'))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.wav,yes\nsub/b.wav,no\n", r"no column 'path' \(its first line has 'a.wav', 'yes'\); pass columns="),
        ("", "no column 'path'"),
        ("path,label,label\na.wav,yes,no\n", "two columns 'label'"),
        ("path" + "," * 20_000 + "\n", "has 20,001 columns"),
        ("path,label\n" + "x" * (1 << 24) + "\n", "line 2 has more than"),
        ("path,label\na.wav," + "x" * 200_000 + "\n", "line 2: field larger than"),
    ],
)
def test_tables_that_cannot_be_read(data, text, words):
    with pytest.raises(wl.ParameterError, match=words) as error:
        listed(write(data, "m.csv", text))
    assert len(str(error.value)) < 400


def test_a_column_that_is_named_and_missing(data):
    with pytest.raises(wl.ParameterError, match="no row has the column 'keyword' of columns='label'"):
        listed(write(data, "m.csv", "path,word\na.wav,yes\n"), columns={"label": "keyword"})
    assert described(listed(write(data, "m.csv", "path,label\na.wav,yes\n"), columns={"label": ""})) == {
        "a.wav": ("", "", "")}  # fmt: skip


def test_a_column_without_a_name_means_nothing(data):
    assert times(listed(write(data, "m.csv", "path,\na.wav,7\n"))) == {"a.wav": (None, None)}


# JSON


def test_separators_of_unicode_inside_a_value(data):
    rows = [{"path": "a.wav", "label": "a\u2028b\x85c"}, {"path": "sub/b.wav", "label": "d"}]
    listing = listed(write(data, "m.jsonl", jsonl(*rows), "utf-8-sig"))
    assert [entry.label for entry in listing.entries] == ["a\u2028b\x85c", "d"]
    (data / "yes").mkdir()
    audio.write(data / "yes/x\u2028y.wav", tone(9), RATE)
    (data / "testing_list.txt").write_text("yes/x\u2028y.wav\n", encoding="utf-8")
    assert described(listed(data))["yes/x\u2028y.wav"] == ("yes", "", "test")


@pytest.mark.parametrize(
    "value",
    [
        [{"path": "a.wav", "label": "yes"}, {"path": "sub/b.wav", "label": "no"}],
        {"data": [{"path": "a.wav", "label": "yes"}, {"path": "sub/b.wav", "label": "no"}], "version": 2},
    ],
)
def test_lists_of_objects(data, value):
    assert described(listed(write(data, "m.json", json.dumps(value, indent=1)))) == TWO


def test_one_value_that_is_too_long(data, monkeypatch):
    monkeypatch.setattr("wavenetlite.pipeline.manifests.MOST_CHARACTERS", 50)
    with pytest.raises(wl.ParameterError, match=r"has more than 50 characters; write JSON lines"):
        listed(write(data, "m.json", json.dumps([{"path": "a.wav", "note": "x" * 50}])))
    rows = [{"path": name, "note": "x" * 50} for name in ("a.wav", "sub/b.wav")]
    assert len(listed(write(data, "m.json", jsonl(*rows))).entries) == 2


def test_objects_of_objects_as_speechbrain_writes_them(data):
    rows = {"ann-1": {"wav": "{data_root}/a.wav", "length": 1.0, "spk_id": "ann", "command": "yes"},
            "bob-1": {"wav": "{data_root}/sub/b.wav", "length": 1.0, "spk_id": "bob", "words": "NO WAY"}}  # fmt: skip
    listing = listed(write(data, "valid.json", json.dumps(rows)))
    assert described(listing) == {"ann-1": ("yes", "ann", "valid"), "bob-1": ("NO WAY", "bob", "valid")}
    assert [entry.name for entry in listing.entries] == ["a.wav", "sub/b.wav"]


@pytest.mark.parametrize("name", ["train_manifest.json", "train_manifest.jsonl"])
def test_nemo(data, tmp_path, name):
    rows = [{"audio_filepath": "a.wav", "duration": 0.5, "text": "hi"},
            {"audio_filepath": "sub/b.wav", "offset": 0.25, "duration": 0.25, "command": "yes"},
            {"audio_filepath": "sub/b.wav", "offset": 0.5, "duration": 0.51, "command": "no"}]  # fmt: skip
    path = write(data, name, jsonl(*rows))
    assert described(listed(path)) == {"a.wav#0-0.5": ("hi", "", "train"), "sub/b.wav#0.25-0.5": ("yes", "", "train"),
                                       "sub/b.wav#0.5-1.01": ("no", "", "train")}  # fmt: skip
    extract(path, tmp_path / "out", features=spec(), n_jobs=1)
    y = audio.read(data / "sub/b.wav")[0]
    items = wl.pipeline.open(tmp_path / "out")
    assert [item.duration_s for item in items] == [0.5, 0.25, 0.5]  # their durations are rounded
    assert np.array_equal(items[1].features, spec()(y[2000:4000].copy()))
    assert items[1].extra["offset_"] == 0.25


def test_common_voice(data):
    (data / "clips").mkdir()
    audio.write(data / "clips/cv_1.wav", tone(4), RATE)
    text = "client_id\tpath\tsentence\tup_votes\nabc\tcv_1.wav\tHello.\t2\n"
    listing = listed(write(data, "dev.tsv", text))
    assert described(listing) == {"clips/cv_1.wav": ("Hello.", "abc", "valid")}
    assert listing.entries[0].extra == {"client_id": "abc", "sentence": "Hello.", "up_votes": "2"}


def test_timit_and_dcase(data):
    text = "index,test_or_train,speaker_id,filename,path_from_data_dir\n1,TEST,FAKS0,b.wav,sub\\b.wav\n"
    assert described(listed(write(data, "t.csv", text))) == {"sub/b.wav": ("", "FAKS0", "test")}
    text = "filename\tonset\toffset\tevent_label\na.wav\t0.1\t0.3\tdog\na.wav\t0.2\t0.4\tcat\n"
    assert times(listed(write(data, "t.csv", text))) == {"a.wav#0.1-0.3": (0.1, 0.3), "a.wav#0.2-0.4": (0.2, 0.4)}


# Times


def test_windows_of_a_millisecond_hours_in(data):
    rows = [{"path": "a.wav", "start_s": 10_800 + i / 1000, "end_s": 10_801 + i / 1000} for i in range(5)]
    listing = listed(write(data, "m.jsonl", jsonl(*rows)))
    assert len(listing.entries) == 5
    assert "a.wav#10800.001-10801.001" in times(listing)
    assert listing.problems == []


def test_times_in_samples_and_milliseconds(data):
    text = "ID, duration, wav, start, stop, spk_id\nu1, 0.25, a.wav, 0, 2000, s\nu2, 0.25, a.wav, 2000, 4000, s\n"
    assert times(listed(write(data, "m.csv", text))) == {"a.wav#0-0.25": (0, 0.25), "a.wav#0.25-0.5": (0.25, 0.5)}
    text = "wav,start,end,duration\na.wav,250,750,0.5\n"
    assert times(listed(write(data, "m.csv", text))) == {"a.wav#0.25-0.75": (0.25, 0.75)}


def test_a_duration_alone_or_a_date_is_no_time(data):
    text = "path,duration,start\na.wav,3600,2024-01-01T10:00\nsub/b.wav,77,\n"
    assert set(times(listed(write(data, "m.csv", text))).values()) == {(None, None)}


@pytest.mark.parametrize("digits", [400, 4000])
def test_numbers_of_very_many_digits(data, digits):
    text = f'{{"path": "a.wav", "start_s": {"9" * digits}}}\n{{"path": "a.wav", "label": "x"}}\n'
    listing = listed(write(data, "m.jsonl", text))
    assert described(listing) == {"a.wav": ("x", "", "")}
    assert len(messages(listing)) == 1
    assert len(messages(listing)[0]) < 200


@pytest.mark.parametrize("bracket", ["[", '{"a":', '{"path":"a.wav","x":['])
def test_very_many_brackets(data, bracket):
    good = jsonl({"path": "a.wav", "label": "x"})
    listing = listed(write(data, "m.jsonl", bracket * 100_000 + "\n" + good))
    assert messages(listing) == ["m.jsonl, line 1: is nested more than 100 deep"]
    assert len(listing.entries) == 1
    with pytest.raises(wl.ParameterError, match=r"m.json: is nested more than 100 deep"):
        listed(write(data, "m.json", bracket * 100_000))


@pytest.mark.parametrize("text", ["7", '"a"', "null", "{", "", "[1, 2", '{"a": 1}', '{"a": [], "b": []}'])
def test_json_that_is_no_manifest(data, text):
    with pytest.raises(wl.ParameterError, match=r"m.json: (is not valid JSON|must be a list)"):
        listed(write(data, "m.json", text))


# Channels


def test_a_channel_per_row(data, tmp_path):
    y = np.stack([tone(1, 4000), tone(2, 4000)], axis=1)
    audio.write(data / "two.wav", y, RATE)
    text = "path,channel,label\ntwo.wav,0,left\ntwo.wav,1,right\na.wav,0,mono\ntwo.wav,right,again\na.wav,3,none\n"
    path = write(data, "m.csv", text)
    assert [(entry.key, entry.channel) for entry in listed(path).entries] == [
        ("a.wav#channel0", 0), ("a.wav#channel3", 3), ("two.wav#channel0", 0), ("two.wav#channel1", 1)]  # fmt: skip
    extract(path, tmp_path / "out", features=spec(), n_jobs=1)
    items = wl.pipeline.open(tmp_path / "out")
    assert [(item.key, item.channel) for item in items] == [
        ("a.wav#channel0", 0), ("two.wav#channel0", 0), ("two.wav#channel1", 1)]  # fmt: skip
    read = audio.read(data / "two.wav")[0]
    for channel in (0, 1):
        item = items[f"two.wav#channel{channel}"]
        assert np.array_equal(item.features, spec()(read[:, channel].copy()))
    assert errors(tmp_path / "out") == {"two.wav#channel1": "manifest", "a.wav#channel3": "channels"}
    items.to_lhotse(tmp_path / "lhotse")
    rows = [json.loads(line) for line in (tmp_path / "lhotse/supervisions.jsonl").read_text().splitlines()]
    assert [row["channel"] for row in rows] == [0, 0, 1]
    assert extract(path, tmp_path / "out", features=spec(), n_jobs=1).computed == 0


def test_channels_that_count_from_one_are_refused(data):
    audio.write(data / "two.wav", np.stack([tone(1), tone(2)], axis=1), RATE)
    with pytest.raises(wl.ParameterError, match="its channels count from 1; they must count from 0"):
        listed(write(data, "m.csv", "path,channel\ntwo.wav,1\ntwo.wav,2\n"))
    listing = listed(write(data, "m.csv", "path,channel\ntwo.wav,middle\n"))
    assert "channel='middle' must be the number of a channel, from 0, left or right" in messages(listing)[0]
