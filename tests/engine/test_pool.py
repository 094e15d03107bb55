"""StreamPool: every stream gives what it would give alone, whatever the others do; and every rule has its error."""

import gc
import threading
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import pytest
from catalogue import CATALOGUE, Case, condition, same_bits, signal

import wavenetlite as wl

MODELS = ("tcn", "wavenet", "wavenet condition", "nested", "strides", "pool then conv", "concat pool", "separable",
          "conv groups", "freq stack", "softmax", "residual same")  # fmt: skip
CAPACITY = 23
OPERATIONS = 10_000
SIZES = (0, 1, 1, 1, 2, 3, 4, 5, 7, 8, 12, 13, 40, 130)


def open_pool(case, capacity=CAPACITY, **options):
    model = case.model()
    return model.pool(capacity, channels=None if model.in_channels else case.in_channels, **options)


def lone_stream(model, case, c):
    return model.stream(c, channels=None if model.in_channels else case.in_channels)


@dataclass
class Twin:
    """A stream of the pool, and the lone stream that it must equal."""

    stream: wl.Stream
    has_c: bool
    flushed: bool = False


@dataclass
class Run:
    """Random operations on a pool and on lone streams; every output is compared."""

    case: object
    rng: np.random.Generator
    threads: int = 1
    twins: dict = field(default_factory=dict)
    closed: list = field(default_factory=list)
    kept: list = field(default_factory=list)  # (snapshot, has_c, flushed, fork of the lone stream)
    done: dict = field(default_factory=dict)

    def __post_init__(self):
        self.model = self.case.model()
        self.pool = open_pool(self.case, threads=self.threads)
        self.regular = self.pool.plan.regular

    def values(self, rows, channels):
        return self.rng.standard_normal((rows, channels), dtype=np.float32)

    def some(self, wanted=True):
        """Some open streams that can be fed, in any order."""
        ids = [sid for sid, twin in self.twins.items() if wanted is None or not twin.flushed]
        return [int(sid) for sid in self.rng.permutation(ids)[: self.rng.integers(0, len(ids) + 1)]] if ids else []

    def one(self):
        ids = list(self.twins)
        return ids[self.rng.integers(len(ids))] if ids else None

    def go(self, operations):
        names = [
            "open",
            "close",
            "process",
            "process",
            "step",
            "step",
            "snapshot",
            "restore",
            "fork",
            "reset",
            "flush",
            "bad",
        ]
        for _ in range(operations):
            name = names[self.rng.integers(len(names))]
            getattr(self, name)()
            self.done[name] = self.done.get(name, 0) + 1
            assert len(self.pool) == len(self.twins)
        assert sorted(self.pool.ids) == sorted(self.twins)

    def open(self):
        if len(self.twins) == CAPACITY:
            with pytest.raises(wl.StreamStateError, match="full"):
                self.pool.open()
            return
        if self.kept and self.rng.random() < 0.3:
            blob, has_c, flushed, past = self.kept[self.rng.integers(len(self.kept))]
            sid = self.pool.open(snapshot=blob)
            self.twins[sid] = Twin(past.fork(), has_c, flushed)
            return
        channels = self.case.condition_channels
        c = self.values(1, channels)[0] if channels and self.rng.random() < 0.5 else None
        sid = self.pool.open(c)
        assert sid not in self.closed
        self.twins[sid] = Twin(lone_stream(self.model, self.case, c), c is not None)

    def close(self):
        if (sid := self.one()) is not None and self.rng.random() < 0.7:
            self.pool.close(sid)
            del self.twins[sid]
            self.closed.append(sid)

    def process(self):
        blocks = {sid: self.values(self.rng.choice(SIZES), self.case.in_channels) for sid in self.some()}
        c = None
        if self.case.condition_channels:
            c = {sid: self.values(len(block), self.case.condition_channels) for sid, block in blocks.items()
                 if not self.twins[sid].has_c}  # fmt: skip
        promised = {sid: self.pool.output_frames(sid, len(block)) for sid, block in blocks.items()}
        outputs = self.pool.process(blocks, c)
        assert list(outputs) == list(blocks)
        for sid, block in blocks.items():
            twin = self.twins[sid]
            assert len(outputs[sid]) == promised[sid]
            assert same_bits(outputs[sid], twin.stream.process(block, None if c is None else c.get(sid)))
            assert self.pool.frames_in(sid) == twin.stream.frames_in
            assert self.pool.frames_out(sid) == twin.stream.frames_out

    def step(self):
        ids = self.some()
        x = self.values(len(ids), self.case.in_channels)
        if not self.regular:
            with pytest.raises(wl.ParameterError, match="process"):
                self.pool.step(x, ids)
            return
        c = None
        if self.case.condition_channels:
            ids = [sid for sid in ids if self.twins[sid].has_c == self.twins[ids[0]].has_c]
            x = x[: len(ids)]
            if ids and not self.twins[ids[0]].has_c:
                c = self.values(len(ids), self.case.condition_channels)
        use_out = self.rng.random() < 0.5
        out = np.full((len(ids), self.pool.plan.out_channels), np.nan, np.float32) if use_out else None
        y = self.pool.step(x, np.array(ids, np.int64) if use_out else ids, c, out=out)
        assert out is None or y is out
        for row, sid in enumerate(ids):
            alone = self.twins[sid].stream.process(x[row : row + 1], None if c is None else c[row : row + 1])
            assert same_bits(y[row : row + 1], alone)

    def snapshot(self):
        if (sid := self.one()) is not None:
            twin = self.twins[sid]
            blob = self.pool.snapshot(sid)
            assert blob == twin.stream.snapshot()
            self.kept = [*self.kept[-20:], (blob, twin.has_c, twin.flushed, twin.stream.fork())]

    def restore(self):
        if (sid := self.one()) is not None and self.kept:
            blob, has_c, flushed, past = self.kept[self.rng.integers(len(self.kept))]
            self.pool.restore(sid, blob)
            self.twins[sid] = Twin(past.fork(), has_c, flushed)

    def fork(self):
        if (sid := self.one()) is not None and len(self.twins) < CAPACITY:
            twin = self.twins[sid]
            self.twins[self.pool.fork(sid)] = Twin(twin.stream.fork(), twin.has_c, twin.flushed)

    def reset(self):
        if (sid := self.one()) is not None:
            self.pool.reset(sid)
            self.twins[sid].stream.reset()
            self.twins[sid].flushed = False

    def flush(self):
        if (sid := self.one()) is not None and not self.twins[sid].flushed and self.rng.random() < 0.3:
            assert same_bits(self.pool.flush(sid), self.twins[sid].stream.flush())
            self.twins[sid].flushed = True

    def bad(self):
        """A call with one mistake leaves all streams as they were: what comes later shows it."""
        if not self.twins:
            return
        blocks = {sid: self.values(2, self.case.in_channels) for sid in self.some(None)}
        c = (
            {sid: self.values(2, self.case.condition_channels) for sid in blocks}
            if self.case.condition_channels
            else None
        )
        kind = self.rng.integers(3)
        if kind == 0:
            blocks[self.closed[-1] if self.closed else 999] = self.values(1, self.case.in_channels)
        elif kind == 1:
            blocks[self.one()] = np.full((1, self.case.in_channels), np.nan, np.float32)
        else:
            blocks[self.one()] = self.values(1, self.case.in_channels + 1)
        with pytest.raises(wl.WavenetliteError):
            self.pool.process(blocks, c)


