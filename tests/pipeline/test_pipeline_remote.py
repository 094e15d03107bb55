"""Sources and feature sets by the URLs of fsspec: as on disk, and nothing of an account where others see it."""

import functools
import http.server
import json
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pipeline_data import corpus, lines, small_chunks, spec, tree

import wavenetlite as wl
from wavenetlite.pipeline import PipelineError, clips, extract, lease, listed, reading, shards
from wavenetlite.pipeline.entries import Entry, Listing, Root
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import RemotePath, place, status, told
from wavenetlite.support.urls import divided, join_url, name_of, parent_url, shown, without

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (the extra remote)")
pytest.importorskip("aiohttp", reason="aiohttp is not installed (the extra remote)")


def test_a_url_in_a_path_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = corpus(tmp_path / "data")
    with pytest.raises(ParameterError, match=r"was a URL before pathlib took a slash out of it"):
        extract(data, Path("memory://set"), features=spec())
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.fixture
def store():
    """What is in memory://."""
    found = fsspec.filesystem("memory")
    found.rm("/", recursive=True)
    yield found
    found.rm("/", recursive=True)


def put(store, folder, prefix):
    for path in Path(folder).rglob("*"):
        if path.is_file():
            store.pipe_file(f"{prefix}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def public(store, prefix):
    """As `pipeline_data.tree`: the files of a set without what resumes it."""
    return {
        name.removeprefix(f"{prefix}/"): store.cat_file(name) for name in store.find(prefix) if "/.parts/" not in name
    }


def on_disk(out):
    return {name: Path(out, name).read_bytes() for name in tree(out)}


def without_places(files):
    """The files but for the names of source and folders."""
    about = json.loads(files["dataset.json"])
    return {**files, "dataset.json": {name: value for name, value in about.items() if name not in ("source", "roots")}}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("s3://bucket/a/b.wav", ("s3://", "bucket/a/b.wav", "")),
        ("https://host/a.tar?sig=1", ("https://", "host/a.tar", "?sig=1")),
        ("simplecache::s3://bucket/a", ("simplecache::s3://", "bucket/a", "")),
        ("zip://a/*.wav::s3://bucket/x.zip", ("zip://", "a/*.wav", "::s3://bucket/x.zip")),
        ("s3://bucket/data/?.wav", ("s3://", "bucket/data/?.wav", "")),
    ],
)
def test_a_url_and_its_path(text, parts):
    assert divided(text) == parts
    assert "".join(parts) == text
    below = join_url(text, "x/y")
    assert name_of(below) == "y"
    assert parent_url(parent_url(below)) == text


def test_what_belongs_to_an_account_is_not_shown():
    assert shown("s3://key:word@bucket/a") == "s3://bucket/a"
    assert shown("GET https://a.b/c?X-Amz-Signature=123&x=y then https://u@d/e") == "GET https://a.b/c then https://d/e"
    assert shown("s3://bucket/?.wav") == "s3://bucket/?.wav"
    assert str(RemotePath("https://u:p@h/a?token=1")) == "https://h/a"
    assert shown("abfss://box@a.dfs.core.windows.net/b") == "abfss://box@a.dfs.core.windows.net/b"
    assert (
        without("bucket me:word@b, sig=a%2Fbcdef1, a/bcdef1", "s3://me:word@b/c?sig=a%2Fbcdef1")
        == "bucket ***@b, ***, ***"
    )
    url = "https://me:hidden@host/a?sig=hidden"
    assert "hidden" not in repr(Entry("a", url, "b", url=url)) + repr(Listing("", roots={url: Root("")}))


@pytest.mark.parametrize("message", ["no {0}", "{0!r} is forbidden", "user hidden1:hidden2@host", "?signature=hidden3"])
def test_what_a_store_says_is_not_passed_on(message):
    url = "https://hidden1:hidden2@host/a?signature=hidden3"
    for error in (OSError, PermissionError, RuntimeError, ImportError, ConnectionError):
        with pytest.raises(Exception) as caught, told(url):
            raise error(message.format(url))
        assert "hidden" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_as_on_disk_in_and_out(tmp_path, store, monkeypatch):
    small_chunks(monkeypatch)
    data = corpus(tmp_path / "data", clips=8)
    put(store, data, "/corpus")
    extract(data, tmp_path / "out", features=spec())
    first = extract("memory://corpus", "memory://sets/one", features=spec(), n_jobs=2)
    assert first.computed == 16
    assert without_places(public(store, "/sets/one")) == without_places(on_disk(tmp_path / "out"))
    assert extract("memory://corpus", "memory://sets/one", features=spec()).computed == 0
    items = wl.pipeline.open("memory://sets/one")
    assert items.verify() == []
    assert items.about["roots"] == [{"path": "memory://corpus", "archive": False}]
    assert items.spec.fingerprint == spec().fingerprint


