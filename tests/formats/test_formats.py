"""The frame of the formats: files recognised by content, options checked, models converted."""

import json

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import formats
from wavenetlite.cli import main


@pytest.fixture
def model():
    return wl.TCN(3, 2, channels=4, dilations=[1, 2])


def test_each_format_is_complete():
    for name, known in formats.FORMATS.items():
        assert known.name == name and known.title and (known.load or known.save)
        assert all(suffix.startswith(".") and suffix == suffix.lower() for suffix in known.suffixes)


@pytest.mark.parametrize("name", formats.FORMATS)
@pytest.mark.parametrize("ends", [b"", b"{", b"{}", b"\x00" * 9, b"\xff" * 100, b"[" * 1000, b'{"a": "\\'])
def test_what_is_of_no_format_is_nobodys(name, ends):
    assert not formats.FORMATS[name].sniff(ends)


def test_a_file_is_recognised_by_its_content(model, tmp_path):
    path = tmp_path / "model.onnx"
    model.save(path)
    assert formats.recognise(path) == "wavenetlite"
    assert type(wl.load(path)) is type(wl.load(path, format="wavenetlite")) is wl.TCN


def test_what_is_wrong_is_told_in_one_line(model, tmp_path):
    path = tmp_path / "model.txt"
    path.write_bytes(b"no model, but text of some length")
    for call in (wl.load, formats.recognise):
        with pytest.raises(wl.ModelFileError, match=r"model.txt: not a model file of any known format \(wavenetlite"):
            call(path)
    with pytest.raises(wl.ParameterError, match="format='what' must be one of wavenetlite"):
        wl.load(path, format="what")
    with pytest.raises(wl.ParameterError, match=r"tells no format; it must end in \.safetensors"):
        formats.save(model, path)
    with pytest.raises(wl.ParameterError, match="what=1 is no option of the format wavenetlite; it has: none"):
        formats.save(model, path, format="wavenetlite", what=1)
    with pytest.raises(wl.ArrayTypeError, match="must be a Module or an AudioClassifier"):
        formats.save(1, path, format="wavenetlite")
    assert path.read_bytes().startswith(b"no model")


def test_the_command_converts(model, tmp_path, capsys):
    source, target = tmp_path / "a", tmp_path / "b.safetensors"
    model.save(source)
    assert main(["convert", str(source), str(target), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"model": str(source), "type": "TCN", "written": str(target)}
    x = np.ones((5, 3), np.float32)
    assert np.array_equal(wl.load(target)(x), model(x))


def test_the_command_lists_the_formats(capsys):
    assert main(["convert", "--formats"]) == 0
    assert "read, written  our own" in capsys.readouterr().out
    assert main(["convert", "--formats", "--json"]) == 0
    assert [known["name"] for known in json.loads(capsys.readouterr().out)] == list(formats.FORMATS)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "IN and OUT are needed"),
        (["a"], "IN and OUT are needed"),
        (["a", "b", "--load", "x"], "--load x: must be NAME=VALUE"),
        (["a", "b", "--save", "x=1", "--save", "x=2"], "--save x=2: x is given twice"),
    ],
)
def test_wrong_usage_of_the_command(arguments, said, capsys):
    assert main(["convert", *arguments]) == 2
    assert said in capsys.readouterr().err
