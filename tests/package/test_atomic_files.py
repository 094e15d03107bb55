"""Files appear whole or not at all, where only a regular file can be, and nothing is left of those that did not."""

import errno
import os
import resource
import signal
import socket
import stat
import subprocess
import sys
import time

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.support import atomic_files
from wavenetlite.support.atomic_files import NewFile, check_target, replacing


@pytest.fixture(params=["unnamed", "named"])
def way(request, monkeypatch):
    """With O_TMPFILE, and as on systems that have none."""
    if request.param == "named":
        monkeypatch.setattr(NewFile, "_open_unnamed", lambda self: False)
    elif not hasattr(os, "O_TMPFILE"):
        pytest.skip("no O_TMPFILE here")
    return request.param


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_name_appears_with_the_whole_file(tmp_path, way):
    with replacing(tmp_path / "new") as file:
        file.write(b"all ")
        assert names(tmp_path) == ([] if way == "unnamed" else [".wavenetlite-0.tmp"])
        file.write(b"of it")
    assert names(tmp_path) == ["new"]
    assert (tmp_path / "new").read_bytes() == b"all of it"


@pytest.mark.parametrize("error", [RuntimeError(), KeyboardInterrupt(), SystemExit(), OSError(errno.ENOSPC, "full")])
def test_an_error_leaves_the_old_file_alone(tmp_path, way, error):
    (tmp_path / "old").write_bytes(b"old")
    with pytest.raises(type(error)) as caught, replacing(tmp_path / "old") as file:
        file.write(b"half")
        raise error
    assert names(tmp_path) == ["old"] and (tmp_path / "old").read_bytes() == b"old"
    if isinstance(error, OSError):
        assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "old"))


def test_an_error_of_another_file_keeps_its_name(tmp_path):
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "new"):
        (tmp_path / "input").read_bytes()
    assert caught.value.filename == str(tmp_path / "input")


def test_many_files_at_once(tmp_path, way):
    files = [NewFile(tmp_path) for _ in range(5)]
    for number, new in enumerate(files):
        new.file.write(b"%d" % number)
    for number in (3, 0, 4, 1):
        files[number].publish(tmp_path / f"f{number}")
    for new in files:
        new.__exit__()
    assert names(tmp_path) == ["f0", "f1", "f3", "f4"]
    assert [path.read_bytes() for path in sorted(tmp_path.iterdir())] == [b"0", b"1", b"3", b"4"]


def test_mode_and_links_are_kept(tmp_path, way):
    target = tmp_path / "old"
    target.write_bytes(b"old")
    target.chmod(0o640)
    (tmp_path / "link").symlink_to("old")
    with replacing(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink() and target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_the_owner_is_kept(tmp_path):
    target = tmp_path / "old"
    target.write_bytes(b"old")
    os.chown(target, 1234, 2345)
    target.chmod(0o4750)
    with replacing(target) as file:
        file.write(b"new")
    found = target.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 2345, 0o4750)


def fifo(path):
    os.mkfifo(path)


def sock(path):
    os.chdir(path.parent)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)


def device(path):
    path.symlink_to(os.devnull)


SPECIAL = {"FIFO": fifo, "socket": sock, "device": device, "directory": lambda path: path.mkdir()}
WRITERS = {
    "a model": (".safetensors", lambda path: wl.nn.Linear(2, 2).save(path)),
    "an export": (".py", lambda path: wl.formats.save(wl.nn.Linear(2, 2), path)),
    "audio": (".wav", lambda path: wl.audio.write(path, np.zeros(9, np.float32), 8000)),
    "a figure": (".png", lambda path: wl.figures.plot_tree(wl.nn.Conv1d(1, 1, 3), path)),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("kind", SPECIAL)
def test_only_a_regular_file_is_a_target(tmp_path, monkeypatch, kind, writer):
    monkeypatch.chdir(tmp_path)
    ending, write = WRITERS[writer]
    if writer == "a figure":
        pytest.importorskip("matplotlib")
    path = tmp_path / f"x{ending}"
    SPECIAL[kind](path)
    before = path.lstat()[:7]
    with pytest.raises(wl.TargetError, match=f"is a {kind}; it must be a regular file, or a free name"):
        write(path)
    assert path.lstat()[:7] == before and names(tmp_path) == [path.name]


def test_an_input_is_no_target(tmp_path):
    data = tmp_path / "data"
    (data / "yes").mkdir(parents=True)
    clip = data / "yes" / "1.wav"
    clip.write_bytes(b"clip")
    (tmp_path / "link").symlink_to(clip)
    (tmp_path / "hard").hardlink_to(clip)
    for target in (clip, tmp_path / "link", tmp_path / "hard"):
        with pytest.raises(wl.TargetError, match=r"OUT=.* is the same file as the input .*1\.wav'; it must be another"):
            check_target(target, ["none", clip], "OUT")
    for target in (tmp_path / "link", tmp_path / "hard"):
        with pytest.raises(wl.TargetError, match="is the same file as the input"):
            check_target(target, [data])
    (data / "figure.png").write_bytes(b"of an earlier run")
    check_target(data / "figure.png", [data])
    check_target(tmp_path / "free", [data])


def test_odd_names(tmp_path):
    with pytest.raises(wl.TargetError, match="cannot be the name of a file"):
        wl.nn.Linear(2, 2).save(f"{tmp_path}/a\0b")
    with pytest.raises(wl.ArrayTypeError, match="path is a int"):
        check_target(3)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="loop"):
        wl.nn.Linear(2, 2).save(tmp_path / "loop")
    long = tmp_path / ("n" * 250)
    wl.nn.Linear(2, 2).save(long)
    assert names(tmp_path) == ["loop", long.name]