def test_what_changes_in_a_store_is_computed_again(tmp_path, store):
    data = corpus(tmp_path / "data", clips=4)
    put(store, data, "/corpus")
    extract("memory://corpus", "memory://out", features=spec())
    store.pipe_file("/corpus/no/s0_nohash_0.wav", (data / "yes/s1_nohash_1.wav").read_bytes())
    again = extract("memory://corpus", "memory://out", features=spec())
    assert (again.computed, again.items, again.errors) == (1, 8, {"duplicate": 1})


@pytest.mark.parametrize(
    ("source", "count"),
    [
        ("memory://a/c.tar", 8),
        ("memory://a/c.tar.gz", 8),
        ("memory://a/c.zip", 8),
        ("zip://::memory://a/c.zip", 8),
        ("zip://no::memory://a/c.zip", 4),
        ("tar://*/s1*::memory://a/c.tar", 2),
        ("memory://corpus/**/*.wav", 8),
        ("memory://corpus/*/s0*", 2),
        ("memory://corpus/n?", 4),
        ("memory://corpus/yes/s1_nohash_1.wav", 1),
        ("memory://a/rows.csv", 2),
        ("simplecache::memory://corpus", 8),
    ],
)
def test_every_kind_of_source(tmp_path, store, source, count):
    data = corpus(tmp_path / "data", clips=4)
    put(store, data, "/corpus")
    for name, mode in {"c.tar": "w", "c.tar.gz": "w:gz"}.items():
        with tarfile.open(tmp_path / name, mode) as archive:
            archive.add(data, ".")
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in data.rglob("*.wav"):
            archive.write(path, path.relative_to(data))
    for name in ("c.tar", "c.tar.gz", "c.zip"):
        store.pipe_file(f"/a/{name}", (tmp_path / name).read_bytes())
    rows = "path,label\nmemory://corpus/no/s0_nohash_0.wav,n\n../corpus/yes/s1_nohash_1.wav,y\n"
    store.pipe_file("/a/rows.csv", rows.encode())
    done = extract(source, "memory://out", features=spec(), n_jobs=1)
    assert (done.items, done.errors) == (count, {})
    hashes = {item.feature_hash for item in wl.pipeline.open("memory://out")}
    extract(data, tmp_path / "all", features=spec(), n_jobs=1)
    assert hashes <= {item.feature_hash for item in wl.pipeline.open(tmp_path / "all")}


def test_a_long_recording_is_read_from_disk_in_blocks(tmp_path, store, monkeypatch):
    monkeypatch.setattr(reading, "MOST_IN_MEMORY", 1000)
    monkeypatch.setattr(clips, "MOST_BYTES", 1000)
    put(store, corpus(tmp_path / "data", clips=2), "/corpus")
    extract("memory://corpus", "memory://out", features=spec())
    extract(tmp_path / "data", tmp_path / "out", features=spec())
    assert without_places(public(store, "/out")) == without_places(on_disk(tmp_path / "out"))


