"""A corpus and its features in S3: killed and resumed, the same bytes; the account is in nothing that is written."""

import pytest
from pipeline_data import corpus, spec, tree

pytest.importorskip("s3fs", reason="s3fs is not installed (the extra remote)")
pytest.importorskip("moto.server", reason="moto[server] is not installed")

import pipeline_store

import wavenetlite as wl
from wavenetlite.pipeline import extract, specs
from wavenetlite.support.errors import ParameterError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("default")]  # of moto and botocore


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("s3")
    with pipeline_store.s3() as found:
        pipeline_store.put(found, corpus(folder / "data", clips=20), "corpus/data")
        specs.write(spec(), folder / "features.npz")
        yield found, folder


def test_in_s3_as_on_disk(store, tmp_path):
    found, folder = store
    done = extract("s3://corpus/data", "s3://corpus/one", features=spec())
    assert (done.items, done.computed) == (40, 40)
    assert extract("s3://corpus/data", "s3://corpus/one", features=spec()).computed == 0
    extract(folder / "data", tmp_path / "out", features=spec())
    items, local = wl.pipeline.open("s3://corpus/one"), wl.pipeline.open(tmp_path / "out")
    assert items.verify() == []
    assert [item.feature_hash for item in items] == [item.feature_hash for item in local]
    names = set(pipeline_store.files(found, "corpus/one"))
    assert names == {f"/{name}" for name in tree(tmp_path / "out")}


def test_killed_and_resumed(store):
    found, folder = store
    assert pipeline_store.kill_and_resume(found, folder / "features.npz", kills=2) == 2


def test_a_bucket_that_is_not_there(store, tmp_path):
    with pytest.raises(ParameterError, match="s3://nowhere/data"):
        extract("s3://nowhere/data", tmp_path / "out")
    with pytest.raises(wl.WavenetliteError, match="s3://nowhere/out"):
        extract("s3://corpus/data", "s3://nowhere/out", features=spec())
