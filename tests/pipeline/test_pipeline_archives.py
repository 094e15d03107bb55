"""Archives are what they would be unpacked: links, members of one name, WebDataset's companions; and hostile ones."""

import bz2
import gzip
import io
import json
import shutil
import tarfile
import zipfile

import numpy as np
import pytest
from pipeline_data import corpus, errors, spec, tone, tree

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.pipeline import archives, extract, listed

SYM, HARD = tarfile.SYMTYPE, tarfile.LNKTYPE


def wav(number, samples=600):
    file = io.BytesIO()
    y = (tone(number, samples) * 32767).astype("<i2").tobytes()
    head = b"WAVEfmt \x10\0\0\0\1\0\1\0\x40\x1f\0\0\x80\x3e\0\0\2\0\x10\0data" + len(y).to_bytes(4, "little")
    file.write(b"RIFF" + (len(head) + len(y)).to_bytes(4, "little") + head + y)
    return file.getvalue()


def tar(path, members, mode="w", **options):
    """Members are (name, bytes), or (name, (type of link, target))."""
    with tarfile.open(path, mode, **options) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, tuple):
                info.type, info.linkname = content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def described(listing):
    return {entry.key: (entry.label, entry.speaker, entry.split) for entry in listing.entries}


def contents(listing):
    return {entry.key: archives.data(entry.path, entry.member) for entry in listing.entries}


def messages(listing):
    return [problem.message for problem in listing.problems]


# The same as a folder


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".zip"])
@pytest.mark.parametrize("top", ["", "corpus/"])
def test_a_corpus_is_the_same_in_a_folder_and_an_archive(tmp_path, ending, top):
    data = corpus(tmp_path / "data", clips=20)
    for folder in ("__MACOSX/no", "no/.ipynb_checkpoints"):
        (data / folder).mkdir(parents=True)
        (data / folder / "._s0_nohash_0.wav").write_bytes(b"x")
    files = sorted(path for path in data.rglob("*") if path.is_file())
    if ending == ".zip":
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for file in files:
                archive.write(file, top + str(file.relative_to(data)))
    else:
        tar(tmp_path / f"a{ending}", [(top + str(file.relative_to(data)), file.read_bytes()) for file in files],
            "w:gz" if ending.endswith("gz") else "w")  # fmt: skip
    folder, archive = listed(data), listed(tmp_path / f"a{ending}")
    assert {entry.split for entry in folder.entries} == {"train", "valid", "test"}
    assert described(archive) == {top + key: what for key, what in described(folder).items()}
    assert messages(archive) == messages(folder) == []
    assert listed(tmp_path / f"a{ending}", layout="tree").entries[0].split == ""


def test_links_in_a_tar(tmp_path):
    one, two = wav(1), wav(2)
    listing = listed(tar(tmp_path / "a.tar", [
        ("store/yes/1.wav", one), ("store/no/1.wav", two), ("c/polite/1.wav", (HARD, "./store/yes/1.wav")),
        ("c/polite/2.wav", (SYM, "../../store/no/1.wav")), ("c/deep/no", (SYM, "../../store/no")),
        ("c/deep/chain.wav", (SYM, "no/1.wav")), ("c/deep/loop", (SYM, "..")), ("c/deep/self.wav", (SYM, "self.wav")),
        ("c/deep/out.wav", (SYM, "/etc/out.wav")), ("c/deep/up.wav", (SYM, "../../../../up.wav")),
        ("c/deep/early.wav", (HARD, "later.wav")), ("later.wav", one)]))  # fmt: skip
    assert contents(listing) == {
        "store/yes/1.wav": one, "store/no/1.wav": two, "c/polite/1.wav": one, "c/polite/2.wav": two,
        "c/deep/no/1.wav": two, "c/deep/chain.wav": two, "later.wav": one}  # fmt: skip
    assert {message.partition(":")[0] for message in messages(listing)} == {
        "c/deep/loop", "c/deep/self.wav", "c/deep/out.wav", "c/deep/up.wav", "c/deep/early.wav"}  # fmt: skip


def test_links_in_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("yes/1.wav", wav(1))
        for name, target in (("no/2.wav", "../yes/1.wav"), ("no/3.wav", "nowhere.wav")):
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, 0o120777 << 16
            archive.writestr(info, target)
    listing = listed(tmp_path / "a.zip")
    assert contents(listing) == {"yes/1.wav": wav(1), "no/2.wav": wav(1)}
    assert messages(listing) == ["no/3.wav: a link to nothing; skipped"]