@pytest.mark.parametrize("name", MODELS)
def test_random_operations(name):
    run = Run(CATALOGUE[name], np.random.default_rng(11))
    run.go(OPERATIONS)
    assert run.done["process"] > OPERATIONS / 10 < run.done["step"]


WIDE = Case(lambda: wl.TCN(8, 4, channels=160, kernel_size=5, dilations=[1, 2, 4]), 8)
"""Enough work for several threads."""


@pytest.mark.parametrize("threads", [2, 3])
def test_random_operations_in_threads(threads):
    Run(WIDE, np.random.default_rng([12, threads]), threads).go(OPERATIONS // 20)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_catalogue_entry_in_a_pool(name):
    Run(CATALOGUE[name], np.random.default_rng(7)).go(40)


def test_threads_do_not_change_a_bit():
    model = wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8])
    pools = [model.pool(300, threads=threads) for threads in (1, 2, 3)]
    ids = [[pool.open() for _ in range(300)] for pool in pools]
    rng = np.random.default_rng(0)
    for _ in range(3):
        x = rng.standard_normal((300, 40), dtype=np.float32)
        a, b, c = [pool.step(x, own) for pool, own in zip(pools, ids, strict=True)]
        assert same_bits(a, b)
        assert same_bits(a, c)
        blocks = [rng.standard_normal((int(n), 40), dtype=np.float32) for n in rng.integers(0, 30, 300)]
        a, b, c = [pool.process(dict(zip(own, blocks, strict=True))) for pool, own in zip(pools, ids, strict=True)]
        assert all(same_bits(a[sid], b[sid]) and same_bits(a[sid], c[sid]) for sid in a)


