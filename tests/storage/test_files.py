"""Model files: what is saved loads bit for bit; whatever else a file holds gives one line and takes no memory."""

import errno
import io
import json
import os
import pickle
import stat
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from catalogue import CATALOGUE, condition, randomised, same_bits, signal
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import JUNK, MB, head_for, join, load, peak_of_refusal, refused, split
from strategies import condition_channels_of, networks

import wavenetlite as wl
from wavenetlite.storage.files import info, save

nn = wl.nn
f32 = np.float32


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.safetensors"


@pytest.fixture
def content(path):
    """The bytes of a small valid file."""
    save(small(), path)
    return path.read_bytes()


def small():
    return randomised(wl.Sequential([nn.Conv1d(2, 3, 2), nn.BatchNorm(3), nn.Activation("elu", alpha=0.5)], seed=7))


# -------------------------------------------------------------------------------------------------------- round trip
def check_round_trip(model, path, in_channels, condition_channels):
    model.save(path)
    again = load(path)
    assert type(again) is type(model)
    assert again.config() == model.config()
    assert repr(again) == repr(model)
    assert [name for name, _ in again.modules()] == [name for name, _ in model.modules()]
    before, after = model.state_dict(), again.state_dict()
    assert list(before) == list(after)
    assert all(same_bits(before[name], after[name]) for name in before)
    x, c = signal(150, in_channels), condition(150, condition_channels)
    assert same_bits(model(x, c), again(x, c))
    described = info(path)
    assert described.config == model.config()
    assert described.shapes == model.all_parameter_shapes()
    assert (described.format_version, described.wavenetlite_version) == (2, wl.__version__)
    first = path.read_bytes()
    save(again, path)
    assert path.read_bytes() == first


@pytest.mark.parametrize("name", CATALOGUE)
def test_what_is_saved_loads_bit_for_bit(name, path):
    case = CATALOGUE[name]
    check_round_trip(case.model(), path, case.in_channels, case.condition_channels)


