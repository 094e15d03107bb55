"""Feature sets as iterable datasets: every item once an epoch, however many workers and processes."""

import pickle

import numpy as np
import pytest
from pipeline_data import corpus, spec

import wavenetlite as wl

torch = pytest.importorskip("torch", reason="without torch")
from torch.utils.data import DataLoader  # noqa: E402


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    folder = tmp_path_factory.mktemp("set")
    wl.pipeline.extract(corpus(folder / "data", clips=9), folder / "features", features=spec())
    return wl.pipeline.open(folder / "features")


def sums(loader):
    """What identifies each item of an epoch, in order."""
    return [float(np.asarray(x, np.float64).sum()) for x, _ in loader]


def wanted(items):
    return sorted(float(item.features.astype(np.float64).sum()) for item in items)


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
@pytest.mark.filterwarnings("ignore")
def test_every_item_once_whatever_the_workers(items, workers):
    loader = DataLoader(items.iterable(seed=1), batch_size=None, num_workers=workers)
    assert sorted(sums(loader)) == wanted(items)


@pytest.mark.parametrize("world", [1, 2, 5])
def test_every_item_once_whatever_the_processes(items, world):
    parts = [items.iterable(rank=rank, world=world) for rank in range(world)]
    assert sum(map(len, parts)) == len(items)
    assert [len(list(part)) for part in parts] == [len(part) for part in parts]
    assert sorted(one for part in parts for one in sums(part)) == wanted(items)


def test_the_order_is_that_of_seed_and_epoch(items):
    made = items.iterable(seed=3)
    first = sums(made)
    assert sums(made) == first == sums(items.iterable(seed=3))
    made.set_epoch(1)
    assert sums(made) != first
    assert sums(items.iterable(seed=4)) != first
    assert sums(items.iterable(shuffle=False)) == [float(item.features.astype(np.float64).sum()) for item in items]


def test_batches_with_lengths_and_labels(items):
    loader = DataLoader(items.iterable(shuffle=False), batch_size=4, collate_fn=wl.pipeline.MapDataset.collate)
    batches = list(loader)
    assert sum(len(x) for x, _, _ in batches) == len(items)
    assert torch.cat([y for _, y, _ in batches]).tolist() == items.y.tolist()
    assert torch.cat([lengths for _, _, lengths in batches]).tolist() == items.frames.tolist()


def test_it_is_normalised_as_the_map_style_one(items):
    plain, other = items.dataset(normalise=True), items.iterable(normalise=True, shuffle=False)
    for (x, y), (again, label) in zip(other, (plain[n] for n in range(len(plain))), strict=True):
        assert x.tobytes() == again.tobytes()
        assert y == label


def test_it_is_pickled_for_workers_that_are_spawned(items):
    made = items.iterable(seed=2)
    assert sums(pickle.loads(pickle.dumps(made))) == sums(made)


def test_a_selection(items):
    label = items.labels[0]
    assert {y for _, y in items.select(label=label).iterable()} == {items.labels.index(label)}


@pytest.mark.parametrize(("options", "said"), [
    ({"rank": 2, "world": 2}, "rank=2 must be below world=2"),
    ({"rank": -1}, "rank=-1"),
    ({"world": 0}, "world=0"),
    ({"shuffle": 1}, "shuffle=1"),
    ({"seed": -1}, "seed=-1"),
])  # fmt: skip
def test_wrong_options(items, options, said):
    with pytest.raises(wl.WavenetliteError, match=said):
        items.iterable(**options)
    with pytest.raises(wl.WavenetliteError, match="epoch=-1"):
        items.iterable().set_epoch(-1)