def test_more_streams_than_run_together():
    model = CATALOGUE["tcn"].model()
    pool = model.pool(500)
    ids = [pool.open() for _ in range(500)]
    x = np.random.default_rng(1).standard_normal((40, 500, 40), dtype=np.float32)
    y = np.stack([pool.step(frames, ids) for frames in x])
    for i in range(0, 500, 37):
        assert same_bits(np.ascontiguousarray(y[:, i]), model(np.ascontiguousarray(x[:, i])))


# Ids


def test_ids_are_never_reused():
    pool = CATALOGUE["tcn"].model().pool(3)
    given = set()
    for _ in range(50):
        ids = [pool.open() for _ in range(3)]
        assert not given & set(ids)
        given |= set(ids)
        assert pool.ids == sorted(ids, key=lambda sid: sid % 3)
        for sid in ids:
            pool.close(sid)
    assert len(pool) == 0


@pytest.mark.parametrize(
    "call", ["process", "step", "close", "reset", "flush", "snapshot", "output_frames", "frames_in"]
)
def test_a_closed_id_raises_also_when_its_place_is_taken(call):
    pool = CATALOGUE["tcn"].model().pool(1)
    old = pool.open()
    pool.close(old)
    x = signal(1, 40)
    arguments = {"process": ({old: x},), "step": (x, [old]), "output_frames": (old, 1)}.get(call, (old,))
    for _ in range(2):
        with pytest.raises(wl.ParameterError, match=rf"sid={old} was closed"):
            getattr(pool, call)(*arguments)
        if len(pool) == 0:
            new = pool.open()
    assert old not in pool
    assert new in pool
    assert pool.frames_in(new) == 0


@pytest.mark.parametrize("sid", [-1, 5, 2**70, 1.0, "0", None, True])
def test_an_id_that_was_never_given_raises(sid):
    pool = CATALOGUE["tcn"].model().pool(4)
    pool.open()
    pool.open()
    with pytest.raises(wl.WavenetliteError, match="sid="):
        pool.process({sid: signal(1, 40)})
    with pytest.raises(wl.WavenetliteError, match="sid="):
        pool.step(signal(1, 40), [sid])
    assert sid not in pool


def test_numpy_integers_are_ids():
    pool = CATALOGUE["tcn"].model().pool(4)
    sid = pool.open()
    assert same_bits(pool.process({np.int64(sid): signal(3, 40)})[sid], CATALOGUE["tcn"].model()(signal(3, 40)))
    assert pool.step(signal(1, 40), np.array([sid], np.uint8)).shape == (1, 12)