@settings(max_examples=30)
@given(model=networks())
def test_random_networks(model, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "random.safetensors"
    check_round_trip(model, path, model.in_channels, condition_channels_of(model))


def test_a_model_never_run_is_saved_with_its_seeded_weights(path):
    model, twin = (wl.TCN(3, 2, channels=4, seed=3) for _ in range(2))
    model.save(path)
    assert load(path).seed == 3
    assert same_bits(load(path).state_dict()["output.weight"], twin.state_dict()["output.weight"])


def test_extreme_weights(path):
    model, values = nn.Linear(5, 1, bias=False), [[-0.0, 1e-45, -1.1754944e-38, 3.4028235e38, 1 / 3]]
    model.load_state_dict({"weight": np.array(values, f32)})
    model.save(path)
    assert same_bits(load(path).state_dict()["weight"], np.array(values, f32))


def test_transposed_weights(path):
    model, weight = nn.Linear(3, 2, bias=False), np.arange(6, dtype=f32).reshape(3, 2).T
    model.load_state_dict({"weight": weight})
    model.save(path)
    assert load(path).state_dict()["weight"].tolist() == weight.tolist() == [[0, 2, 4], [1, 3, 5]]


def test_a_layer_used_twice_becomes_two_of_equal_weights(path):
    conv = nn.Conv1d(2, 2, 2)
    model = wl.Sequential([conv, nn.Activation("tanh"), conv])
    model.save(path)
    assert same_bits(load(path)(signal(20, 2)), model(signal(20, 2)))


def test_a_loaded_model_shares_nothing_with_the_file(path):
    model = small()
    model.save(path)
    again = load(path)
    path.write_bytes(b"")
    assert same_bits(again(signal(20, 2)), model(signal(20, 2)))


def test_paths_are_strings_or_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(small(), "m")
    assert load("m").config() == load(tmp_path / "m").config() == small().config()
    for call in (load, info, lambda path: save(small(), path)):
        with pytest.raises(TypeError):
            call(3)
    with pytest.raises(wl.ArrayTypeError, match="must be a Module"):
        wl.formats.save({"weight": 1}, "m", format="wavenetlite")


# ------------------------------------------------------------------------------------------------------ same bytes
SAVE_SOME = """
import sys, wavenetlite as wl
model = wl.Sequential([wl.WaveNet(3, 5, dilations=[1, 2]), wl.nn.Activation("hardtanh", max_val=2), wl.nn.BatchNorm(5)])
model.save(sys.argv[1])
"""


def test_the_same_model_makes_the_same_bytes_in_every_process(tmp_path):
    contents = set()
    for number in range(3):
        path = tmp_path / str(number)
        environment = {**os.environ, "PYTHONHASHSEED": str(number), "PYTHONPATH": str(Path(wl.__file__).parents[1])}
        subprocess.run([sys.executable, "-c", SAVE_SOME, str(path)], env=environment, check=True)
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_the_layout_of_a_file(content):
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    header, data = split(content)
    config = header["__metadata__"].pop("config")
    assert header.pop("__metadata__") == {
        "format": "wavenetlite",
        "format_version": "2",
        "wavenetlite_version": wl.__version__,
    }
    assert json.loads(config) == small().config()
    assert header["1.bias"] == {"dtype": "F32", "shape": [3], "data_offsets": [72, 84]}
    assert data == b"".join(value.tobytes() for value in small().state_dict().values())


def test_the_safetensors_package_reads_what_we_write(content):
    package = pytest.importorskip("safetensors.numpy")
    state = small().state_dict()
    read = package.load(content)
    assert set(read) == set(state)
    assert all(same_bits(read[name], state[name]) for name in state)


def test_we_read_what_the_safetensors_package_writes(path):
    package = pytest.importorskip("safetensors.numpy")
    model = wl.WaveNet(2, 3, residual_channels=4, skip_channels=5, dilations=[1, 2])
    metadata = {"format": "wavenetlite", "format_version": "2", "config": json.dumps(model.config()), "more": "text"}
    package.save_file(model.state_dict(), path, metadata=metadata)
    assert same_bits(load(path)(signal(9, 2)), model(signal(9, 2)))
    assert info(path).wavenetlite_version == ""


# --------------------------------------------------------------------------------------------------------- replacing
def fail_with(error):
    def fail(*_):
        raise error

    return fail


FAILURES = {
    "disk full": (os, "fsync", OSError(errno.ENOSPC, "No space left on device")),
    "interrupted": (os, "fsync", KeyboardInterrupt()),
    "not renamed": (Path, "replace", PermissionError(errno.EACCES, "Permission denied")),
    "a bug": (Path, "replace", RuntimeError("a bug")),
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("exists", [True, False])
def test_a_failed_save_leaves_what_was_there(path, monkeypatch, name, exists):
    if exists:
        wl.TCN(3, 2, channels=4).save(path)
    before = {file: file.read_bytes() for file in path.parent.iterdir()}
    place, function, error = FAILURES[name]
    monkeypatch.setattr(place, function, fail_with(error))
    with pytest.raises(type(error)) as excinfo:
        small().save(path)
    monkeypatch.undo()
    assert {file: file.read_bytes() for file in path.parent.iterdir()} == before
    if isinstance(error, OSError):
        assert (excinfo.value.errno, excinfo.value.filename) == (error.errno, str(path))


def test_the_old_file_stays_until_the_new_one_is_complete(path, monkeypatch):
    wl.TCN(3, 2, channels=4).save(path)
    before, seen = path.read_bytes(), []

    def look(descriptor):
        seen.append((path.read_bytes() == before, os.fstat(descriptor).st_size))

    monkeypatch.setattr(os, "fsync", look)
    small().save(path)
    assert seen == [(True, path.stat().st_size)]
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_model_that_cannot_be_saved_touches_no_file(path):
    path.write_bytes(b"old")
    with pytest.raises(wl.ParameterError):
        save(nn.Residual([nn.Conv1d(1, 1, 1, stride=2)]), path)
    assert path.read_bytes() == b"old"


def test_nowhere_to_save(tmp_path):
    with pytest.raises(FileNotFoundError) as excinfo:
        small().save(tmp_path / "no" / "m")
    assert excinfo.value.filename == str(tmp_path / "no" / "m")
    with pytest.raises(OSError, match="folder"):
        (tmp_path / "folder").mkdir()
        small().save(tmp_path / "folder")
    assert [file.name for file in tmp_path.rglob("*")] == ["folder"]


@pytest.mark.skipif(os.name != "posix", reason="permissions and links of POSIX")
def test_permissions_and_links_are_as_for_any_new_file(tmp_path):
    mask = os.umask(0o027)
    try:
        small().save(tmp_path / "m")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "m").stat().st_mode) == 0o640
    (tmp_path / "link").symlink_to("m")
    wl.TCN(3, 2, channels=4).save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert isinstance(load(tmp_path / "m"), wl.TCN)


# ------------------------------------------------------------------------------------------------ layers of one's own
@pytest.fixture
def registry(monkeypatch):
    """Layers that a test defines are forgotten after it."""
    monkeypatch.setattr(nn.Module, "registry", dict(nn.Module.registry))