@pytest.mark.parametrize("kind", ["corpus", "a/c.tar", "a/c.zip"])
def test_recordings_are_fetched_together(tmp_path, store, monkeypatch, kind):
    data, asked = corpus(tmp_path / "data", clips=8), []
    put(store, data, "/corpus")
    with tarfile.open(tmp_path / "c.tar", "w") as archive:
        archive.add(data, ".")
    with zipfile.ZipFile(tmp_path / "c.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in data.rglob("*.wav"):
            archive.write(path, path.relative_to(data))
    for name in ("c.tar", "c.zip"):
        store.pipe_file(f"/a/{name}", (tmp_path / name).read_bytes())
    fetch = type(store).cat_ranges
    monkeypatch.setattr(
        type(store),
        "cat_ranges",
        lambda self, paths, *rest, **more: asked.append(len(paths)) or fetch(self, paths, *rest, **more),
    )
    done = extract(f"memory://{kind}", "memory://out", features=spec(), n_jobs=1)
    assert (done.items, done.errors, asked) == (16, {}, [16])


def test_train_reads_what_the_pipeline_lists(tmp_path, store):
    data = corpus(tmp_path / "data", clips=4)
    put(store, data, "/corpus")
    elsewhere, here = (wl.train.read_corpus(source, clip_s=0.1) for source in ("memory://corpus", data))
    assert elsewhere.labels == here.labels
    assert np.array_equal(elsewhere.train.audio, here.train.audio)


def test_an_interrupt_at_every_shard_resumes(tmp_path, store, monkeypatch):
    small_chunks(monkeypatch)
    put(store, corpus(tmp_path / "data", clips=8), "/corpus")
    extract("memory://corpus", "memory://whole", features=spec(), n_jobs=1)
    finish, made = shards.ShardWriter.finish, []

    def stop_at_the_second(self, name):
        if len(made) % 2:
            made.append(None)
            raise KeyboardInterrupt
        finish(self, name)
        made.append(name)

    monkeypatch.setattr(shards.ShardWriter, "finish", stop_at_the_second)
    for _ in range(20):
        try:
            extract("memory://corpus", "memory://out", features=spec(), n_jobs=1)
            break
        except KeyboardInterrupt:
            with pytest.raises(PipelineError, match="not finished"):
                wl.pipeline.open("memory://out")
    names = [name for name in made if name]
    assert len(names) == len(set(names)) > 1  # nothing twice
    assert public(store, "/out") == public(store, "/whole")


def test_one_extraction_at_a_time(tmp_path, store, monkeypatch):
    put(store, corpus(tmp_path / "data", clips=2), "/corpus")
    lock = RemotePath("memory://out/.parts/lock")
    held = lease.Lease(lock, RemotePath("memory://out"))
    with held, pytest.raises(PipelineError, match="another extraction is writing"):
        extract("memory://corpus", "memory://out", features=spec())
    monkeypatch.setattr(lease, "PATIENCE_S", 1.5)
    left = {"owner": "x", "host": "elsewhere", "pid": 1, "since": 1.0, "beats": 3}  # by a killed one
    for owner in (left, {**left, "host": lease.host()}):
        store.pipe_file("/out/.parts/lock", json.dumps(owner).encode())
        assert extract("memory://corpus", "memory://out", features=spec()).items == 4
        assert not store.exists("/out/.parts/lock")


@pytest.mark.parametrize("name", ["in another container", "where nobody can say"])
def test_an_owner_of_the_same_host_name_is_not_taken_for_a_dead_process(store, monkeypatch, name):
    """It has the number of no process here, and lives."""
    there = f"{lease.socket.gethostname()} started pid:[1]" if name == "in another container" else ""
    monkeypatch.setattr(lease, "PATIENCE_S", 5)
    if not there:
        monkeypatch.setattr(lease, "host", str)
    stop, lock = threading.Event(), RemotePath("memory://out/lock")

    def live():
        beats = 0
        while not stop.wait(0.1):
            beats += 1
            owner = {"owner": "x", "host": there, "pid": 2**22 + 1, "since": 1.0, "beats": beats}
            store.pipe_file("/out/lock", json.dumps(owner).encode())

    thread = threading.Thread(target=live)
    thread.start()
    try:
        while not store.exists("/out/lock"):
            stop.wait(0.05)
        with pytest.raises(PipelineError, match="another extraction"), lease.Lease(lock, RemotePath("memory://out")):
            pass
    finally:
        stop.set()
        thread.join()


def test_a_container_of_the_same_name_is_another_host():
    code = "from wavenetlite.pipeline.lease import host; print(host())"
    asked = [sys.executable, "-c", f"import sys; sys.path[:] = {sys.path!r}\n{code}"]
    apart = ["unshare", "--pid", "--fork", "--mount-proc"]
    if not shutil.which("unshare") or subprocess.run([*apart, "true"], check=False, capture_output=True).returncode:
        pytest.skip("namespaces of processes cannot be made here")
    beside, inside = (
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        for command in (asked, [*apart, *asked])
    )
    assert beside == lease.host() != inside
    assert beside.split()[0] == inside.split()[0]


def test_a_lease_that_another_took_ends_the_extraction(store):
    with lease.Lease(RemotePath("memory://out/lock"), RemotePath("memory://out")) as held:
        held.check()
        store.pipe_file("/out/lock", b'{"owner": "another"}')
        with pytest.raises(PipelineError, match="another extraction"):
            held.check()
    assert store.cat_file("/out/lock") == b'{"owner": "another"}'


def test_signed_urls_in_a_manifest_stay_in_it(tmp_path, monkeypatch):
    with served(corpus(tmp_path / "data", clips=2)) as port:
        rows = [{"audio_filepath": f"http://me:hidden0@127.0.0.1:{port}/{label}/s0_nohash_0.wav?sig=hidden{label}",
                 "label": label} for label in ("no", "yes")]  # fmt: skip
        Path(tmp_path, "rows.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
        done = extract(tmp_path / "rows.jsonl", tmp_path / "out", features=spec(), n_jobs=1)
        assert (done.items, done.errors) == (2, {})
        monkeypatch.setattr("wavenetlite.support.remote.MARKS", ())  # nothing says that it is the same
        assert extract(tmp_path / "rows.jsonl", tmp_path / "out", features=spec(), n_jobs=1).copied == 2
    for path in Path(tmp_path, "out").rglob("*"):
        assert path.is_dir() or b"hidden" not in path.read_bytes(), path
    assert lines(tmp_path / "out/index.jsonl")[0]["path"].endswith("/no/s0_nohash_0.wav")


@pytest.mark.parametrize("source", ["c.tar?sig=hidden", "c.zip?sig=hidden", "no/s0_nohash_0.wav", ""])
def test_a_server_that_gives_whole_files_only(tmp_path, source):
    data = corpus(tmp_path / "data", clips=2)
    with tarfile.open(tmp_path / "c.tar", "w") as archive:
        archive.add(data, ".")
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        for path in data.rglob("*.wav"):
            archive.write(path, path.relative_to(data))
    for name in ("c.tar", "c.zip"):
        Path(tmp_path, name).rename(data / name)
    with served(data) as port:
        done = extract(f"http://127.0.0.1:{port}/{source}", tmp_path / "out", features=spec(), n_jobs=1)
    assert (done.items, done.errors) == (1 if source.startswith("no") else 4, {})
    assert "hidden" not in json.dumps(done.about)


def test_an_archive_that_comes_only_whole_comes_few_times(tmp_path, monkeypatch):
    data = corpus(tmp_path / "data", clips=8)
    with zipfile.ZipFile(data / "c.zip", "w") as archive:
        for path in data.rglob("*.wav"):
            archive.write(path, path.relative_to(data))
    asked = []
    monkeypatch.setattr(Quiet, "log_message", lambda self, *_: asked.append(self.command))
    with served(data) as port:
        assert extract(f"http://127.0.0.1:{port}/c.zip", tmp_path / "out", features=spec(), n_jobs=1).items == 16
    assert asked.count("GET") <= 3  # its list, a part in vain, all of it


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("memory://nothing", "there is no such file"),
        ("nonsense://a/b", "Protocol not known: nonsense"),
        ("http://me:hidden@127.0.0.1:9/a.wav?sig=hidden", "127.0.0.1:9"),
        ("zip://x::memory://a/b.txt", "must be an archive"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, store, source, reason):
    with pytest.raises(ParameterError) as caught:
        listed(source)
    assert reason in str(caught.value)
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_target_that_cannot_be_one(tmp_path, store):
    data = corpus(tmp_path / "data", clips=1)
    put(store, data, "/corpus")
    for out, reason in {
        "https://host/set": "cannot be written to",
        "memory://corpus/out": "is inside the source",
        "memory://corpus": "is inside the source",
        "zip://x::memory://a.zip": "cannot be written to",
    }.items():
        with pytest.raises(ParameterError, match=reason):
            extract("memory://corpus", out, features=spec())
    with pytest.raises(ParameterError, match="holds recordings"):
        extract(data, "memory://corpus", features=spec())


def test_without_a_mark_an_object_may_always_be_another():
    assert status({"size": 3, "ETag": "a"}) == status({"size": 3, "ETag": "a"}) != status({"size": 3, "ETag": "b"})
    assert status({"size": None}).st_size == -1
    assert place("file:///a/b") == Path("/a/b")
    assert place("a:b/c") == Path("a:b/c")


def test_the_store_of_a_set_may_be_sent_to_another_process(tmp_path, store):
    import pickle

    put(store, corpus(tmp_path / "data", clips=2), "/corpus")
    extract("memory://corpus", "memory://out", features=spec())
    items = wl.pipeline.open("memory://out")
    twin = pickle.loads(pickle.dumps(items))
    assert np.array_equal(twin[1].features, items[1].features)


class served:  # noqa: N801
    """A folder by HTTP, from a server that answers with whole files."""

    def __init__(self, folder):
        handler = functools.partial(Quiet, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self.server.server_address[1]

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