# Mistakes leave all streams as they were


@pytest.fixture
def pool():
    pool = CATALOGUE["tcn"].model().pool(8)
    for _ in range(3):
        pool.open()
    pool.process({sid: signal(9, 40, sid) for sid in pool.ids})
    return pool


def states(pool):
    return [pool.snapshot(sid) for sid in pool.ids]


BAD_BLOCKS = {
    "infinity": (np.full((2, 40), np.inf, np.float32), "block of stream 1 is not finite at frame 0"),
    "channels": (np.zeros((2, 39), np.float32), "block of stream 1 has 39 channels; it must have 40"),
    "dimensions": (np.zeros(40, np.float32), "block of stream 1 has shape"),
    "float64": (np.zeros((2, 40)), "block of stream 1 has dtype float64; it must be float32"),
    "list": ([[0.0] * 40], "block of stream 1 is a list"),
    "none": (None, "block of stream 1 is a NoneType"),
}


@pytest.mark.parametrize("name", BAD_BLOCKS)
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
def test_a_bad_block_is_named_and_nobody_advances(pool, name, order):
    block, message = BAD_BLOCKS[name]
    before = states(pool)
    blocks = {sid: signal(2, 40) for sid in order} | {1: block}
    with pytest.raises(wl.WavenetliteError, match=message) as caught:
        pool.process({sid: blocks[sid] for sid in order})
    assert "\n" not in str(caught.value)
    assert states(pool) == before


BAD_STEPS = {
    "nan": (lambda x: x.__setitem__((1, 3), np.nan), [0, 2, 1], "X is not finite in row 1, stream 2"),
    "twice": (None, [0, 2, 0], "ids contains stream 0 twice"),
    "unknown": (None, [0, 1, 7], "sid=7 is not a stream of this pool"),
    "too few ids": (None, [0, 1], "X has 3 rows; it must have 2"),
    "float ids": (None, np.zeros(3), "ids has dtype float64"),
    "two dimensions": (None, np.zeros((3, 1), np.int64), "ids has shape"),
    "no list": (None, "012", "ids is a str"),
    "negative": (None, np.array([0, 1, -1]), "sid=-1"),
}


@pytest.mark.parametrize("name", BAD_STEPS)
def test_a_bad_step_is_named_and_nobody_advances(pool, name):
    spoil, ids, message = BAD_STEPS[name]
    x, before = signal(3, 40), states(pool)
    if spoil:
        spoil(x)
    for given in (ids, np.array(ids, np.int64) if isinstance(ids, list) else ids):
        with pytest.raises(wl.WavenetliteError, match=message):
            pool.step(x, given)
    assert states(pool) == before


@pytest.mark.parametrize("x", [np.zeros((3, 41), np.float32), np.zeros((3, 40)), np.zeros(40, np.float32), None])
def test_a_step_with_a_wrong_array(pool, x):
    before = states(pool)
    with pytest.raises(wl.WavenetliteError, match="X "):
        pool.step(x, [0, 1, 2])
    assert states(pool) == before


@pytest.mark.parametrize("out", [np.zeros((2, 12), np.float32), np.zeros((3, 12)), np.zeros((12, 3), np.float32).T])
def test_a_step_with_a_wrong_out(pool, out):
    before = states(pool)
    with pytest.raises(wl.WavenetliteError, match="out"):
        pool.step(signal(3, 40), [0, 1, 2], out=out)
    assert states(pool) == before


def test_out_must_not_overlap():
    model = wl.nn.Linear(4, 4)
    pool = model.pool(2)
    x = signal(2, 4)
    with pytest.raises(wl.ParameterError, match="overlaps X"):
        pool.step(x, [pool.open(), pool.open()], out=x)


def test_blocks_must_be_a_dict(pool):
    with pytest.raises(wl.ArrayTypeError, match="blocks is a list"):
        pool.process([signal(1, 40)])