def test_a_layer_of_ones_own(registry, path):
    class Twice(nn.Activation):
        def __init__(self, slope):
            super().__init__("leaky_relu", negative_slope=slope)
            self.slope = slope

        def options(self):
            return nn.Module.options(self)

    model = wl.Sequential([nn.Linear(2, 3), Twice(0.25)])
    model.save(path)
    assert same_bits(load(path)(signal(9, 2)), model(signal(9, 2)))
    del nn.Module.registry["Twice"]
    refused(path, path.read_bytes(), "type='Twice' is not a known layer")
    with pytest.raises(wl.ParameterError, match="Sequential cannot be saved: its config is invalid: type='Twice'"):
        model.save(path)


def test_a_layer_that_its_config_does_not_describe_is_not_saved(registry, path):
    class NoOptions(nn.Linear):
        def options(self):
            return {}

    class LessOptions(nn.Linear):
        def options(self):
            return {"in_features": 2, "out_features": 3}

    class Conv1d(nn.Conv1d):
        """A file that names it would get the layer of that name in wavenetlite."""

    for model in (NoOptions(2, 3), LessOptions(2, 3, bias=False), Conv1d(1, 1, 1)):
        with pytest.raises(wl.ParameterError, match=f"{type(model).__name__} cannot be saved: ") as excinfo:
            model.save(path)
        assert "\n" not in str(excinfo.value)
        assert not list(path.parent.iterdir())
    nn.Conv1d(1, 1, 1).save(path)
    assert type(load(path)) is nn.Conv1d


def test_options_that_are_not_json_are_not_saved(registry, path):
    class Odd(nn.CumulativePool):
        def __init__(self, what=None):
            self.what = what

    for what in (1j, {1, 2}, float("nan"), float("inf")):
        with pytest.raises(wl.ParameterError, match="Odd cannot be saved: its config is not valid JSON"):
            Odd(what).save(path)


def test_helpers_inside_networks_are_no_layers_of_a_file(path):
    for kind, options in {"Stack": {"modules": [1]}, "Branches": {"branches": [[]]}, "Module": {}}.items():
        refused(path, join(head_for({"type": kind, **options})), f"type={kind!r} is not a known layer")


def test_a_network_too_large_to_load_is_not_saved(path):
    deep = nn.Activation("relu")
    for _ in range(60):
        deep = nn.Residual([deep])
    with pytest.raises(wl.ParameterError, match="Residual cannot be saved: its config is nested more than 100 deep"):
        deep.save(path)
    with pytest.raises(wl.ParameterError, match="cannot be saved: its config has 10001 layers"):
        wl.Sequential([nn.CumulativePool("max")] * 10_000).save(path)
    assert not list(path.parent.iterdir())
    wl.Sequential([nn.CumulativePool("max")] * 9_999).save(path)
    assert len(load(path).layers) == 9_999


# --------------------------------------------------------------------------------------------- truncated and foreign
def test_no_file(tmp_path):
    for path in (tmp_path / "none", tmp_path / "no" / "none", "none.safetensors", "no/none"):
        with pytest.raises(wl.ModelFileError) as excinfo:
            load(path)
        assert str(excinfo.value) == f"{path}: there is no such file"
    with pytest.raises(wl.ModelFileError, match="cannot be read"):
        load("a\0b")
    with pytest.raises(wl.ModelFileError, match="not a file"):
        load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.filterwarnings("default")
def test_a_pipe_is_not_waited_for(path):
    os.mkfifo(path)
    with pytest.raises(wl.ModelFileError, match="not a file"):
        load(path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(path, content):
    path.chmod(0)
    with pytest.raises(wl.ModelFileError, match="cannot be read"):
        load(path)


def test_truncated_anywhere(path, content):
    for length in range(len(content)):
        text = refused(path, content[:length])
        if length < 8 or length > 8 + int.from_bytes(content[:8], "little"):
            assert "truncated" in text


def test_longer_than_it_should_be(path, content):
    refused(path, content + b"\0", "1 bytes after the last tensor")
    refused(path, content + content, "bytes after the last tensor")


def test_truncated_while_it_is_read(path, content, monkeypatch):
    header, data = split(content)
    header["2.weight"] = {"dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}
    config = json.loads(header["__metadata__"]["config"])
    config["layers"][2] = {"type": "Activation", "name": "prelu"}
    header["__metadata__"]["config"] = json.dumps(config)
    short = join(header, data)
    monkeypatch.setattr(os, "fstat", lambda _: os.stat_result([0] * 6 + [len(short) + 4] + [0] * 3))
    refused(path, short, "truncated while tensor '2.weight' was read")


class Trap:
    """What a pickle would do if it were loaded."""

    sprung = False

    def __reduce__(self):
        return setattr, (Trap, "sprung", True)


def torch_zip():
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Trap()))
    return memory.getvalue()