KILLED = """
import sys, time
from pathlib import Path
from wavenetlite.support.atomic_files import NewFile, replacing
if sys.argv[2] == "named":
    NewFile._open_unnamed = lambda self: False
with replacing(Path(sys.argv[1], "new")) as file:
    file.write(bytes(100_000))
    print("open", flush=True)
    time.sleep(60)
"""


def test_what_a_killed_process_leaves(tmp_path, way):
    """Nothing; or, without O_TMPFILE, what the next write into the folder removes."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", KILLED, str(tmp_path), way]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as running:
        assert running.stdout.readline() == b"open\n"
        with replacing(tmp_path / "other") as file:  # beside the living one
            file.write(b"o")
        assert names(tmp_path) == ([".wavenetlite-0.tmp"] if way == "named" else []) + ["other"]
        running.kill()
    assert names(tmp_path) == ([".wavenetlite-0.tmp"] if way == "named" else []) + ["other"]
    with replacing(tmp_path / "third") as file:
        file.write(b"3")
    assert names(tmp_path) == ["other", "third"]


def test_a_link_left_between_two_system_calls_is_removed(tmp_path, way):
    (tmp_path / ".wavenetlite-0.tmp").write_bytes(b"complete, but never renamed")
    with replacing(tmp_path / "new") as file:
        file.write(b"new")
    assert names(tmp_path) == ["new"]


def test_a_locked_name_is_never_taken(tmp_path, way, monkeypatch):
    monkeypatch.setattr(atomic_files, "MOST_AT_ONCE", 2)
    monkeypatch.setattr(NewFile, "_open_unnamed", lambda self: False)
    with NewFile(tmp_path), NewFile(tmp_path):
        with pytest.raises(FileExistsError, match="2 files that are being written"):
            NewFile(tmp_path)
        assert len(names(tmp_path)) == 2
    assert not names(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_command_that_is_ended_leaves_nothing(tmp_path, monkeypatch, number):
    monkeypatch.chdir(tmp_path)
    wl.audio.write("long.wav", np.zeros(8000 * 600, np.float32), 8000)
    wl.Sequential([wl.nn.Conv1d(1, 1, 3)]).save("net.safetensors")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    code = "from wavenetlite.support.atomic_files import NewFile; NewFile._open_unnamed = lambda self: False\n"
    code += "from wavenetlite.cli import console; console()"
    command = ["render", "long.wav", "out.wav", "--model", "net.safetensors", "--block", "1"]
    running = subprocess.Popen([sys.executable, "-c", code, *command], env=environment, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not list(tmp_path.glob(".*.tmp")):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    running.send_signal(number)
    _, error = running.communicate(timeout=30)
    assert running.returncode == 128 + number and b"Traceback" not in error
    assert b"nothing has been written" in error or number == signal.SIGTERM
    assert names(tmp_path) == ["long.wav", "net.safetensors"]


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3", "aiff", "caf", "w64", "voc"])
def test_audio_on_a_full_disk(tmp_path, ending):
    """libsndfile itself does not report errors in the last bytes of FLAC, Vorbis and MP3."""
    path = tmp_path / f"x.{ending}"
    y = np.random.default_rng(0).uniform(-0.5, 0.5, 20_000).astype(np.float32)
    wl.audio.write(path, y, 16000)
    size, old = path.stat().st_size, path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (1, size // 2, size - 300, size - 1):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limits[1]))
        try:
            with pytest.raises(wl.audio.AudioFileError, match=rf"x\.{ending}: cannot be written: "):
                wl.audio.write(path, y, 16000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert names(tmp_path) == [path.name] and path.read_bytes() == old


def test_a_model_on_a_full_disk(tmp_path):
    path, limits = tmp_path / "m", resource.getrlimit(resource.RLIMIT_FSIZE)
    model = wl.TCN(8, 8, channels=32, dilations=[1, 2])
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            model.save(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert caught.value.filename == str(path) and not names(tmp_path)


def test_audio_in_two_files_needs_another_format(tmp_path):
    with pytest.raises(wl.ParameterError, match="must have the suffix of a format"):
        wl.audio.write(tmp_path / "x.sd2", np.zeros(9, np.float32), 8000)