def test_the_last_member_of_a_name_wins(tmp_path):
    path = tar(tmp_path / "a.tar", [("yes/1.wav", wav(1)), ("no/1.wav", wav(2)), ("no/h.wav", (HARD, "yes/1.wav"))])
    tar(path, [("./yes/1.wav", wav(3))], "a")
    assert contents(listed(path)) == {"no/1.wav": wav(2), "yes/1.wav": wav(3), "no/h.wav": wav(1)}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for number in (1, 2):
            archive.writestr("yes/1.wav", wav(number))
    assert contents(listed(tmp_path / "a.zip")) == {"yes/1.wav": wav(2)}


def test_tars_one_after_the_other(tmp_path):
    parts = [tar(tmp_path / f"{n}.tar", [(f"{label}/1.wav", wav(n))]) for n, label in enumerate(("yes", "no"))]
    (tmp_path / "both.tar").write_bytes(b"".join(part.read_bytes() for part in parts))
    assert contents(listed(tmp_path / "both.tar")) == {"yes/1.wav": wav(0), "no/1.wav": wav(1)}


def test_names_as_other_systems_write_them(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("größe\\1.wav", wav(1))
        archive.writestr("../no/2.wav", wav(2))
    data = (tmp_path / "a.zip").read_bytes().replace(b"\0\x08\0\0\0\0", b"\0\0\0\0\0\0")
    (tmp_path / "a.zip").write_bytes(data)
    assert {key: label for key, (label, *_) in described(listed(tmp_path / "a.zip")).items()} == {
        "größe/1.wav": "größe", "no/2.wav": "no"}  # fmt: skip


def test_a_compressed_tar_by_any_name(tmp_path):
    tar(tmp_path / "plain.tar.gz", [("yes/1.wav", wav(1)), ("no/1.wav", wav(2))])
    (tmp_path / "packed.tar").write_bytes(gzip.compress((tmp_path / "plain.tar.gz").read_bytes()))
    (tmp_path / "other.tgz").write_bytes(bz2.compress((tmp_path / "plain.tar.gz").read_bytes()))
    outs = []
    for name in ("plain.tar.gz", "packed.tar", "other.tgz"):
        extract(tmp_path / name, tmp_path / f"{name}.set", features=spec(), n_jobs=1)
        outs.append([(item.key, item.audio_hash) for item in wl.pipeline.open(tmp_path / f"{name}.set")])
    assert len(outs[0]) == 2
    assert outs[0] == outs[1] == outs[2]


def test_a_tar_without_an_end_may_be_cut(tmp_path):
    path = tar(tmp_path / "a.tar", [("yes/1.wav", wav(1)), ("no/1.wav", wav(2))])
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b"no/1.wav")])
    listing = listed(path)
    assert list(described(listing)) == ["yes/1.wav"]
    assert messages(listing) == ["a.tar has no end mark: it may be cut"]
    path.write_bytes(whole[: whole.index(b"no/1.wav") + 700])
    with pytest.raises(wl.ParameterError, match=r"a.tar: not an archive, or damaged"):
        listed(path)


def test_a_header_that_is_damaged_does_not_end_the_archive_in_silence(tmp_path):
    path = tar(tmp_path / "a.tar", [("yes/1.wav", wav(1)), ("no/1.wav", wav(2)), ("no/2.wav", wav(3))])
    path.write_bytes(path.read_bytes().replace(b"no/1.wav", b"no/7.wav"))
    with pytest.raises(wl.ParameterError, match=r"damaged: a header cannot be read \(bad checksum\)"):
        listed(path)


def test_sparse_files_and_devices_are_reported(tmp_path):
    path = tar(tmp_path / "a.tar", [("yes/1.wav", wav(1))])
    with tarfile.open(path, "a") as archive:
        info = tarfile.TarInfo("yes/pipe.wav")
        info.type = tarfile.FIFOTYPE
        archive.addfile(info)
        info = tarfile.TarInfo("yes/holes.wav")
        info.pax_headers = {"GNU.sparse.map": "0,10", "GNU.sparse.size": "900"}
        info.size = 10
        archive.addfile(info, io.BytesIO(bytes(10)))
    said = messages(listed(path))
    assert len(said) == 2
    assert "yes/holes.wav: stored sparse" in said[0]
    assert said[1] == "yes/pipe.wav: not a file; skipped"


# WebDataset


def samples():
    about = {"label": "yes", "speaker": "ann", "split": "test", "age": 31}
    return [
        ("000/a.wav", wav(1)), ("000/a.cls", b"7\n"), ("000/b.left.wav", wav(2)), ("000/b.right.wav", wav(3)),
        ("000/b.json", json.dumps(about).encode()), ("000/c.1.5s.flac.wav", wav(4)),
        ("000/c.txt", "größer\r\n".encode()),
        ("000/1.5s.wav", wav(5)), ("000/1.5s.cls", b"no"), ("000/1.7s.wav", wav(6)), ("000/1.7s.cls", b"yes"),
        ("d.wav", wav(7)), ("d.json", b"{bad"), ("000/e.wav", wav(8)),
        ("000/e.json", b'{"command": "up", "spk_id": 3}'),
    ]  # fmt: skip