def npy(value):
    memory = io.BytesIO()
    np.save(memory, value, allow_pickle=True)
    return memory.getvalue()


FOREIGN = {
    "empty": (b"", "truncated or not a safetensors file: it has 0 bytes"),
    "text": (b"Once upon a time there was a model.", "not a safetensors file"),
    "json": (json.dumps(small().config()).encode(), "not a safetensors file"),
    "pickle": (pickle.dumps(Trap()), "not a safetensors file"),
    "torch": (torch_zip(), "not a safetensors file"),
    "numpy": (npy(np.zeros(3)), "not a safetensors file"),
    "numpy object": (npy(np.array([Trap()], object)), "not a safetensors file"),
    "zeros": (bytes(1000), "no JSON header"),
    "ones": (b"\xff" * 1000, "its header has 18446744073709551615 bytes"),
    "spaces": (join(b"   {}"), "no JSON header"),
    "array": (join(b"[]"), "no JSON header"),
    "not json": (join(b"{'a': 1}"), "its header is not valid JSON"),
    "not utf-8": (join(b'{"\xff": 1}'), "not UTF-8"),
    "nan": (join(b'{"a": NaN}'), "its header is not valid JSON: NaN is not allowed"),
    "twice": (join(b'{"a": 1, "a": 1}'), "its header is not valid JSON: duplicate key"),
    "no metadata": (join({"weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, bytes(4)), "no metadata"),
    "torch's metadata": (
        join({"__metadata__": {"format": "pt"}}),
        "not a wavenetlite model: its metadata has format='pt'",
    ),
    "no format": (join({"__metadata__": {}}), "format=None"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_files(name, path):
    refused(path, *FOREIGN[name])
    assert not Trap.sprung
    assert peak_of_refusal(path) < MB


def test_files_of_the_safetensors_package(path):
    package = pytest.importorskip("safetensors.numpy")
    tensors = {"weight": np.ones((2, 3), f32)}
    refused(path, package.save(tensors), "not a wavenetlite model: its header has no metadata")
    refused(path, package.save(tensors, metadata={"format": "np"}), "format='np'")


@settings(max_examples=200)
@given(content=st.binary(max_size=200), prefix=st.sampled_from(["none", "length", "brace"]))
def test_random_bytes(content, prefix, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "random bytes"
    if prefix != "none":
        content = join(content if prefix == "length" else b"{" + content)
    refused(path, content)


# ------------------------------------------------------------------------------------------------- version, metadata
def test_a_newer_version(path, content):
    header, data = split(content)
    for version in ("3", "17", "999999999"):
        header["__metadata__"]["format_version"] = version
        refused(path, join(header, data),
                f"it was written by a newer wavenetlite: format {version}, this version reads 2")  # fmt: skip
    header = {"__metadata__": header["__metadata__"], "anything": {"a newer version": "may have"}}
    refused(path, join(header, b"?"), "newer")


@pytest.mark.parametrize("version", ["", "0", "-1", "1.0", "1 ", "one", "²", "1\n", "9" * 5000])
def test_a_version_that_is_none(version, path, content):
    header, data = split(content)
    header["__metadata__"]["format_version"] = version
    refused(path, join(header, data), "format_version=", "must be a positive integer")


@pytest.mark.parametrize("key", ["format", "format_version", "config", "wavenetlite_version", "any other"])
def test_metadata_that_is_no_text(key, path, content):
    header, data = split(content)
    for junk in JUNK:
        if not isinstance(junk, str):
            header["__metadata__"][key] = junk
            refused(path, join(header, data), f"{key}=" if key != "format" else "not a wavenetlite model")


@pytest.mark.parametrize("key", ["format", "format_version", "config"])
def test_metadata_that_lacks(key, path, content):
    header, data = split(content)
    del header["__metadata__"][key]
    refused(path, join(header, data), key)


@pytest.mark.parametrize("metadata", [junk for junk in JUNK if junk != {}], ids=repr)
def test_metadata_that_is_none(metadata, path, content):
    header, data = split(content)
    refused(path, join({**header, "__metadata__": metadata}, data), "not a wavenetlite model")


# ----------------------------------------------------------------------------------------------------------- tensors
def drop(header, data):
    del header["1.bias"]
    return header, data


def drop_last(header, data):
    del header["1.running_var"]
    return header, data[:-12]


def extra(header, data):
    header["2.weight"] = {"dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}
    return header, data + bytes(4)


def extra_tracked(header, data):
    header["1.num_batches_tracked"] = {"dtype": "F32", "shape": [], "data_offsets": [len(data), len(data) + 4]}
    return header, data + bytes(4)


def rename(header, data):
    header["1.Bias"] = header.pop("1.bias")
    return header, data


def with_entry(name="0.weight", **changes):
    def change(header, data):
        header[name] |= changes
        return header, data

    return change


def swap(header, data):
    header["0.bias"]["data_offsets"], header["1.bias"]["data_offsets"] = [72, 84], [48, 60]
    return header, data


def grow(header, data):
    """A consistent header of a tensor larger than the file."""
    header["1.running_var"] = {"dtype": "F32", "shape": [2**40], "data_offsets": [96, 96 + 2**42]}
    return header, data


def without(name, key):
    def change(header, data):
        del header[name][key]
        return header, data

    return change


TAMPERED = {
    "missing": (drop, ["begins at byte 84 of the data; it must at 72, where the previous one ends"]),
    "missing last": (drop_last, ["missing tensor '1.running_var', shape (3,)"]),
    "extra": (extra, ["unexpected tensor '2.weight'"]),
    "extra, of PyTorch": (extra_tracked, ["unexpected tensor '1.num_batches_tracked'"]),
    "renamed": (rename, ["missing tensor '1.bias'"]),
    "dtype": (with_entry(dtype="F16"), ["tensor '0.weight' has dtype 'F16'; it must be 'F32'"]),
    "dtype of one size": (with_entry(dtype="I32"), ["tensor '0.weight' has dtype int32; it must be float32"]),
    "dtype of no kind": (with_entry(dtype=["F32"]), ["dtype ['F32']"]),
    "shape": (with_entry(shape=[2, 3, 2]), ["tensor '0.weight' has shape (2, 3, 2); its config says (3, 2, 2)"]),
    "shape, flat": (with_entry(shape=[12]), ["has shape (12,)"]),
    "shape of ones": (with_entry(shape=[3, 2, 2, 1]), ["has shape (3, 2, 2, 1)"]),
    "shape too large": (with_entry(shape=[3, 2, 3]), ["data_offsets (0, 48), which do not match its shape (3, 2, 3)"]),
    "shape of nothing": (with_entry(shape=[3, 2, 0]), ["do not match its shape"]),
    "shape, true": (with_entry("0.bias", shape=[True]), ["'0.bias' has shape=[True]"]),
    "shape, float": (with_entry("0.bias", shape=[3.0]), ["'0.bias' has shape=[3.0]; it must be a list"]),
    "shape, negative": (with_entry(shape=[-3, -2, 2]), ["shape=[-3, -2, 2]"]),
    "shape, long": (with_entry(shape=[1] * 100_000), ["tensor '0.weight' has shape=[1, 1"]),
    "shape, text": (with_entry(shape="322"), ["shape='322'"]),
    "shape, huge": (with_entry(shape=[2**62, 2**62], data_offsets=[0, 48]), ["do not match its shape"]),
    "offsets": (with_entry(data_offsets=[0, 52]), ["data_offsets (0, 52)"]),
    "offsets, shifted": (with_entry(data_offsets=[4, 52]), ["begins at byte 4 of the data; it must at 0"]),
    "offsets, overlapping": (with_entry("0.bias", data_offsets=[36, 48]), ["begins at byte 36 of the data"]),
    "offsets, the same": (with_entry("1.bias", data_offsets=[84, 96]), ["begins at byte 84 of the data"]),
    "offsets, backwards": (with_entry(data_offsets=[48, 0]), ["data_offsets (48, 0)"]),
    "offsets, negative": (with_entry(data_offsets=[-48, 0]), ["data_offsets=[-48, 0]"]),
    "offsets, one": (with_entry(data_offsets=[48]), ["data_offsets (48,)"]),
    "offsets, beyond": (with_entry("1.running_var", data_offsets=[2**50, 2**50 + 12]), ["begins at byte"]),
    "beyond": (grow, ["truncated: it has 108 of 4398046511200 bytes of tensors"]),
    "no dtype": (without("0.weight", "dtype"), ["must have a dtype, a shape and data_offsets"]),
    "no shape": (without("0.weight", "shape"), ["must have a dtype, a shape and data_offsets"]),
    "no offsets": (without("0.weight", "data_offsets"), ["must have a dtype, a shape and data_offsets"]),
    "more": (with_entry(order="F"), ["must have a dtype, a shape and data_offsets"]),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_tensors(name, path, content):
    change, parts = TAMPERED[name]
    text = refused(path, join(*change(*split(content))), *parts)
    with pytest.raises(wl.ModelFileError) as excinfo:
        info(path)
    assert str(excinfo.value) == text
    assert peak_of_refusal(path) < 5 * MB


def test_tensors_may_stand_in_any_order(path, content):
    header, data = split(content)
    bias, weight = header["0.bias"]["data_offsets"], header["0.weight"]["data_offsets"]
    header["0.bias"]["data_offsets"], header["0.weight"]["data_offsets"] = [0, 12], [12, 60]
    path.write_bytes(join(dict(reversed(header.items())), data[slice(*bias)] + data[slice(*weight)] + data[60:]))
    assert same_bits(load(path)(signal(9, 2)), small()(signal(9, 2)))
    path.write_bytes(join(*swap(*split(content))))  # a valid file of another model
    assert same_bits(load(path).state_dict()["1.bias"], small().state_dict()["0.bias"])


@pytest.mark.parametrize("entry", JUNK, ids=repr)
def test_a_tensor_that_is_none(entry, path, content):
    header, data = split(content)
    refused(path, join({**header, "0.weight": entry}, data), "tensor '0.weight'")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_no_numbers(value, path, content):
    for at in (0, 8, -4 + split(content)[0]["1.bias"]["data_offsets"][1]):
        header, data = split(content)
        refused(path, join(header, data[:at] + struct.pack("<f", value) + data[at + 4 :]), "has infinities or NaN")


def test_a_variance_below_zero(path, content):
    header, data = split(content)
    refused(path, join(header, data[:-4] + struct.pack("<f", -1)), "running_var=-1", "must be above -eps")


# ------------------------------------------------------------------------------------------------------------ config
BAD_CONFIGS = {
    "null": (None, "its config is a NoneType; it must be an object"),
    "list": ([], "its config is a list"),
    "not json": ("{type: 1}", "its config is not valid JSON"),
    "nan": ('{"type": "BatchNorm", "channels": 1, "eps": NaN}', "its config is not valid JSON: NaN is not allowed"),
    "infinity": ('{"type": "BatchNorm", "channels": 1, "eps": -Infinity}', "-Infinity is not allowed"),
    "overflow": ('{"type": "BatchNorm", "channels": 1, "eps": 1e999}', "eps=inf must be finite"),
    "twice": ('{"type": "CumulativePool", "kind": "max", "kind": "mean"}', "duplicate key"),
    "many digits": ('{"type": "CumulativePool", "kind": ' + "1" * 10_000 + "}", "its config is not valid JSON"),
    "empty": ({}, "type=None is not a known layer"),
    "unknown": ({"type": "Mystery"}, "type='Mystery' is not a known layer"),
    "a class": ({"type": "__class__"}, "type='__class__' is not a known layer"),
    "a module": ({"type": "os.system", "command": "true"}, "type='os.system' is not a known layer"),
    "unknown inside": ({"type": "Sequential", "layers": [{"type": "Mystery"}]}, "type='Mystery' is not a known layer"),
    "option missing": ({"type": "Conv1d", "in_channels": 1}, "missing 2 required positional arguments"),
    "option unknown": ({"type": "CumulativePool", "kind": "max", "of": 1}, "unexpected keyword argument 'of'"),
    "option of two lines": ({"type": "CumulativePool", "a\nb\x1b[31m": 1}, "a?b?[31m"),
    "option self": ({"type": "CumulativePool", "self": 1}, "self"),
    "option long": ({"type": "CumulativePool", "kind": "x" * 500_000}, "xxx ... xxx", "must be one of mean, max, last"),
    "broken rule": ({"type": "Conv1d", "in_channels": 1, "out_channels": 1, "kernel_size": 0}, "kernel_size=0 must be"),
    "layers do not fit": (
        {"type": "Sequential", "layers": [{"type": "BatchNorm", "channels": n} for n in (1, 2)]}, "in_channels=2"),
    "text for a list": ({"type": "Sequential", "layers": "ab"}, "layers is a str"),
    "lone surrogate": ('{"type": "\\ud800"}', "is not a known layer"),
    "no number": ({"type": "BatchNorm", "channels": 1, "eps": 10**400}, "its config is invalid"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CONFIGS)
def test_bad_configs(name, path):
    config, *parts = BAD_CONFIGS[name]
    header = head_for("null" if config is None else config)
    refused(path, join(header), *parts)


def test_a_network_that_cannot_run(path):
    layers = [{"type": "Residual", "layers": [{"type": "Conv1d", "in_channels": 1, "out_channels": 1, "kernel_size": 1,
                                               "stride": 2, "bias": False}]}]  # fmt: skip
    weight = {"0.0.weight": {"dtype": "F32", "shape": [1, 1, 1], "data_offsets": [0, 4]}}
    header = head_for({"type": "Sequential", "layers": layers}) | weight
    refused(path, join(header, bytes(4)), "its network cannot run: branches have frame periods [1, 2]")


def one_of_each_kind():
    """The first name in the catalogue of each type of module and choice of options that its configuration holds."""
    found = {}
    for name, case in CATALOGUE.items():
        config = case.build().config()
        found.setdefault((config["type"], *sorted(config)), name)
    return list(found.values())


@pytest.mark.parametrize("name", one_of_each_kind())
def test_options_replaced_by_junk(name, path):
    save(CATALOGUE[name].model(), path)
    header, data = split(path.read_bytes())
    config = json.loads(header["__metadata__"]["config"])
    for key, junk in [(key, junk) for key in config for junk in JUNK]:
        header["__metadata__"]["config"] = json.dumps(config | {key: junk})
        loaded_or_refused(path, join(header, data))


# ------------------------------------------------------------------------------------------------------ absurd sizes
CONV = {"type": "Conv1d", "in_channels": 65_536, "out_channels": 65_536, "kernel_size": 65_536}
UNIT = {"type": "Conv1d", "in_channels": 1, "out_channels": 1, "kernel_size": 1}
WIDE = {"type": "WaveNet", "in_channels": 65_536, "out_channels": 65_536, "residual_channels": 32_768,
        "skip_channels": 65_536, "kernel_size": 65_536, "condition_channels": 65_536}  # fmt: skip
WIDEN = {"type": "Concat", "branches": [[], []]}
RELU = {"type": "Activation", "name": "relu"}

ABSURD = {
    "conv": (CONV, "missing tensor 'weight', shape (65536, 65536, 65536)"),
    "linear": ({"type": "Linear", "in_features": 65_536, "out_features": 65_536}, "missing tensor"),
    "wavenet": (WIDE | {"dilations": [65_536] * 10}, "missing tensor"),
    "tcn": ({"type": "TCN", "in_channels": 65_536, "out_channels": 65_536, "channels": 65_536, "kernel_size": 65_536},
            "missing tensor"),
    "conv and what takes any channels": (
        {"type": "Sequential", "layers": [CONV, RELU, {"type": "Residual", "layers": [RELU]}, CONV]},
        "missing tensor"),
    "in branches": ({"type": "Add", "branches": [CONV, [CONV, RELU], [{"type": "Residual", "layers": [RELU]}]]},
                    "missing tensor"),
    "prelu": ({"type": "Activation", "name": "prelu", "channels": 65_536}, "missing tensor"),
    "too many channels": (CONV | {"out_channels": 2**40}, "out_channels=1099511627776 must be at most"),
    "ever wider": ({"type": "Sequential", "layers": [UNIT] + [WIDEN] * 1000}, "must be at most 65536"),
    "ever wider, inside": (
        {"type": "Sequential", "layers": [UNIT, {"type": "Sequential", "layers": [WIDEN] * 1000 + [
            {"type": "Activation", "name": "prelu"}]}]}, "its config is invalid"),
    "many layers": ({"type": "Sequential", "layers": [RELU] * 10_000}, "10001 layers and list entries"),
    "many dilations": (WIDE | {"dilations": [1] * 9_000}, "dilations has 9000 entries"),
    "very many dilations": (WIDE | {"dilations": [1] * 300_000}, "300001 layers and list entries"),
    "many wavenets": ({"type": "Sequential", "layers": [WIDE | {"dilations": [1] * 4000}] * 20}, "80021 layers"),
    "many lists": ({"type": "Add", "branches": [[]] * 250_000}, "250001 layers and list entries"),
    "a long config": ({"type": "Add", "branches": [[]] * 300_000}, "its config has 1200029 characters"),
}  # fmt: skip


@pytest.mark.parametrize("name", ABSURD)
def test_absurd_sizes_take_no_memory(name, path):
    config, *parts = ABSURD[name]
    refused(path, join(head_for(config)), *parts)
    size = path.stat().st_size
    assert peak_of_refusal(path) < MB + 40 * size


def test_an_absurd_size_that_a_header_agrees_with(path):
    shape = [65_536, 65_536, 65_536]
    weight = {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * 65_536**3]}
    refused(path, join(head_for(CONV | {"bias": False}) | {"weight": weight}, bytes(100)), "truncated: it has 100 of")
    assert peak_of_refusal(path) < MB


@pytest.mark.parametrize("length", [2**20, 2**23, 2**23 + 1, 2**31, 2**32, 2**63, 2**64 - 1])
def test_a_header_longer_than_the_file(length, path):
    refused(path, length.to_bytes(8, "little") + b"{}", "its header")
    assert peak_of_refusal(path) < MB


NESTED = '{"type": "Sequential", "layers": ['
DEEP = {
    "config": head_for(NESTED * 100 + "]}" * 100),
    "config, never closed": head_for(NESTED * 10_000),
    "config, lists": head_for("[" * 500_000),
    "config, in an option": head_for('{"type": "CumulativePool", "kind": ' + "[" * 100_000 + "]" * 100_000 + "}"),
    "header": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "header, objects": b'{"a": ' * 100_000 + b"1" + b"}" * 100_000,
    "header, and brackets in text": b'{"\\"": "]}]}\\\\", "a": ' + b'["]",' * 1000 + b"1" + b"]" * 1000 + b"}",
}  # fmt: skip


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("limit", [1000, 1_000_000])
def test_deep_nesting(name, limit, path):
    before = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(limit)  # a parser that trusts it would run out of stack
        refused(path, join(DEEP[name]), "is nested more than 100 deep")
    finally:
        sys.setrecursionlimit(before)


def test_brackets_in_text_are_not_nesting(path, content):
    header, data = split(content)
    header["__metadata__"]["more"] = '[{"\\' * 1000 + "\\"
    path.write_bytes(join(header, data))
    assert load(path).config() == small().config()


def test_nested_as_deep_as_may_be(path):
    path.write_bytes(join(head_for(NESTED * 50 + "]}" * 50)))
    model = load(path)
    assert same_bits(model(signal(9, 2)), signal(9, 2))
    refused(path, join(head_for(NESTED * 51 + "]}" * 51)), "is nested more than 100 deep")


HUGE_HEADERS = {
    "lists": b'{"a": [' + b"[]," * 1_000_000 + b"[]]}",
    "numbers": b'{"a": [' + b"1," * 2_000_000 + b"1]}",
    "names": b"{" + b",".join(b'"%d":1' % number for number in range(600_000)) + b"}",
    "quotes": b"{" + b'"' * 5_000_000,
    "backslashes": b'{"' + b"\\" * 5_000_000,
    "digits": b'{"a": ' + b"1" * 5_000_000 + b"}",
    "spaces": b"{" + b" " * 5_000_000,
}


@pytest.mark.parametrize("name", HUGE_HEADERS)
def test_huge_headers(name, path):
    refused(path, join(HUGE_HEADERS[name]), "its header")
    assert peak_of_refusal(path) < MB + 25 * path.stat().st_size


# -------------------------------------------------------------------------------------------------------------- fuzz
def loaded_or_refused(path, content):
    """A file of any bytes is a model that can be described, or one line."""
    path.write_bytes(content)
    try:
        model = load(path)
    except wl.ModelFileError as error:
        assert str(error).startswith(f"{path}: ")
        assert str(error).isprintable()
    else:
        assert isinstance(model, nn.Module)
        assert all(np.isfinite(value).all() for value in model.state_dict().values())


@pytest.fixture(scope="module")
def valid(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "model.safetensors"
    save(small(), path)
    return path.read_bytes()


@settings(max_examples=400)
@given(data=st.data())
def test_flipped_bytes(data, valid, tmp_path_factory):
    content = bytearray(valid)
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    loaded_or_refused(tmp_path_factory.getbasetemp() / "flipped", bytes(content))


@settings(max_examples=200)
@given(data=st.data())
def test_cut_and_pasted_bytes(data, valid, tmp_path_factory):
    places = st.integers(0, len(valid))
    (a, b), (c, d) = sorted([data.draw(places), data.draw(places)]), sorted([data.draw(places), data.draw(places)])
    content = valid[:a] + valid[c:d] + valid[b:]
    if data.draw(st.booleans()):  # a length that fits, so that what is pasted into the header is looked at
        content = max(0, int.from_bytes(valid[:8], "little") + d - c - (b - a)).to_bytes(8, "little") + content[8:]
    loaded_or_refused(tmp_path_factory.getbasetemp() / "pasted", content)


@pytest.mark.slow
def test_every_byte_of_the_header_replaced(valid, path):
    for at in range(int.from_bytes(valid[:8], "little") + 8):
        for byte in b'\x00"{9,':
            loaded_or_refused(path, valid[:at] + bytes([byte]) + valid[at + 1 :])