def test_nothing_to_do(pool):
    before = states(pool)
    assert pool.process({}) == {}
    assert pool.step(np.zeros((0, 40), np.float32), []).shape == (0, 12)
    assert pool.process({0: np.zeros((0, 40), np.float32)})[0].shape == (0, 12)
    assert states(pool) == before


def test_a_strided_block_is_copied(pool):
    model, wide = CATALOGUE["tcn"].model(), signal(12, 80)
    new = pool.open()
    assert same_bits(pool.process({new: wide[:, ::2]})[new], model(np.ascontiguousarray(wide[:, ::2])))


def test_zero_for_what_is_not_finite():
    model = CATALOGUE["tcn"].model()
    pool = model.pool(2, on_nonfinite="zero")
    x = signal(4, 40)
    x[1, 3], x[3, 0] = np.nan, np.inf
    clean = np.nan_to_num(x, nan=0.0, posinf=0.0)
    a, b = pool.open(), pool.open()
    assert same_bits(pool.process({a: x})[a], model(clean))
    assert same_bits(np.concatenate([pool.step(x[i : i + 1], [b]) for i in range(4)]), model(clean))


@pytest.mark.parametrize("capacity", [0, -1, 1.5, True, "8", None])
def test_capacity_is_checked(capacity):
    with pytest.raises(wl.WavenetliteError, match="capacity="):
        CATALOGUE["tcn"].model().pool(capacity)


@pytest.mark.parametrize("options", [{"threads": 0}, {"threads": 1.0}, {"on_nonfinite": "maybe"}, {"channels": 7}])
def test_options_are_checked(options):
    with pytest.raises(wl.WavenetliteError, match=next(iter(options))):
        CATALOGUE["tcn"].model().pool(4, **options)


def test_a_full_pool_says_so(pool):
    for _ in range(5):
        pool.open()
    before = states(pool)
    with pytest.raises(wl.StreamStateError, match="capacity=8"):
        pool.open()
    assert states(pool) == before
    pool.close(3)
    assert pool.open() == 11


def test_a_flushed_stream_must_be_reset():
    case = CATALOGUE["same same"]
    model, pool = case.model(), case.model().pool(2)
    a, b = pool.open(), pool.open()
    x = signal(20, 3)
    y = np.concatenate([pool.process({a: x})[a], pool.flush(a)])
    assert same_bits(y, model(x))
    with pytest.raises(wl.StreamStateError, match=f"stream {a} was flushed"):
        pool.process({b: x, a: x})
    with pytest.raises(wl.StreamStateError, match=f"stream {a} was flushed"):
        pool.flush(a)
    assert pool.frames_in(b) == 0
    pool.reset(a)
    assert same_bits(np.concatenate([pool.process({a: x})[a], pool.flush(a)]), model(x))


# Conditioning


def test_conditioning():
    case = CATALOGUE["wavenet condition"]
    model, pool = case.model(), case.model().pool(4)
    x, c = signal(30, 1), condition(30, 5)
    constant, local = pool.open(c[0]), pool.open()
    y = pool.process({constant: x, local: x}, {local: c})
    assert same_bits(y[constant], model(x, c=c[0]))
    assert same_bits(y[local], model(x, c=c))
    twin = pool.open(snapshot=pool.snapshot(constant))
    y = pool.process({twin: x, constant: x})
    assert same_bits(y[twin], y[constant])
    pool.reset(twin)
    assert same_bits(pool.process({twin: x})[twin], model(x, c=c[0]))