WANTED = {
    "000/a.wav": ("7", "", ""), "000/b.left.wav": ("yes", "ann", "test"), "000/b.right.wav": ("yes", "ann", "test"),
    "000/c.1.5s.flac.wav": ("größer", "", ""), "000/1.5s.wav": ("no", "", ""), "000/1.7s.wav": ("yes", "", ""),
    "d.wav": ("", "", ""), "000/e.wav": ("up", "3", "")}  # fmt: skip


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz"])
def test_companions_tell_labels_and_speakers(tmp_path, name):
    path = tar(tmp_path / name, samples(), "w:gz" if name.endswith("gz") else "w")
    listing = listed(path)
    assert listing.layout == "webdataset"
    assert described(listing) == WANTED
    assert [problem.key for problem in listing.problems] == ["d.wav"]
    assert "d.json: is not valid JSON" in messages(listing)[0]
    extract(path, tmp_path / "out", features=spec(), n_jobs=1)
    items = wl.pipeline.open(tmp_path / "out")
    assert {item.key: item.label for item in items} == {key: label for key, (label, *_) in WANTED.items()}
    assert items["000/b.left.wav"].extra == {"age": 31}


def test_shards_by_braces_and_patterns(tmp_path):
    for shard in range(3):
        tar(tmp_path / f"train-{shard:03}.tar", [("x/a.wav", wav(shard)), ("x/a.cls", str(shard).encode())])
    wanted = {f"train-{shard:03}.tar/x/a.wav": (str(shard), "", "train") for shard in range(3)}
    assert described(listed(str(tmp_path / "train-{000..002}.tar"))) == wanted
    assert described(listed(str(tmp_path / "train-*.tar"))) == wanted
    assert described(listed([tmp_path / name.partition("/")[0] for name in wanted])) == wanted
    assert len(described(listed(str(tmp_path / "train-00{0,2}.tar")))) == 2
    with pytest.raises(wl.ParameterError, match=r"train-003.tar.*: there is no such file"):
        listed(str(tmp_path / "train-{000..003}.tar"))
    for wrong in ("a-{5..3}.tar", "a-{0..99999999999999999999}.tar"):
        with pytest.raises(wl.ParameterError, match=r"must stand for 1 to 100,000 names"):
            listed(wrong)


def test_columns_of_companions_by_another_name(tmp_path):
    path = tar(tmp_path / "a.tar", [("a.wav", wav(1)), ("a.json", b'{"say": "yes", "who": "ann"}')])
    assert described(listed(path, columns={"label": "say", "speaker": "who"})) == {"a.wav": ("yes", "ann", "")}


def test_a_companion_that_is_no_label_is_reported(tmp_path):
    path = tar(tmp_path / "a.tar", [("a.wav", wav(1)), ("a.cls", b"x" * 2000), ("b.wav", wav(2)), ("b.cls", b"\xff"),
                                    ("c.wav", wav(3)), ("c.json", b"[" * 50_000), ("d.wav", wav(4)), ("d.cls", b"up"),
                                    ("e.wav", wav(5)), ("e.txt", b"y" * 70_000)])  # fmt: skip
    listing = listed(path)
    assert {key: label for key, (label, *_) in described(listing).items()} == {
        "a.wav": "", "b.wav": "", "c.wav": "", "d.wav": "up", "e.wav": ""}  # fmt: skip
    assert [problem.key for problem in listing.problems] == ["a.wav", "b.wav", "c.wav", "e.wav"]
    for message in messages(listing):
        assert len(message) < 300
        assert message.isprintable()


def test_unpacked_companions_are_read_in_a_flat_folder(tmp_path):
    for name, content in (("a.wav", wav(1)), ("a.cls", b"yes"), ("b.wav", wav(2)), ("b.txt", b"no")):
        (tmp_path / name).write_bytes(content)
    assert described(listed(tmp_path)) == {"a.wav": ("yes", "", ""), "b.wav": ("no", "", "")}


# Hostile ones


def refused(path, words):
    with pytest.raises(wl.ParameterError, match=words) as error:
        listed(path)
    assert "\n" not in str(error.value)


def test_tars_that_unpack_to_far_more_than_recordings_do(tmp_path):
    path = tmp_path / "a.tar.gz"
    tar(path, [(f"yes/{n}.wav", bytes(1 << 20)) for n in range(40)], "w:gz", compresslevel=1)
    refused(path, "unpacks to more than")
    with pytest.raises(ValueError, match="unpacks to more than"):
        archives.unpack(str(path), tmp_path / "plain.tar")


