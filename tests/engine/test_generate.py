"""Generation: what is drawn, that blocks and other voices change nothing, and what is refused."""

import _thread
import threading
import time

import numpy as np
import pytest
from catalogue import randomised, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import condition_channels_of, networks

import wavenetlite as wl
from wavenetlite.graph import topological_order
from wavenetlite.support.philox import uniforms_at, words_at

nn = wl.nn
SMALL = {"residual_channels": 8, "skip_channels": 8, "dilations": [1, 2, 4]}


def decoded(classes, count):
    """What a network of values reads for a class: the mu-law sample, by the definition of the curve."""
    code = (classes - count // 2) * 2 / count
    return np.sign(code) * ((1.0 * count) ** np.abs(code) - 1) / (count - 1)


def one_hot(classes, count):
    return np.eye(count, dtype=np.float32)[classes]


def read_as(kind, sample, count):
    """The frame that a network reads for its own sample."""
    if kind == "one-hot":
        return one_hot(int(sample), count)
    if kind == "decoded":
        return np.array([decoded(sample, count)], np.float32)
    return np.array([sample], np.float32)


def greedy(y, kind):
    """The sample of a frame of output."""
    if kind in ("index", "one-hot", "decoded"):
        return np.argmax(y)
    return y[0] if kind == "gaussian" else y[len(y) // 3 + np.argmax(y[: len(y) // 3])]


def by_whole_calls(model, kind, samples, first, c=None):
    """Greedy generation by calls of the whole network on everything so far."""
    count = model.plan().out_channels
    frames, made = [read_as(kind, first, count)], []
    period = model.condition_period
    for n in range(samples):
        local = None if c is None else c if c.ndim == 1 else c[: n // period + 1]
        made.append(greedy(model(np.stack(frames), local)[-1], kind))
        frames.append(read_as(kind, made[-1], count))
    return np.array(made, np.int32 if kind in ("index", "one-hot", "decoded") else np.float32)


NETWORKS = {
    "index": lambda: wl.Sequential([nn.Embedding(20, 6), wl.WaveNet(6, 20, **SMALL)]),
    "index plain": lambda: wl.Sequential([nn.Embedding(12, 5), nn.Conv1d(5, 12, 3, dilation=2)]),
    "one-hot": lambda: wl.WaveNet(16, 16, **SMALL),
    "one-hot kernel 2": lambda: wl.Sequential([nn.Conv1d(9, 8, 2), nn.Activation("tanh"), nn.Linear(8, 9)]),
    "one-hot normalised": lambda: wl.Sequential(
        [nn.Linear(10, 8), nn.BatchNorm(8), nn.Activation("relu"), nn.Residual([nn.Conv1d(8, 8, 3)]), nn.Linear(8, 10)]
    ),
    "one-hot softmax": lambda: wl.Sequential([wl.WaveNet(16, 16, **SMALL), nn.Activation("softmax")]),
    "decoded": lambda: wl.WaveNet(1, 256, **SMALL),
    "decoded 10 bits": lambda: wl.TCN(1, 1024, channels=8, kernel_size=2, dilations=[1, 2]),
    "gaussian": lambda: wl.WaveNet(1, 2, **SMALL),
    "gaussian gru": lambda: wl.Sequential([nn.Conv1d(1, 6, 2), nn.GRU(6, 7), nn.Linear(7, 2)]),
    "mixture": lambda: wl.WaveNet(1, 15, **SMALL),
    "mixture of one": lambda: wl.TCN(1, 3, channels=8, dilations=[1, 2]),
}
CONDITIONED = {
    "index": lambda: wl.Sequential([nn.Embedding(20, 6), wl.WaveNet(6, 20, condition_channels=3, **SMALL)]),
    "decoded": lambda: wl.WaveNet(
        1, 256, condition_channels=3, condition=wl.Sequential([nn.Conv1d(3, 4, 2), nn.Upsample(5)]), **SMALL
    ),
    "gaussian": lambda: wl.WaveNet(
        1, 2, condition_channels=3,
        condition=wl.Sequential([nn.ConvTranspose1d(3, 4, 8, stride=4), nn.ConvTranspose1d(4, 5, 6, stride=3)]), **SMALL
    ),
    "one-hot": lambda: wl.WaveNet(9, 9, condition_channels=3, condition=nn.Conv1d(3, 2, 3, dilation=2), **SMALL),
    "mixture": lambda: wl.Sequential([nn.FiLM(1, 3), nn.Conv1d(1, 6, 2), nn.FiLM(6, 3)]),
}  # fmt: skip


def kind_of(name):
    return name.split()[0]


def tamed(model):
    """Smaller scales and means, so that what a network reads of itself does not grow without end."""
    return randomised(model)


def conditions_for(model, samples, seed=0):
    period = model.condition_period
    shape = (-(-samples // period), model.condition_channels_needed)
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


# ---------------------------------------------------------------------------------------------------- greedy
@pytest.mark.parametrize("name", NETWORKS)
def test_greedy_generation_is_that_of_repeated_calls(name):
    model = tamed(NETWORKS[name]())
    kind = kind_of(name)
    given = wl.generate(model, 40, temperature=0.0)
    first = 0.0 if kind in ("gaussian", "mixture") else model.plan().out_channels // 2
    assert same_bits(given, by_whole_calls(model, kind, 40, first))


@pytest.mark.parametrize("name", CONDITIONED)
def test_the_same_with_conditioning(name):
    model = tamed(CONDITIONED[name]())
    kind = kind_of(name)
    first = 0.0 if kind in ("gaussian", "mixture") else model.plan().out_channels // 2
    c = conditions_for(model, 40)
    assert same_bits(wl.generate(model, 40, condition=c, temperature=0.0), by_whole_calls(model, kind, 40, first, c))
    constant = c[0]
    given = wl.generate(model, 40, condition=constant, temperature=0.0)
    assert same_bits(given, by_whole_calls(model, kind, 40, first, constant))


@pytest.mark.parametrize("name", ["index", "decoded", "gaussian", "mixture", "one-hot"])
def test_the_same_of_networks_with_integers_and_bf16(name):
    model = tamed(NETWORKS[name]())
    kind = kind_of(name)
    width, count = model.in_channels, model.plan().out_channels
    rng = np.random.default_rng(0)
    x = rng.standard_normal((300, width)).astype(np.float32)
    if kind == "index":
        x = rng.integers(count, size=(300, 1)).astype(np.float32)
    first = 0.0 if kind in ("gaussian", "mixture") else count // 2
    for other in (wl.quantize(model, calibration=x), wl.quantize(model, weights="bf16")):
        assert same_bits(wl.generate(other, 30, temperature=0.0), by_whole_calls(other, kind, 30, first))


@pytest.mark.parametrize("name", CONDITIONED)
def test_the_same_of_conditioned_networks_with_integers_and_bf16(name):
    model = tamed(CONDITIONED[name]())
    kind = kind_of(name)
    width, count = model.in_channels, model.plan().out_channels
    frames = 60 * model.condition_period
    rng = np.random.default_rng(0)
    x = rng.standard_normal((frames, width)).astype(np.float32)
    if kind == "index":
        x = rng.integers(count, size=(frames, 1)).astype(np.float32)
    c = conditions_for(model, frames)
    first = 0.0 if kind in ("gaussian", "mixture") else count // 2
    for other in (wl.quantize(model, calibration=(x, c)), wl.quantize(model, weights="bf16")):
        assert same_bits(wl.generate(other, 30, condition=c[: -(-30 // model.condition_period)], temperature=0.0),
                         by_whole_calls(other, kind, 30, first, c))  # fmt: skip
        pool, generator = other.generator_pool(2), other.generator(c[0], seed=3)
        ids = [pool.open(c[one], seed=one + 3) for one in (1, 0)]
        crowd = pool.process(dict.fromkeys(ids), samples=12)
        begun = generator.process(samples=5)
        blob = generator.snapshot()
        assert same_bits(np.concatenate([begun, generator.process(samples=7)]), crowd[ids[1]])
        generator.restore(blob)
        assert same_bits(generator.process(samples=7), crowd[ids[1]][5:])


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(["index", "one-hot", "decoded", "gaussian", "mixture"]), st.integers(2, 9), st.integers(1, 3),
    st.lists(st.integers(1, 6), min_size=1, max_size=3), st.booleans(), st.integers(0, 100), st.integers(1, 20),
)  # fmt: skip
def test_greedy_generation_of_random_networks(kind, channels, kernel_size, dilations, gated, seed, samples):
    outs = {"index": 11, "one-hot": 7, "decoded": 256, "gaussian": 2, "mixture": 9}[kind]
    ins = {"index": channels, "one-hot": 7}.get(kind, 1)
    body = wl.WaveNet(ins, outs, residual_channels=channels, skip_channels=channels, kernel_size=kernel_size,
                      dilations=dilations, gated=gated)  # fmt: skip
    model = randomised(wl.Sequential([nn.Embedding(outs, ins), body]) if kind == "index" else body, seed)
    first = 0.0 if kind in ("gaussian", "mixture") else seed % outs
    given = wl.generate(model, samples, temperature=0.0, initial=first)
    assert same_bits(given, by_whole_calls(model, kind, samples, first))


@settings(max_examples=60, deadline=None)
@given(networks(max_blocks=2, depth=1), st.integers(1, 15))
def test_greedy_generation_of_any_network_that_can(body, samples):
    needed = condition_channels_of(body)
    model = randomised(wl.Sequential([nn.Linear(1, body.in_channels), body, nn.Linear(body.plan().out_channels, 2)]))
    c = conditions_for(model, samples) if needed else None
    try:
        given = wl.generate(model, samples, condition=c, temperature=0.0)
    except wl.ParameterError as error:
        assert "cannot generate" in str(error)
        clock = model.graph().clock
        assert (clock.rate, clock.start, clock.newest, clock.slack) != (1, 0, 0, 0) or has_strides(model)
        return
    assert same_bits(given, by_whole_calls(model, "gaussian", samples, 0.0, c))


def has_strides(model):
    return any(edge.stride > 1 for node in topological_order(model.graph()) for edge in node.edges)


def test_ties_go_to_the_first_class():
    model = nn.Conv1d(5, 5, 1)
    model.load_state_dict(
        {"weight": np.zeros((5, 5, 1), np.float32), "bias": np.array([0, 2, -1, 2, -0.0], np.float32)}
    )
    assert wl.generate(model, 3, temperature=0.0).tolist() == [1, 1, 1]
    model.load_state_dict({"weight": np.zeros((5, 5, 1), np.float32), "bias": np.float32([-0.0, 0.0, -1, 0, 0])})
    assert wl.generate(model, 1, temperature=0.0).tolist() == [0]


# ---------------------------------------------------------------------------------------------------- the same bits
SAMPLED = {**{name: NETWORKS[name] for name in ("index", "one-hot", "decoded", "gaussian", "mixture")},
           **{f"{name} conditioned": make for name, make in CONDITIONED.items()}}  # fmt: skip


def whole_and_conditions(model, samples, seed):
    c = conditions_for(model, samples, seed) if model.condition_channels_needed else None
    return wl.generate(model, samples, condition=c, seed=seed, temperature=0.8), c


def pieces(model, c, samples, sizes):
    """(conditioning, samples) of blocks."""
    period, done = model.condition_period, 0
    for size in sizes:
        size = min(size, samples - done)
        rows = slice(-(-done // period), -(-(done + size) // period))
        yield (None if c is None else c[rows]), size
        done += size
    assert done == samples


@pytest.mark.parametrize("name", SAMPLED)
def test_any_blocks_give_the_same_bits(name):
    model = tamed(SAMPLED[name]())
    whole, c = whole_and_conditions(model, 61, 5)
    generator = model.generator(seed=5, temperature=0.8)
    for sizes in ([1] * 61, [7, 0, 13, 41], [60, 1]):
        parts = [generator.process(block, samples=n) for block, n in pieces(model, c, 61, sizes)]
        assert same_bits(np.concatenate(parts), whole)
        assert generator.samples == 61
        generator.reset()


@pytest.mark.parametrize("name", SAMPLED)
def test_a_crowd_changes_nothing(name):
    model = tamed(SAMPLED[name]())
    pool = model.generator_pool(4)
    wholes = [whole_and_conditions(model, 40, seed) for seed in range(4)]
    ids = [pool.open(seed=seed, temperature=0.8) for seed in range(4)]
    given = {sid: [] for sid in ids}
    done = dict.fromkeys(ids, 0)
    rng = np.random.default_rng(1)
    period = model.condition_period
    while any(one < 40 for one in done.values()):
        sizes = {sid: int(min(rng.integers(0, 9), 40 - done[sid])) for sid in rng.permutation(ids).tolist()}
        blocks = {}
        for sid, size in sizes.items():
            c = wholes[ids.index(sid)][1]
            rows = slice(-(-done[sid] // period), -(-(done[sid] + size) // period))
            blocks[sid] = None if c is None else c[rows]
            done[sid] += size
        for sid, part in pool.process(blocks, sizes).items():
            given[sid].append(part)
    for sid, (whole, _) in zip(ids, wholes, strict=True):
        assert same_bits(np.concatenate(given[sid]), whole)


@pytest.mark.parametrize("name", SAMPLED)
def test_snapshots_go_on(name):
    model = tamed(SAMPLED[name]())
    whole, c = whole_and_conditions(model, 43, 9)
    (first, n), (second, m) = pieces(model, c, 43, [17, 26])
    generator = model.generator(seed=9, temperature=0.8)
    generator.process(first, samples=n)
    blob, twin = generator.snapshot(), generator.fork()
    assert same_bits(generator.process(second, samples=m), whole[17:])
    assert same_bits(twin.process(second, samples=m), whole[17:])
    other = model.generator(seed=1, temperature=2.0)
    other.restore(blob)
    assert same_bits(other.process(second, samples=m), whole[17:])
    pool = model.generator_pool(2)
    a = pool.open()
    pool.restore(a, blob)
    assert pool.snapshot(a) == blob
    b = pool.fork(a, seed=123)
    made = pool.process({a: second, b: second}, m)
    assert same_bits(made[a], whole[17:])
    assert not same_bits(made[b], whole[17:])


@pytest.mark.parametrize("options", [{"temperature": 1e-6}, {"temperature": 1e6}, {"top_p": 1e-6}, {"top_p": 0.1}])
def test_snapshots_keep_the_extreme_settings(options):
    """A voice holds them as float32, and 1e-6 is a little less there."""
    generator = wl.WaveNet(1, 256, **SMALL).generator(seed=1, **options)
    generator.process(samples=5)
    assert (generator.fork().process(samples=20) == generator.process(samples=20)).all()


def test_constant_conditioning_stays_through_reset_and_snapshots():
    model = tamed(CONDITIONED["gaussian"]())
    c = conditions_for(model, 1)[0]
    whole = wl.generate(model, 30, condition=c, seed=2)
    generator = model.generator(c, seed=2)
    assert same_bits(generator.process(samples=30), whole)
    generator.reset()
    parts = [generator.process(samples=7)]
    other = model.generator(c)
    other.restore(generator.snapshot())
    assert same_bits(np.concatenate([*parts, other.process(samples=23)]), whole)


def test_conditioning_says_how_many_samples():
    model = tamed(CONDITIONED["decoded"]())
    c = conditions_for(model, 35)
    generator = model.generator(seed=1)
    assert generator.condition_period == 5
    parts = [generator.process(c[:2]), generator.process(c[2:3], samples=3), generator.process(c[3:])]
    assert [len(part) for part in parts] == [10, 3, 22]
    assert same_bits(np.concatenate(parts), wl.generate(model, 35, condition=c, seed=1))


def test_a_class_that_the_conditioning_names():
    model = tamed(wl.WaveNet(1, 256, condition_channels=1, condition=nn.Embedding(10, 4), **SMALL))
    digits = [wl.generate(model, 20, condition=np.array([digit], np.float32)) for digit in (3, 7)]
    assert not same_bits(*digits)
    with pytest.raises(wl.ParameterError, match="from 0 to 9"):
        wl.generate(model, 20, condition=np.array([10], np.float32))


def test_a_prewarmed_network():
    model = tamed(nn.Prewarmed([nn.Conv1d(1, 6, 3, dilation=2), nn.Activation("tanh"), nn.Conv1d(6, 2, 2)]))
    assert same_bits(wl.generate(model, 25, temperature=0.0), by_whole_calls(model, "gaussian", 25, 0.0))


# ---------------------------------------------------------------------------------------------------- random numbers
@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        (0, 0, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (2**128 - 1, 2**64 - 1, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
        (
            0x0370734413198A2E85A308D3243F6A88,
            0x299F31D0A4093822,
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_its_published_words(counter, key, words):
    assert words_at(key, counter) == words


def test_uniform_numbers():
    numbers = np.array([uniforms_at(7, n) for n in range(20_000)])
    assert ((numbers > 0) & (numbers < 1)).all()
    for column in numbers.T:
        assert kolmogorov(column, lambda x: x) < 1.63
    assert abs(np.corrcoef(numbers.T)[0, 1]) < 0.03


# ---------------------------------------------------------------------------------------------------- distributions
def constant(bias, ins=None):
    """A network that gives the same logits or parameters whatever it reads."""
    ins = len(bias) if ins is None else ins
    model = nn.Conv1d(ins, len(bias), 1)
    model.load_state_dict({"weight": np.zeros((len(bias), ins, 1), np.float32), "bias": np.asarray(bias, np.float32)})
    return model


def chi_square(counts, probabilities):
    """Normalised to mean 0 and deviation 1, of the classes that are expected often enough."""
    expected = counts.sum() * probabilities
    often = expected >= 5
    statistic = ((counts - expected)[often] ** 2 / expected[often]).sum()
    free = often.sum() - 1
    return (statistic - free) / np.sqrt(2 * free)


def kolmogorov(values, distribution):
    """Kolmogorov's statistic: 1.63 is exceeded with a probability of 0.01."""
    x = np.sort(values.astype(np.float64))
    steps = np.arange(len(x) + 1) / len(x)
    expected = distribution(x)
    return np.sqrt(len(x)) * max((steps[1:] - expected).max(), (expected - steps[:-1]).max())


def softmax(logits, temperature):
    z = np.asarray(logits, np.float64) / temperature
    weights = np.exp(z - z.max())
    return weights / weights.sum()


def nucleus(probabilities, top_p):
    """By definition: the likeliest classes, the first of equal ones first, until they have `top_p` together."""
    order = np.argsort(-probabilities, kind="stable")
    kept = order[: np.searchsorted(np.cumsum(probabilities[order]), top_p * (1 - 1e-9)) + 1]
    alone = np.zeros_like(probabilities)
    alone[kept] = probabilities[kept]
    return alone / alone.sum()


@pytest.mark.parametrize("classes", [2, 3, 16, 17, 100, 256])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_classes_are_drawn_as_their_logits_say(classes, temperature):
    logits = np.random.default_rng(classes).normal(0, 1.5, classes).astype(np.float32)
    drawn = wl.generate(constant(logits), 20_000, seed=3, temperature=temperature)
    assert drawn.dtype == np.int32
    counts = np.bincount(drawn, minlength=classes)
    assert abs(chi_square(counts, softmax(logits, temperature))) < 4


@pytest.mark.parametrize("top_p", [1e-6, 0.3, 0.75, 0.999])
def test_top_p_draws_from_the_nucleus(top_p):
    logits = np.random.default_rng(8).normal(0, 2, 50).astype(np.float32)
    logits[[3, 30, 31]] = logits[20]
    wanted = nucleus(softmax(logits, 0.9), top_p)
    counts = np.bincount(wl.generate(constant(logits), 20_000, seed=4, temperature=0.9, top_p=top_p), minlength=50)
    assert not counts[wanted == 0].any()
    assert counts[wanted > 30 / 20_000].all()
    if (wanted > 0).sum() > 1:
        assert abs(chi_square(counts, wanted)) < 4


def test_top_p_keeps_the_first_of_equal_classes():
    drawn = wl.generate(constant(np.zeros(10)), 500, top_p=0.35)
    assert set(drawn.tolist()) == {0, 1, 2, 3}


def test_probabilities_are_drawn_as_such():
    logits = np.random.default_rng(2).normal(0, 1.5, 20).astype(np.float32)
    logits[5] = -200  # whose probability is 0
    model = wl.Sequential([constant(logits), nn.Activation("softmax")])
    for temperature in (1.0, 0.5):
        counts = np.bincount(wl.generate(model, 20_000, seed=6, temperature=temperature), minlength=20)
        assert counts[5] == 0
        assert abs(chi_square(counts, softmax(logits, temperature))) < 4


def logistic(x, mean, scale):
    return 1 / (1 + np.exp(-(x - mean) / scale))


def normal(x, mean, scale):
    erf = np.vectorize(__import__("math").erf)
    return 0.5 * (1 + erf((x - mean) / scale / np.sqrt(2)))


@pytest.mark.parametrize("temperature", [1.0, 0.4])
def test_mixtures(temperature):
    weights, means, logs = np.log([0.2, 0.5, 0.3]), np.array([-0.5, 0.1, 0.7]), np.array([-2.0, -4.0, -3.0])
    drawn = wl.generate(constant([*weights, *means, *logs], 1), 20_000, seed=1, temperature=temperature)
    assert drawn.dtype == np.float32
    shares, scales = softmax(weights, temperature), np.exp(logs) * temperature

    def distribution(x):
        return sum(p * logistic(x, m, s) for p, m, s in zip(shares, means, scales, strict=True))

    assert kolmogorov(drawn, distribution) < 1.63


@pytest.mark.parametrize("temperature", [1.0, 0.3])
def test_gaussian(temperature):
    drawn = wl.generate(constant([0.25, -1.5], 1), 20_000, seed=2, temperature=temperature)
    assert kolmogorov(drawn, lambda x: normal(x, 0.25, np.exp(-1.5) * temperature)) < 1.63
    assert np.abs(drawn - 0.25).max() > 3.5 * np.exp(-1.5) * temperature


def test_seeds_are_different_and_draws_are_not_correlated():
    model = constant([0.0, 0.0], 1)
    a, b = (wl.generate(model, 10_000, seed=seed).astype(np.float64) for seed in (1, 2))
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.04
    assert abs(np.corrcoef(a[1:], a[:-1])[0, 1]) < 0.04
    assert not same_bits(wl.generate(model, 5, seed=2**64 - 1), wl.generate(model, 5, seed=2**32 - 1))


def test_the_values_that_a_network_reads_are_those_of_mu_law():
    for count in (256, 512, 1024):
        spec = wl.MuLaw(mu=count - 1, output="code")
        classes = np.arange(count)
        samples = spec.decode(classes)
        assert same_bits(samples, spec.expand((classes - count // 2)[:, None].astype(np.float32)))
        assert np.abs(samples - decoded(classes, count)).max() < 1e-6
        assert (spec.codes(samples) == classes).mean() > 0.99
        assert spec.codes(np.zeros(1, np.float32)).tolist() == [count // 2]


@pytest.mark.parametrize("codes", [[0, 1], np.array([0.0]), np.array([256]), np.array([-1])])
def test_classes_to_decode(codes):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError), match="codes"):
        wl.MuLaw(mu=255).decode(codes)


# ---------------------------------------------------------------------------------------------------- what it puts out
def test_a_declaration_wins_and_is_kept_in_files(tmp_path):
    body = wl.TCN(1, 30, channels=8, dilations=[1, 2])
    assert wl.generate(body, 2).dtype == np.float32  # a mixture of ten
    model = wl.Sequential([body, nn.Output("categorical")])
    model.save(tmp_path / "model.safetensors")
    for one in (model, wl.load(tmp_path / "model.safetensors"), wl.quantize(model, weights="bf16")):
        assert one.generator().output == "categorical"
        assert wl.generate(one, 2).dtype == np.int32
    assert wl.generate(model, 2, output="mixture").dtype == np.float32
    x = np.random.default_rng(0).uniform(-1, 1, (300, 1)).astype(np.float32)
    assert wl.quantize(model, calibration=x).generator().output == "categorical"


AMBIGUOUS = {
    "one to one": lambda: nn.Conv1d(1, 1, 2),
    "one to 100": lambda: nn.Conv1d(1, 100, 2),
    "three to six": lambda: nn.Conv1d(3, 6, 2),
}


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_what_is_ambiguous_is_asked_for(name):
    with pytest.raises(wl.ParameterError, match=r"output=None is ambiguous .* one of categorical, mixture, gaussian"):
        wl.generate(AMBIGUOUS[name](), 3)


@pytest.mark.parametrize(
    ("make", "output", "said"),
    [
        (lambda: nn.Conv1d(3, 6, 2), "categorical", "gives 6"),
        (lambda: nn.Conv1d(1, 1, 2), "categorical", "gives 1"),
        (lambda: nn.Conv1d(1, 4, 2), "mixture", "3 K"),
        (lambda: nn.Conv1d(2, 2, 2), "gaussian", "reads 2 channels"),
        (lambda: wl.Sequential([nn.Embedding(5, 3), nn.Linear(3, 2)]), "gaussian", "reads classes"),
        (lambda: wl.Sequential([nn.Embedding(5, 3), nn.Linear(3, 6)]), "categorical", "5 classes"),
        (lambda: nn.Conv1d(1, 2, 2), "normal", "must be one of"),
    ],
)
def test_outputs_that_do_not_go_together(make, output, said):
    with pytest.raises(wl.ParameterError, match=said):
        wl.generate(make(), 3, output=output)


def test_more_classes_can_be_read_than_drawn():
    """The last one begins a sequence, say."""
    model = tamed(wl.Sequential([nn.Embedding(9, 4), nn.Conv1d(4, 8, 2)]))
    assert same_bits(wl.generate(model, 20, initial=8, temperature=0.0), by_whole_calls(model, "index", 20, 8))


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.Conv1d(1, 2, 3, padding="same"),
        lambda: nn.Conv1d(1, 2, 3, padding="valid"),
        lambda: wl.Sequential([nn.Conv1d(1, 4, 2, stride=2), nn.ConvTranspose1d(4, 2, 2, stride=2)]),
        lambda: nn.Conv1d(1, 2, 2, stride=2),
        lambda: wl.WaveNet(1, 2, condition_channels=3, condition=nn.Upsample(7, "linear"), **SMALL),
    ],
)
def test_networks_that_look_ahead_or_stride(make):
    with pytest.raises(wl.ParameterError, match="cannot generate"):
        wl.generate(make(), 3)


# ---------------------------------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"seed": -1}, "seed=-1"),
        ({"seed": 2**64}, "seed="),
        ({"seed": 1.5}, "seed=1.5"),
        ({"temperature": -0.1}, "temperature=-0.1"),
        ({"temperature": 1e-9}, "temperature=1e-09"),
        ({"temperature": np.inf}, "temperature=inf"),
        ({"temperature": "hot"}, "temperature='hot'"),
        ({"top_p": 0.0}, "top_p=0"),
        ({"top_p": 1.01}, "top_p=1.01"),
        ({"initial": 256}, "initial=256"),
        ({"initial": -1}, "initial=-1"),
        ({"initial": 0.5}, "initial=0.5"),
        ({"condition": np.zeros(2, np.float32)}, "no conditioning"),
        ({"condition": np.zeros((3, 2), np.float32)}, "no conditioning"),
    ],
)
def test_options_of_classes(options, said):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError), match=said):
        wl.generate(wl.WaveNet(1, 256, **SMALL), 3, **options)


@pytest.mark.parametrize("options", [{"top_p": 0.5}, {"initial": np.nan}, {"initial": 1e300}, {"initial": "0"}])
def test_options_of_values(options):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError), match=next(iter(options))):
        wl.generate(wl.WaveNet(1, 2, **SMALL), 3, **options)


@pytest.mark.parametrize("samples", [-1, 1.5, "3", True])
def test_how_many(samples):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError), match="samples"):
        wl.generate(wl.WaveNet(1, 2, **SMALL), samples)
    assert len(wl.generate(wl.WaveNet(1, 2, **SMALL), 0)) == 0


def test_conditioning_that_does_not_fit_changes_nothing():
    model = tamed(CONDITIONED["decoded"]())
    c = conditions_for(model, 20)
    generator = model.generator()
    generator.process(c[:1])
    before = generator.snapshot()
    bad = c.copy()
    bad[1, 0] = np.nan
    for condition, samples, said in (
        (None, 5, "needs conditioning"),
        (None, None, "one of them must say"),
        (c[:1], 11, "it must have 3, one for every 5 samples"),
        (c[:, :2], 10, "it must have 3"),
        (c.astype(np.float64), 20, "float32"),
        (bad, None, "not finite at frame 1"),
        (c[0], 5, "dimensions"),
    ):
        with pytest.raises((wl.ParameterError, wl.ArrayTypeError), match=said):
            generator.process(condition, samples=samples)
        assert generator.snapshot() == before
    with pytest.raises(wl.ParameterError, match="constant conditioning"):
        model.generator(c[0]).process(c[:1])


def test_output_that_is_not_finite_names_the_sample_and_changes_nothing():
    model = nn.Conv1d(1, 2, 1)
    model.load_state_dict({"weight": np.array([[[1e10]], [[0]]], np.float32), "bias": np.array([1, 0], np.float32)})
    with pytest.raises(wl.ParameterError, match="not finite at sample 4"):  # 1, 1e10, 1e20, 1e30, infinity
        wl.generate(model, 9, temperature=0.0)
    generator = model.generator(temperature=0.0)
    generator.process(samples=2)
    before = generator.snapshot()
    with pytest.raises(wl.ParameterError, match="not finite at sample 4"):
        generator.process(samples=7)
    assert generator.snapshot() == before
    assert np.isfinite(generator.process(samples=2)).all()
    pool = model.generator_pool(3)
    a, b = pool.open(temperature=0.0, initial=-1.0), pool.open(temperature=0.0, initial=-1e-10)
    snapshots = [pool.snapshot(sid) for sid in (a, b)]
    with pytest.raises(wl.ParameterError, match=f"at sample [0-9]+ of voice {a}"):
        pool.process({b: None, a: None}, {a: 6, b: 3})
    assert snapshots == [pool.snapshot(sid) for sid in (a, b)]


def test_pools_check_their_ids():
    model = wl.WaveNet(1, 2, **SMALL)
    pool = model.generator_pool(2)
    a, b = pool.open(), pool.open()
    assert (len(pool), pool.capacity, a in pool) == (2, 2, True)
    with pytest.raises(wl.StreamStateError, match="pool is full"):
        pool.open()
    pool.close(a)
    for call in (pool.reset, pool.close, pool.snapshot, pool.fork, lambda sid: pool.process({sid: None}, 3)):
        with pytest.raises(wl.ParameterError, match=f"sid={a} is not an open voice"):
            call(a)
    with pytest.raises(wl.ArrayTypeError, match="must be a dict"):
        pool.process([b], 3)
    with pytest.raises(wl.ParameterError, match="samples must have the voices"):
        pool.process({b: None}, {})
    assert pool.process({}, 3) == {}


def test_snapshots_are_checked():
    model, other = tamed(wl.WaveNet(1, 2, **SMALL)), tamed(wl.WaveNet(1, 256, **SMALL))
    generator = model.generator()
    generator.process(samples=5)
    blob = generator.snapshot()
    for bad in (b"", blob[:-9], blob[:40] + bytes([blob[40] ^ 1]) + blob[41:], other.generator().snapshot()):
        with pytest.raises(wl.SnapshotError):
            generator.restore(bad)
    with pytest.raises(wl.SnapshotError, match="a network's stream; it must be of a generator"):
        generator.restore(model.stream().snapshot())
    assert generator.snapshot() == blob
    three = wl.Sequential([wl.TCN(1, 6, channels=4, dilations=[1])])
    with pytest.raises(wl.SnapshotError):
        three.generator(output="mixture").restore(three.generator(output="categorical").snapshot())


def test_what_is_no_network():
    with pytest.raises(wl.ArrayTypeError, match="it must be a network"):
        wl.generate(lambda x: x, 3)


# ---------------------------------------------------------------------------------------------------- threads, Ctrl-C
def test_an_interrupt_ends_a_call_and_changes_nothing():
    model = wl.WaveNet(1, 2, residual_channels=32, skip_channels=32, dilations=[1, 2, 4, 8] * 2)
    generator = model.generator()
    generator.process(samples=10)
    before = generator.snapshot()
    threading.Timer(0.2, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        generator.process(samples=10**8)
    assert generator.snapshot() == before


def test_a_generator_serves_one_thread_at_a_time():
    model = wl.WaveNet(1, 2, **SMALL)
    generator = model.generator()
    thread = threading.Thread(target=generator.process, kwargs={"samples": 300_000})
    thread.start()
    refused = False
    while thread.is_alive() and not refused:
        try:
            generator.process(samples=0)
        except wl.StreamStateError as error:
            refused = "in use by another thread" in str(error)
        time.sleep(0.001)
    thread.join()
    assert refused


@pytest.mark.parametrize(("condition", "said"), [
    (np.zeros(4, np.float32), "condition has 4 channels; it must have 3"),
    (np.array([0, np.nan, 0], np.float32), "condition is not finite at frame 0"),
    (np.zeros(3), "condition has dtype float64"),
    (np.ma.masked_array(np.zeros(3, np.float32), [0, 0, 1]), "condition is a MaskedArray"),
])  # fmt: skip
def test_a_constant_condition_is_called_by_its_name(condition, said):
    for model in (CONDITIONED["index"](), CONDITIONED["decoded"]()):
        with pytest.raises(wl.WavenetliteError) as error:
            wl.generate(model, 7, condition=condition)
        assert str(error.value).startswith(said)
        assert "on_nonfinite" not in str(error.value)  # which generators do not have
        with pytest.raises(wl.ParameterError, match=r"samples=.* must be at most"):
            wl.generate(model, 2**60, condition=np.zeros(3, np.float32))
    with pytest.raises(wl.ParameterError, match="condition given; it must be None"):
        wl.generate(NETWORKS["index"](), 7, condition=np.zeros(3, np.float32))


def test_a_generator_says_what_it_is():
    generator = CONDITIONED["decoded"]().generator(np.zeros(3, np.float32))
    generator.process(samples=3)
    assert repr(generator) == "Generator(output='categorical', condition_period=5, samples=3)"