def test_mistakes_of_conditioning():
    case = CATALOGUE["wavenet condition"]
    pool = case.model().pool(4)
    x, c = signal(3, 1), condition(3, 5)
    constant, local = pool.open(c[0]), pool.open()
    calls = {
        "c must contain stream 1": lambda: pool.process({local: x}),
        "c contains stream 0": lambda: pool.process({constant: x}, {constant: c}),
        "c contains stream 7": lambda: pool.process({local: x}, {local: c, 7: c}),
        "c of stream 1 has 2 frames": lambda: pool.process({local: x}, {local: c[:2]}),
        "c of stream 1 is not finite": lambda: pool.process({local: x}, {local: c * np.float32(np.nan)}),
        "c is a list": lambda: pool.process({local: x}, [c]),
        "c has 4 channels": lambda: pool.open(c[0, :4]),
        "c given with a snapshot": lambda: pool.open(c[0], snapshot=pool.snapshot(local)),
        "c has 2 rows": lambda: pool.step(x[:1], [local], c[:2]),
    }
    for message, call in calls.items():
        with pytest.raises(wl.ParameterError if "list" not in message else wl.ArrayTypeError, match=message):
            call()
    for ids in ([local], [constant, local]):
        with pytest.raises(wl.ParameterError, match="c must contain stream 1"):
            pool.step(x[: len(ids)], ids)
    with pytest.raises(wl.ParameterError, match="c contains stream 0"):
        pool.step(x[:2], [local, constant], c[:2])
    with pytest.raises(wl.ParameterError, match="no conditioning"):
        CATALOGUE["tcn"].model().pool(1).open(c[0])
    assert pool.frames_in(constant) == pool.frames_in(local) == 0
    assert len(pool) == 2


# Threads


def heavy_pool(streams=200):
    model = wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8])
    pool = model.pool(streams)
    return pool, [pool.open() for _ in range(streams)]


@pytest.mark.parametrize("name", ["process", "step", "open", "close", "reset", "snapshot", "fork", "flush"])
def test_two_threads_in_one_pool(name):
    """While one thread is in the pool, another gets an error for whatever it asks."""
    pool, ids = heavy_pool()
    blocks = {sid: signal(50, 40) for sid in ids[:-1]}
    last = ids[-1]
    call = {
        "process": lambda: pool.process({}),
        "step": lambda: pool.step(signal(0, 40), []),
        "open": pool.open,
        "close": lambda: pool.close(last),
        "reset": lambda: pool.reset(last),
        "snapshot": lambda: pool.snapshot(last),
        "fork": lambda: pool.fork(last),
        "flush": lambda: pool.flush(last),
    }[name]
    enough = threading.Event()

    def feed():
        while not enough.is_set():
            with suppress(wl.StreamStateError):  # it may as well be this thread that is refused
                pool.process(blocks)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        for _ in range(100_000):
            try:
                call()
            except (
                wl.WavenetliteError
            ) as error:  # or it was let in between two blocks, and closed or flushed the stream
                if "another thread" in str(error):
                    break
        else:
            pytest.fail(f"{name} was never refused")
    finally:
        enough.set()
        thread.join()


def test_pools_in_many_threads():
    """One model, a pool in each thread."""
    model = CATALOGUE["tcn"].model()
    x = [signal(60, 40, seed) for seed in range(4)]
    whole = [model(one) for one in x]
    wrong = []

    def work(number):
        pool = model.pool(8, threads=1 + number % 2)
        for _ in range(20):
            ids = [pool.open() for _ in range(8)]
            parts = [pool.process(dict.fromkeys(ids, x[number][at : at + 7])) for at in range(0, 60, 7)]
            for sid in ids:
                if not same_bits(np.concatenate([part[sid] for part in parts]), whole[number]):
                    wrong.append(number)
                pool.close(sid)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_the_threads_of_a_pool_end_with_it():
    before = threading.active_count()
    model = wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8])
    pool = model.pool(300, threads=3)
    ids = [pool.open() for _ in range(300)]
    pool.step(signal(300, 40), ids)
    assert threading.active_count() == before + 2
    workers = [thread for thread in threading.enumerate() if thread.name == "wavenetlite pool"]
    del pool
    gc.collect()
    for thread in workers:
        thread.join(10)
    assert threading.active_count() == before