def test_members_of_a_zip_that_unpack_to_far_more_than_recordings_do(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("yes/a.wav", bytes(40 << 20))
        archive.writestr("no/b.wav", wav(1))
    extract(tmp_path / "a.zip", tmp_path / "out", features=spec(), n_jobs=1)
    assert errors(tmp_path / "out") == {"yes/a.wav": "unreadable"}


def test_a_member_that_is_longer_than_it_says(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("yes/a.wav", bytes(1 << 20))
    data = (tmp_path / "a.zip").read_bytes().replace((1 << 20).to_bytes(4, "little"), (1000).to_bytes(4, "little"))
    (tmp_path / "a.zip").write_bytes(data)
    (entry,) = listed(tmp_path / "a.zip").entries
    with pytest.raises(ValueError, match="wrong size or checksum"):
        archives.data(entry.path, entry.member)


@pytest.mark.parametrize("shared", [10, 100, None])
def test_members_that_share_their_bytes(tmp_path, shared):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("yes/a.wav", "yes/b.wav"):
            archive.writestr(name, wav(1))
    data = bytearray((tmp_path / "a.zip").read_bytes())
    second = data.rindex(b"PK\1\2")
    place = slice(second + 42, second + 46)  # where it begins
    begin = int.from_bytes(data[place], "little") - shared if shared else 0
    data[place] = begin.to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(data)
    refused(tmp_path / "a.zip", "its members overlap")


@pytest.mark.parametrize("how", ["encrypted", "method", "long", "latin"])
def test_a_list_that_cannot_be_read_is_an_error(tmp_path, how):
    text = {"long": b"x" * (17 << 20), "latin": b"no/\xe4.wav\n"}.get(how, b"no/a.wav\n")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("testing_list.txt", text, zipfile.ZIP_DEFLATED if how == "long" else zipfile.ZIP_STORED)
        archive.writestr("no/a.wav", wav(1))
    data = bytearray((tmp_path / "a.zip").read_bytes())
    for at in {"encrypted": (6, data.index(b"PK\1\2") + 8), "method": (8, data.index(b"PK\1\2") + 10)}.get(how, ()):
        data[at] = 1 if how == "encrypted" else 97
    (tmp_path / "a.zip").write_bytes(data)
    refused(tmp_path / "a.zip", {"encrypted": "it is encrypted", "method": "method 97", "long": "at most 16,777,216",
                                 "latin": "can't decode"}[how])  # fmt: skip


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"size": "-1024"}, "would have|cannot be read|offset"),
        ({"size": str(1 << 40)}, "would have 1,099,511,627,776 bytes"),
        ({"comment": "x" * (2 << 20)}, "a name or attributes of"),
        ({"size": "9" * 30}, "damaged"),
        ({"path": "a/" * 4000 + "b.wav"}, None),
    ],
)
def test_attributes_that_make_no_sense(tmp_path, attributes, words):
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        for name in ("yes/a.wav", "yes/b.wav"):
            info = tarfile.TarInfo(name)
            info.pax_headers, info.size = attributes, 4
            archive.addfile(info, io.BytesIO(b"RIFF"))
    if words:
        refused(tmp_path / "a.tar", words)
    else:
        listing = listed(tmp_path / "a.tar")
        assert not listing.entries


def test_a_size_beyond_the_archive_is_not_read_through(tmp_path):
    info = tarfile.TarInfo("yes/a.wav")
    info.size = 1 << 50
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(info.tobuf() + wav(1)))
    (tmp_path / "a.tar").write_bytes(info.tobuf() + wav(1))
    for name in ("a.tar", "a.tar.gz"):
        refused(tmp_path / name, "would have 1,125,899,906,842,624 bytes")


def test_a_tar_of_zeros_ends(tmp_path):
    path = tar(tmp_path / "a.tar", [("yes/1.wav", wav(1))])
    for begin in (b"", path.read_bytes()):
        path.write_bytes(begin)
        with path.open("ab") as file:
            file.truncate(1 << 33)  # minutes, if all blocks were read
        assert len(listed(path).entries) == bool(begin)


def test_the_same_bytes_from_a_linked_member(tmp_path):
    path = tar(tmp_path / "a.tar", [("yes/1.wav", wav(1)), ("no/2.wav", (HARD, "yes/1.wav"))])
    extract(path, tmp_path / "out", features=spec(), n_jobs=1)
    one, two = wl.pipeline.open(tmp_path / "out")
    assert np.array_equal(one.features, two.features)
    assert errors(tmp_path / "out") == {"yes/1.wav": "duplicate"}
    shutil.rmtree(tmp_path / "out/.parts")
    before = tree(tmp_path / "out")
    extract(path, tmp_path / "out", features=spec(), n_jobs=1)
    assert tree(tmp_path / "out") == before


def test_wav_is_audio():
    assert audio.info(audio.Encoded("a.wav", wav(1))).samples == 600