def test_a_pool_cannot_be_pickled():
    import pickle

    with pytest.raises(wl.StreamStateError):
        pickle.dumps(CATALOGUE["tcn"].model().pool(1))


def test_a_pool_of_many_megabytes():
    """Its memory is in large pages where there are such; every stream in it is itself."""
    model = wl.TCN(8, 4, channels=64, kernel_size=5, dilations=[1, 2, 4, 8, 16], seed=0)
    pool = model.pool(400)
    assert pool.state_bytes > 3 * 2**22
    ids = [pool.open() for _ in range(400)]
    x = np.stack([signal(9, 8, seed) for seed in range(400)])
    for at in range(9):
        y = pool.step(x[:, at].copy(), ids)
    assert same_bits(y, model(x)[:, -1])


JOINED = {
    "regular": lambda: wl.TCN(5, 3, channels=8, dilations=[1, 2], seed=1),
    "strides": lambda: wl.Sequential([wl.nn.Conv1d(5, 8, 3, stride=2), wl.nn.Conv1d(8, 3, 3, padding="same")]),
}


@pytest.mark.parametrize("name", JOINED)
def test_joined_blocks_give_what_blocks_of_their_own_give(name):
    """Also blocks of so many frames that each is run alone."""
    model = JOINED[name]()
    rng = np.random.default_rng(0)
    joined, single = model.pool(40), model.pool(40)
    ids = [(joined.open(), single.open()) for _ in range(40)]
    for _ in range(12):
        chosen = [ids[n] for n in rng.permutation(40)[: rng.integers(1, 41)]]
        counts = rng.integers(0, rng.choice([3, 9, 20]), len(chosen))
        x = rng.standard_normal((int(counts.sum()), 5)).astype(np.float32)
        ends = np.cumsum(counts)
        y, rows = joined.process_joined(x, [a for a, _ in chosen], counts)
        wanted = single.process({b: x[end - n : end] for (_, b), n, end in zip(chosen, counts, ends, strict=True)})
        assert rows.tolist() == [len(one) for one in wanted.values()]
        assert y.tobytes() == np.concatenate(list(wanted.values())).tobytes()


JOINED_BAD = {
    "sum": (3, [0, 1], [1, 1], "sum be 3, the rows of X"),
    "negative": (0, [0, 1], [1, -1], "one number from 0 per id"),
    "too few": (1, [0, 1], [1], "one number from 0 per id"),
    "twice": (2, [0, 0], [1, 1], "stream 0 twice"),
    "unknown": (2, [0, 7], [1, 1], "sid=7 is not a stream of this pool"),
    "channels": ((2, 4), [0, 1], [1, 1], "X has 4 channels; it must have 5"),
}


@pytest.mark.parametrize(("rows", "ids", "counts", "needle"), JOINED_BAD.values(), ids=JOINED_BAD)
def test_bad_joined_blocks_change_nothing(rows, ids, counts, needle):
    pool = wl.TCN(5, 3, channels=8, dilations=[1, 2], seed=1).pool(3)
    opened = [pool.open(), pool.open()]
    before = [pool.snapshot(sid) for sid in opened]
    shape = rows if isinstance(rows, tuple) else (rows, 5)
    with pytest.raises(wl.WavenetliteError, match=needle):
        pool.process_joined(np.zeros(shape, np.float32), ids, np.array(counts))
    with pytest.raises(wl.WavenetliteError, match="X is not finite"):
        pool.process_joined(np.full((2, 5), np.nan, np.float32), [0, 1], np.array([1, 1]))
    assert [pool.snapshot(sid) for sid in opened] == before
    conditioned = wl.WaveNet(in_channels=2, out_channels=2, condition_channels=3, dilations=[1]).pool(1)
    with pytest.raises(wl.WavenetliteError, match=r"use process\(\)"):
        conditioned.process_joined(np.zeros((1, 2), np.float32), [conditioned.open(np.zeros(3, np.float32))], [1])
