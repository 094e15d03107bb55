"""Gradients of every layer, block and network: against derivatives of the float64 definition, and PyTorch."""

import threading

import numpy as np
import pytest
from catalogue import CATALOGUE, FLOATS, IMAGES, condition, over_bins, randomised, same_bits, signal
from hypothesis import assume, given, note, settings
from hypothesis import strategies as st
from strategies import condition_channels_of, networks
from training import Check, evaluate, norms_of, seed_of, state_at, trainable

import wavenetlite as wl
from wavenetlite import graph
from wavenetlite.train import Parameters, Tape

nn = wl.nn
SMALL = 60  # parameters of which each is checked by itself


def check_of(name, clips, frames):
    case = trainable(name)
    return Check(case.model(seed_of(name)), clips, frames, case.condition_channels, seed_of(name))


def enough_frames(name):
    return 1300 if "d300" in name else 29


# ---------------------------------------------------------------------------------------------------- the catalogue
@pytest.mark.parametrize("name", FLOATS)
def test_gradient_in_random_directions(name):
    check = check_of(name, 2, enough_frames(name))
    check.output()
    check.directions()


@pytest.mark.parametrize("name", FLOATS)
def test_gradients_of_very_short_clips(name):
    """Where a block looks further ahead, or back, than there are frames; batch moments of few frames are left out."""
    if norms_of(trainable(name).model()):
        pytest.skip("moments of so few frames are ill-conditioned")
    some = False
    for frames in (1, 2, 3, 5, 8):
        try:
            check = check_of(name, 3, frames)
        except wl.ParameterError as error:
            assert f"frames={frames} must be larger" in str(error)
            continue
        check.output()
        check.directions(1)
        some = True
    assert some or "valid" in name or "conditioned" in name


SMALL_NETWORKS = {
    "conv": lambda: nn.Conv1d(2, 3, 3, dilation=2),
    "groups": lambda: nn.Conv1d(4, 4, 2, groups=2),
    "depthwise": lambda: wl.Sequential([nn.Linear(3, 3), nn.Conv1d(3, 3, 3, groups=3)]),
    "stride": lambda: wl.Sequential([nn.Conv1d(2, 3, 3, stride=2), nn.Conv1d(3, 2, 2, stride=3)]),
    "stride depthwise": lambda: wl.Sequential([nn.Linear(3, 3), nn.Conv1d(3, 3, 2, groups=3, stride=2)]),
    "same": lambda: wl.Sequential([nn.Conv1d(2, 2, 3, padding="same"), nn.Conv1d(2, 2, 4, padding="same")]),
    "valid": lambda: wl.Sequential([nn.Conv1d(2, 2, 3, padding="valid"), nn.Conv1d(2, 2, 2, padding="valid")]),
    "norm": lambda: wl.Sequential([nn.Conv1d(2, 3, 2), nn.BatchNorm(3), nn.Activation("relu"), nn.Linear(3, 2)]),
    "norm no relu": lambda: wl.Sequential([nn.Conv1d(2, 3, 2), nn.BatchNorm(3, eps=0.1), nn.Linear(3, 2)]),
    "norm at the end": lambda: wl.Sequential([nn.Linear(2, 3), nn.BatchNorm(3)]),
    "norm read twice": lambda: wl.Sequential(
        [nn.Linear(2, 3), nn.BatchNorm(3), nn.Residual([nn.Activation("relu"), nn.Linear(3, 3)])]),
    "norm in residuals": lambda: wl.Sequential(
        [nn.Linear(2, 2), *[nn.Residual([nn.Conv1d(2, 2, 2, dilation=d), nn.BatchNorm(2), nn.Activation("relu")])
                            for d in (1, 2)], nn.Linear(2, 1)]),
    "norm in a residual at the end": lambda: wl.Sequential(
        [nn.Linear(2, 3), nn.Residual([nn.Linear(3, 3), nn.BatchNorm(3)])]),
    "norm in a residual of the input": lambda: nn.Residual([nn.Conv1d(3, 3, 2), nn.BatchNorm(3)]),
    "norm in a shorter residual": lambda: wl.Sequential(
        [nn.Linear(2, 3), nn.Residual([nn.Conv1d(3, 3, 3, padding="valid"), nn.BatchNorm(3)]), nn.Linear(3, 1)]),
    "norms in both branches": lambda: wl.Sequential(
        [nn.Linear(2, 3), nn.Add([[nn.Linear(3, 3), nn.BatchNorm(3)], [nn.Linear(3, 3), nn.BatchNorm(3)]]),
         nn.Activation("silu"), nn.Linear(3, 1)]),
    "norm before a sum of itself": lambda: wl.Sequential([nn.Linear(2, 3), nn.BatchNorm(3), nn.Add([[], []])]),
    "norm in one of three branches": lambda: wl.Sequential(
        [nn.Linear(2, 3), nn.Add([[], [nn.Linear(3, 3), nn.BatchNorm(3)], [nn.Activation("tanh")]]), nn.Linear(3, 1)]),
    "sum of one sequence": lambda: wl.Sequential([nn.Linear(2, 3), nn.Add([[], [], []]), nn.Linear(3, 2)]),
    "sums of sums": lambda: wl.Sequential(
        [nn.Linear(2, 2), nn.Residual([nn.Residual([nn.Conv1d(2, 2, 2)]), nn.Residual([nn.Activation("tanh")])]),
         nn.Add([[nn.Conv1d(2, 2, 2)], [nn.Linear(2, 2)]]), nn.Linear(2, 1)]),
    "many taps": lambda: wl.Sequential([nn.Linear(1, 1), nn.Conv1d(1, 1, 50), nn.Linear(1, 1)]),
    "frequency": lambda: wl.Sequential(
        [nn.Linear(2, 4), over_bins(4, 1, 3, (3, 2), stride=(2, 1)), nn.BatchNorm(3, bins=2),
         nn.Activation("relu"), over_bins(2, 3, 1, (1, 1))]),
    "frequency wide": lambda: wl.Sequential([nn.Linear(1, 4), over_bins(2, 2, 1, (5, 2), stride=(1, 2))]),
    "gate": lambda: wl.Sequential([nn.Linear(2, 6), nn.GatedUnit(), nn.Linear(3, 1)]),
    "gate of others": lambda: wl.Sequential(
        [nn.Linear(2, 4), nn.GatedUnit(activation="elu", gate="softsign"), nn.Linear(2, 1)]),
    "blend": lambda: wl.Sequential(
        [nn.Linear(2, 6), nn.GatedUnit(activation=nn.Activation("prelu", channels=3), blend=True), nn.Linear(3, 1)]),
    "leaky hardtanh": lambda: wl.Sequential(
        [nn.Linear(2, 3), nn.Activation("leaky_hardtanh", min_val=-0.3, max_val=0.2, min_slope=0.2), nn.Linear(3, 1)]),
    "fast tanh": lambda: wl.Sequential([nn.Linear(2, 3), nn.Activation("fast_tanh"), nn.Linear(3, 1)]),
    "prewarmed": lambda: nn.Prewarmed([nn.Conv1d(2, 2, 3), nn.Activation("tanh"), nn.Conv1d(2, 2, 2, stride=2)]),
    "amp": lambda: nn.AmpWaveNet([nn.AmpArray(1, [nn.AmpLayer(2, 1, kernel_size=2, dilation=d) for d in (1, 2)],
                                              head_channels=1)]),
    "block": lambda: nn.GatedResidualBlock(2, kernel_size=2, dilation=2, skip_channels=2),
    "prelu": lambda: wl.Sequential([nn.Linear(2, 3), nn.Activation("prelu", channels=3), nn.Activation("prelu")]),
    "prelu of a residual": lambda: nn.Residual([nn.Conv1d(3, 3, 2)], activation="prelu"),
    "prelu of a network": lambda: wl.TCN(2, 1, channels=2, kernel_size=2, dilations=[1, 2], activation="prelu"),
    "prelu of a temporal block": lambda: nn.TemporalBlock(2, 3, 2, activation="prelu"),
    "prelu of a block": lambda: nn.GatedResidualBlock(2, kernel_size=2, gated=False, activation="prelu"),
    "pool": lambda: wl.Sequential(
        [nn.Linear(2, 3), nn.Concat([nn.CumulativePool("mean"), nn.CumulativePool("max"), []]), nn.Linear(9, 1)]),
    "pool window": lambda: wl.Sequential(
        [nn.Linear(2, 3), nn.Activation("tanh"), nn.CumulativePool("mean", window_frames=4), nn.Linear(3, 2)]),
    "dropout": lambda: wl.Sequential(
        [nn.Linear(2, 4), nn.Dropout(0.4), nn.Linear(4, 3), nn.Dropout(0.5, whole_channels=True), nn.Linear(3, 2)]),
    "dropout read twice": lambda: wl.Sequential(
        [nn.Linear(2, 3), nn.Residual([nn.Dropout(0.4), nn.Linear(3, 3)]), nn.Linear(3, 1)]),
    "softmax": lambda: wl.Sequential([nn.Linear(2, 3), nn.Activation("softmax"), nn.Linear(3, 2)]),
    "snake": lambda: wl.Sequential([nn.Linear(2, 3), nn.Snake(3), nn.Linear(3, 1)]),
    "snake beta": lambda: wl.Sequential([nn.Linear(2, 3), nn.Snake(3, beta=True, logarithmic=True), nn.Linear(3, 1)]),
    "sine, cosine, exponential": lambda: wl.Sequential(
        [nn.Linear(2, 3), nn.Add([[nn.Activation("sin")], [nn.Activation("cos")], [nn.Activation("exp")]]),
         nn.Linear(3, 1)]),
    "reflected": lambda: wl.Sequential(
        [nn.Linear(2, 2), nn.Conv1d(2, 3, 3, dilation=2, padding_mode="reflect"), nn.Conv1d(3, 1, 4, padding="same")]),
    "layer norm": lambda: wl.Sequential(
        [nn.Linear(2, 3), nn.LayerNorm(None, eps=0.1), nn.BatchNorm(3), nn.Linear(3, 2)]),
    "latencies": lambda: nn.Add([nn.Conv1d(2, 2, 5, padding="same"), nn.Conv1d(2, 2, 3, padding="valid"), []]),
    "same input twice": lambda: wl.Sequential([nn.Linear(2, 2), nn.Add([[], []]), nn.Linear(2, 2)]),
    "product of two": lambda: wl.Sequential([nn.Linear(2, 2), nn.Concat([[], []]), nn.GatedUnit()]),
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL_NETWORKS)
def test_every_parameter_by_itself(name):
    model = randomised(SMALL_NETWORKS[name](), seed_of(name))
    check = Check(model, 3, 11, seed=1)
    assert 0 < check.parameters.trained <= SMALL
    check.output()
    check.each()


@pytest.mark.parametrize("layer", [
    lambda: nn.Linear(3, 3), lambda: nn.Conv1d(3, 3, 3, groups=3), lambda: nn.BatchNorm(3),
    lambda: nn.Activation("prelu", channels=3), lambda: over_bins(3, 1, 1, (3, 2))])  # fmt: skip
def test_a_layer_used_twice_gets_both_shares(layer):
    shared = layer()
    model = wl.Sequential([nn.Linear(2, 3), shared, nn.Activation("silu"), shared, nn.Linear(3, 1)])
    model.initialise_missing()
    for name in ("weight", "bias"):
        if name in shared.parameter_shapes():
            shape = shared.parameter_shapes()[name]
            model.load_state_dict(model.state_dict() | {
                f"{i}.{name}": value for i in (1, 3)
                for value in [np.random.default_rng(3).uniform(0.3, 1, shape).astype(np.float32)]})  # fmt: skip
    check = Check(model, 2, 9)
    assert check.parameters.trained == model.parameter_count
    check.output()
    check.each()


# ---------------------------------------------------------------------------------------------------- random networks
@pytest.mark.slow
@settings(max_examples=60)
@given(data=st.data())
def test_random_networks(data):
    model = data.draw(networks(max_blocks=3))
    note(model.summary())
    clips, frames = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 60))
    seed = data.draw(st.integers(0, 999))
    try:
        check = Check(model, clips, frames, condition_channels_of(model), seed)
    except wl.ParameterError as error:
        assert "must be larger" in str(error)
        return
    _, moments = evaluate(model, state_at(check.parameters, check.trained), check.x, check.c)
    assume(all(variance.min() > 1e-2 for _, variance, _ in moments))  # else rounding is all there is
    check.output(tolerance=1e-4 if moments else 1e-5)
    check.directions(1, tolerance=1e-2 if moments else 1e-3)


# ------------------------------------------------------------------------------------- what holds of all gradients
def tcn(**options):
    return randomised(wl.TCN(5, 4, channels=12, kernel_size=3, dilations=[1, 2], **options), 3)


def batch(clips, frames, channels, seed=0):
    return np.stack([signal(frames, channels, seed + i) for i in range(clips)])


@pytest.mark.parametrize("name", ["wavenet", "tcn no batch norm", "nested", "freq residual shortcut", "strides"])
def test_the_gradient_of_a_batch_is_the_sum_over_its_clips(name):
    case = trainable(name)
    model = case.model(1)
    if norms_of(model):
        model = wl.Sequential([nn.Conv1d(case.in_channels, 4, 3), nn.Activation("gelu"), nn.Conv1d(4, 2, 2, stride=2)])
    parameters, x = Parameters(model), batch(4, 31, case.in_channels)
    whole, single = Tape(parameters, 4, 31), Tape(parameters, 1, 31)
    weight = batch(4, *whole.forward(x).shape[1:], seed=9)
    together = whole.backward(weight).copy()
    alone = np.zeros_like(together, dtype=np.float64)
    for i in range(4):
        assert np.abs(single.forward(x[i : i + 1]) - whole.output.values[i : i + 1, :, : weight.shape[2]]).max() < 1e-6
        alone += single.backward(weight[i : i + 1])
    assert np.abs(together - alone).max() <= 1e-5 * np.abs(alone).max()


@pytest.mark.parametrize("name", FLOATS)
def test_tapes_repeat_themselves(name):
    """Forward twice, backward twice, another batch in between, another tape: the same bits."""
    check = check_of(name, 2, enough_frames(name))
    y, gradient = check.y.copy(), check.tape.backward(check.weight).copy()
    assert same_bits(gradient, check.tape.backward(check.weight))
    check.tape.forward(-2 * check.x, None if check.c is None else 3 * check.c)
    check.tape.backward(np.ones_like(check.weight))
    assert same_bits(check.tape.forward(check.x, check.c), y)
    assert same_bits(check.tape.backward(check.weight), gradient)
    again = check_of(name, 2, enough_frames(name))
    assert same_bits(again.y, y)
    assert same_bits(again.gradient.astype(np.float32), gradient)


def residual_blocks(count):
    blocks = [nn.Residual([nn.Conv1d(4, 4, 2), nn.BatchNorm(4), nn.Activation("relu")]) for _ in range(count)]
    return wl.Sequential([nn.Linear(2, 4), *blocks, nn.Dropout(0.5), nn.Linear(4, 1)])


def test_gradients_share_memory():
    """However deep a network is: the gradients of its blocks, and of their convolutions, take turns."""
    few, many = (Tape(Parameters(residual_blocks(count)), 2, 20) for count in (2, 9))
    memory = [{id(step.out._gradients) for step in tape.steps} for tape in (few, many)]
    assert len(memory[0]) == len(memory[1]) < len(few.steps)


def test_a_fused_sum_leaves_the_seed_of_dropout():
    """Its node counts, so that training gives the same weights however steps are fused."""
    tape = Tape(Parameters(residual_blocks(2)), 1, 5)
    assert [step.place for step in tape.steps] == [0, 1, 2, 4, 5, 7, 8]


def test_tapes_of_one_network_run_side_by_side():
    """Two threads, each with its tape, give the bits that each gives alone."""
    parameters = Parameters(wl.Sequential([tcn(), over_bins(2, 2, 3, (3, 3)), nn.Dropout(0.3)]))
    tapes = [Tape(parameters, 3, 50) for _ in range(2)]
    xs = [batch(3, 50, 5, seed) for seed in (0, 50)]
    weights = [batch(3, 50, 6, seed) for seed in (20, 70)]

    def once(i, round_):
        tapes[i].seed(7, round_)
        return tapes[i].forward(xs[i]), tapes[i].backward(weights[i]).copy()

    alone = [[once(i, n) for n in range(30)] for i in range(2)]
    together = [[], []]
    start = threading.Barrier(2)

    def work(i):
        start.wait()
        together[i] += [once(i, n) for n in range(30)]

    threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for expected, found in zip(alone, together, strict=True):
        for (y, g), (y2, g2) in zip(expected, found, strict=True):
            assert same_bits(y, y2)
            assert same_bits(g, g2)


def test_a_tape_takes_the_present_values():
    model = tcn(batch_norm=False)
    parameters = Parameters(model)
    tape, x = Tape(parameters, 1, 40), batch(1, 40, 5)
    before = tape.forward(x)
    assert np.abs(before[0] - model(x[0])).max() < 1e-6
    parameters.values[1 : 1 + parameters.trained] *= 2
    twin = tcn(batch_norm=False)
    twin.load_state_dict(parameters.state_dict())
    assert np.abs(tape.forward(x)[0] - twin(x[0])).max() < 1e-5
    assert same_bits(model(x[0]), tcn(batch_norm=False)(x[0]))  # the network itself has not changed


def test_only_what_lies_behind_the_output_gets_a_gradient():
    """The last residual convolution of a WaveNet is read by nobody."""
    model = CATALOGUE["wavenet"].model()
    parameters = Parameters(model)
    tape = Tape(parameters, 1, 30)
    gradient = tape.backward(np.ones_like(tape.forward(batch(1, 30, 3))))
    start, shape = parameters.places["blocks.5.residual.weight"]
    assert not gradient[start - 1 : start - 1 + np.prod(shape)].any()
    start, shape = parameters.places["blocks.4.residual.weight"]
    assert gradient[start - 1 : start - 1 + np.prod(shape)].any()


def test_the_weights_of_a_windowed_pool_are_not_learned():
    model = wl.Sequential([nn.Linear(2, 3), nn.CumulativePool("mean", window_frames=4)])
    parameters = Parameters(model)
    tape = Tape(parameters, 1, 10)
    assert len(tape.backward(np.ones_like(tape.forward(batch(1, 10, 2))))) == parameters.trained == 9
    assert len(parameters.values) == 1 + 9 + 3 * 4
    Tape(parameters, 2, 20)  # a second tape finds the constants
    assert len(parameters.values) == 1 + 9 + 3 * 4


def test_subnormal_gradients_do_not_stay_in_the_thread():
    tape = Tape(Parameters(nn.Linear(2, 2)), 1, 3)
    tape.backward(tape.forward(batch(1, 3, 2)))
    assert np.float32(1e-38) / np.float32(16) > 0


# ------------------------------------------------------------------------------------------------------------ dropout
def test_dropout_keeps_its_share_and_scales_it_up():
    tape = Tape(Parameters(wl.Sequential([nn.Linear(4, 50), nn.Dropout(0.3)])), 4, 100)
    tape.parameters.values[1:-50] = 0
    tape.parameters.values[-50:] = 1
    tape.seed(1)
    y = tape.forward(batch(4, 100, 4))
    assert set(np.unique(y)) == {np.float32(0), np.float32(1 / 0.7)}
    assert abs((y == 0).mean() - 0.3) < 0.01
    assert y.var(axis=(1, 2)).min() > 0


def test_whole_channels_are_dropped_in_all_frames_of_a_clip():
    tape = Tape(Parameters(wl.Sequential([nn.Linear(4, 50), nn.Dropout(0.5, whole_channels=True)])), 40, 10)
    tape.parameters.values[1:-50] = 0
    tape.parameters.values[-50:] = 1
    y = tape.forward(batch(40, 10, 4))
    assert (y == y[:, :1]).all()
    assert abs((y == 0).mean() - 0.5) < 0.05
    assert len(np.unique(y[:, 0], axis=0)) == 40


def test_dropout_is_new_each_time_and_repeats_with_its_seed():
    model = wl.Sequential([nn.Linear(4, 8), nn.Dropout(0.5), nn.Dropout(0.5)])
    tape, x = Tape(Parameters(model), 2, 20), batch(2, 20, 4)
    tape.seed(3, 1)
    first, second = tape.forward(x), tape.forward(x)
    assert not same_bits(first, second)
    tape.seed(3, 1)
    assert same_bits(tape.forward(x), first)
    tape.seed(3, 2)
    assert not same_bits(tape.forward(x), first)
    kept = (first != 0).mean()
    assert abs(kept - 0.25) < 0.08  # two layers choose apart


# ------------------------------------------------------------------------------------------------- batch normalisation
@pytest.mark.parametrize("bins", [1, 4])
def test_statistics_of_batch_norm(bins):
    """Of values far from zero, where sums of squares would lose them all."""
    model = wl.Sequential([nn.Conv1d(2, 12, 1), nn.BatchNorm(12 // bins, bins=bins)])
    randomised(model)
    model.load_state_dict(model.state_dict() | {"0.bias": np.full(12, 300, np.float32)})
    check = Check(model, 3, 40)
    _, [(mean, _, unbiased)] = evaluate(model, state_at(check.parameters, check.trained), check.x)
    found = check.tape.statistics[0]
    assert np.abs(found["1.running_mean"] - mean).max() < 1e-4
    assert np.abs(found["1.running_var"] - unbiased).max() <= 1e-3 * unbiased.max()
    check.output(tolerance=1e-3)


# ------------------------------------------------------------------------------------------------------------- PyTorch
def torch_gradients(theirs, names, parameters):
    """PyTorch's gradients in the layout of `Parameters`; names: ours to theirs."""
    given = dict(theirs.named_parameters())
    flat = np.zeros(parameters.trained)
    for name, (start, shape) in parameters.places.items():
        flat[start - 1 : start - 1 + int(np.prod(shape))] = given[names(name)].grad.numpy().ravel()
    return flat


def compare_with_torch(ours, theirs, x, run, names=lambda name: name, c=None, tolerance=2e-5):
    """Output, gradient and running statistics of one step in training mode."""
    torch = pytest.importorskip("torch")
    parameters = Parameters(ours)
    tape = Tape(parameters, *x.shape[:2])
    y = tape.forward(x, c)
    theirs.train()
    expected = run(theirs)
    values = np.ascontiguousarray(expected.detach().numpy())
    assert y.shape == values.shape
    assert np.abs(y - values).max() <= tolerance * max(1.0, np.abs(values).max())
    weight = np.random.default_rng(5).standard_normal(y.shape).astype(np.float32)
    (expected * torch.from_numpy(weight)).sum().backward()
    gradient, flat = tape.backward(weight), torch_gradients(theirs, names, parameters)
    assert np.abs(gradient - flat).max() <= tolerance * np.abs(flat).max()
    buffers = dict(theirs.named_buffers())
    for statistics in tape.statistics:
        for name, found in statistics.items():
            before = parameters.statistics[name]
            after = buffers[names(name)].numpy()  # momentum 0.1
            assert np.abs(before + 0.1 * (found - before) - after).max() <= 1e-5 * max(1.0, np.abs(after).max())


def load_into(theirs, ours, names=lambda name: name):
    torch = pytest.importorskip("torch")
    theirs.load_state_dict(
        {names(name): torch.tensor(value) for name, value in ours.state_dict().items()}, strict=False
    )


def test_a_network_with_batch_norm_against_torch():
    torch = pytest.importorskip("torch")
    from torch_peers import CausalConv1d

    def block(dilation):
        return [nn.Conv1d(9, 9, 3, dilation=dilation), nn.BatchNorm(9), nn.Activation("relu")]

    ours = randomised(wl.Sequential([nn.Conv1d(5, 9, 1), *block(1), *block(4), nn.BatchNorm(9), nn.Conv1d(9, 3, 1)]), 2)
    layers = [CausalConv1d(5, 9, 1)]
    for dilation in (1, 4):
        layers += [CausalConv1d(9, 9, 3, dilation=dilation), torch.nn.BatchNorm1d(9), torch.nn.ReLU()]
    theirs = torch.nn.Sequential(*layers, torch.nn.BatchNorm1d(9), CausalConv1d(9, 3, 1))
    load_into(theirs, ours)
    x = batch(4, 33, 5)
    compare_with_torch(ours, theirs, x, lambda net: net(torch.tensor(x).mT).mT)


@pytest.mark.parametrize("shape", IMAGES, ids=str)
def test_conv2d_and_batch_norm_2d_against_torch(shape):
    torch = pytest.importorskip("torch")
    from torch_peers import as_image, our_image, torch_image

    ours, theirs = randomised(our_image(*shape), 4), torch_image(*shape)
    load_into(theirs, ours)
    x = batch(3, 30, ours.in_channels)
    image = torch.tensor(np.stack([as_image(row, shape[0]) for row in x]))

    def run(net):
        y = net(image)  # (clips, maps, frames, bins)
        return y.permute(0, 2, 3, 1).reshape(len(x), y.shape[2], -1)

    compare_with_torch(ours, theirs, x, run)


def test_a_conditioned_wavenet_against_torch():
    torch = pytest.importorskip("torch")
    from torch_peers import TorchWaveNet

    theirs = TorchWaveNet(3, 5, 8, 9, 3, [1, 2, 4, 8], condition=4)
    ours = randomised(wl.WaveNet(3, 5, residual_channels=8, skip_channels=9, kernel_size=3, dilations=[1, 2, 4, 8],
                                 condition_channels=4))  # fmt: skip
    load_into(theirs, ours)
    x, c = batch(2, 40, 3), np.stack([condition(40, 4, i) for i in range(2)])
    parameters, tape = Parameters(ours), Tape(Parameters(ours), 2, 40)
    y = tape.forward(x, c)
    expected = theirs(torch.tensor(x).mT, torch.tensor(c).mT).mT
    weight = np.random.default_rng(5).standard_normal(y.shape).astype(np.float32)
    (expected * torch.from_numpy(weight)).sum().backward()
    for parameter in theirs.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
    flat = torch_gradients(theirs, lambda name: name, parameters)
    assert np.abs(y - expected.detach().numpy()).max() <= 1e-5
    assert np.abs(tape.backward(weight) - flat).max() <= 1e-5 * np.abs(flat).max()


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 3}, {"bias": False, "num_layers": 2}], ids=str)
def test_recurrent_layers_against_torch(kind, options):
    torch = pytest.importorskip("torch")
    ours = randomised(getattr(nn, kind)(5, 7, **options), 3)
    theirs = getattr(torch.nn, kind)(5, 7, batch_first=True, **options)
    load_into(theirs, ours)
    x = batch(4, 33, 5)
    compare_with_torch(ours, theirs, x, lambda net: net(torch.tensor(x))[0])


def test_norms_over_channels_against_torch():
    torch = pytest.importorskip("torch")
    norms = nn.LayerNorm(12, eps=1e-3), nn.GroupNorm(3, 12)
    ours = randomised(wl.Sequential([nn.Linear(5, 12), *norms, nn.Linear(12, 2)]))
    theirs = torch.nn.Sequential(torch.nn.Linear(5, 12), torch.nn.LayerNorm(12, eps=1e-3), torch.nn.GroupNorm(3, 12),
                                 torch.nn.Linear(12, 2))  # fmt: skip
    load_into(theirs, ours)
    x = batch(4, 33, 5)
    compare_with_torch(ours, theirs, x, lambda net: net(torch.tensor(x).reshape(-1, 5)).reshape(4, 33, 2))


# -------------------------------------------------------------------------------------------------------------- errors
def one_line(excinfo, *parts):
    text = str(excinfo.value)
    assert "\n" not in text
    for part in parts:
        assert part in text, text


def test_errors_of_tapes():
    parameters = Parameters(CATALOGUE["wavenet condition"].model())
    tape = Tape(parameters, 2, 10)
    x, c = np.zeros((2, 10, 1), np.float32), np.zeros((2, 10, 5), np.float32)
    for bad, error, part in [
        ((x.astype(float), c), wl.ArrayTypeError, "x is a float64; it must be float32"),
        ((x.tolist(), c), wl.ArrayTypeError, "x is a list"),
        ((x[:1], c), wl.ParameterError, "x has shape (1, 10, 1); it must be (2, 10, 1)"),
        ((x[:, :9], c), wl.ParameterError, "(2, 9, 1)"),
        ((x[0], c), wl.ParameterError, "(10, 1)"),
        ((x, None), wl.ArrayTypeError, "c is a NoneType"),
        ((x, c[:, :, :4]), wl.ParameterError, "c has shape (2, 10, 4)"),
    ]:
        with pytest.raises(error) as excinfo:
            tape.forward(*bad)
        one_line(excinfo, part)
    y = tape.forward(x, c)
    for bad, error in [(y[:1], wl.ParameterError), (y.astype(float), wl.ArrayTypeError), (1.0, wl.ArrayTypeError),
                       (y[..., :1], wl.ParameterError)]:  # fmt: skip
        with pytest.raises(error) as excinfo:
            tape.backward(bad)
        one_line(excinfo, "gradient")


def test_backward_needs_a_forward():
    tape = Tape(Parameters(tcn()), 2, 10)
    with pytest.raises(wl.StreamStateError, match="forward"):
        tape.backward(np.zeros((2, 10, 4), np.float32))


def test_a_condition_that_nobody_reads_is_an_error():
    tape = Tape(Parameters(tcn()), 2, 10)
    with pytest.raises(wl.ParameterError, match="c"):
        tape.forward(batch(2, 10, 5), batch(2, 10, 5))


@pytest.mark.parametrize(("clips", "frames"), [(0, 5), (2, 0), (-1, 5), (2.0, 5), (True, 5)])
def test_a_batch_has_clips_and_frames(clips, frames):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        Tape(Parameters(tcn()), clips, frames)
    one_line(excinfo, "clips" if frames == 5 else "frames")


def test_too_few_frames():
    with pytest.raises(wl.ParameterError) as excinfo:
        Tape(Parameters(nn.Conv1d(2, 2, 3, dilation=4, padding="valid")), 1, 8)
    one_line(excinfo, "frames=8 must be larger")
    assert Tape(Parameters(nn.Conv1d(2, 2, 3, dilation=4, padding="valid")), 1, 9).output.frames == 1


def test_parameters_that_were_replaced():
    model = tcn()
    parameters = Parameters(model)
    Tape(parameters, 1, 10)
    model.load_state_dict(model.state_dict())
    with pytest.raises(wl.ParameterError) as excinfo:
        Tape(parameters, 1, 10)
    one_line(excinfo, "were replaced", "new Parameters")
    Tape(Parameters(model), 1, 10)


def test_a_node_without_a_batch_step_is_refused_by_name():
    class Odd(graph.Node):
        pass

    class Layer(nn.Module):
        in_channels = out_channels = 2

        def build(self, x, c):
            return Odd((graph.Edge(x),), x.channels, x.clock)

    with pytest.raises(wl.ParameterError) as excinfo:
        Tape(Parameters(Layer()), 1, 10)
    one_line(excinfo, "Odd cannot be trained")


def test_only_a_relu_that_alone_reads_a_norm_is_taken_along():
    for more, steps in (([], 2), ([nn.Activation("tanh")], 3)):
        layers = [nn.Conv1d(2, 4, 1), nn.BatchNorm(4), nn.Residual([nn.Activation("relu"), *more])]
        assert len(Tape(Parameters(wl.Sequential(layers)), 1, 10).steps) == steps + 2  # the sum, and the ReLU by itself
        taken = [nn.Conv1d(2, 4, 1), nn.BatchNorm(4), nn.Activation("relu"), *more]
        assert len(Tape(Parameters(wl.Sequential(taken)), 1, 10).steps) == steps


def test_there_are_no_statistics_before_a_forward():
    tape = Tape(Parameters(wl.Sequential([nn.Conv1d(2, 4, 1), nn.BatchNorm(4)])), 1, 10)
    assert tape.statistics == []
    tape.forward(batch(1, 10, 2))
    assert [list(statistics) for statistics in tape.statistics] == [["1.running_mean", "1.running_var"]]


def test_a_layer_of_any_width_must_be_told_it():
    with pytest.raises(wl.ParameterError) as excinfo:
        Tape(Parameters(nn.Activation("prelu")), 1, 10)
    one_line(excinfo)


def test_more_values_than_positions_can_name(monkeypatch):
    """Positions are packed as float32: beyond 2**24 they would be wrong, and silently so."""
    model = wl.Sequential([nn.Linear(2, 3), nn.CumulativePool("mean", window_frames=4)])
    monkeypatch.setattr("wavenetlite.train.parameters.MOST", 9)
    with pytest.raises(wl.ParameterError) as excinfo:
        Parameters(model)
    one_line(excinfo, "9 parameters", "at most 8")
    monkeypatch.setattr("wavenetlite.train.parameters.MOST", 21)
    with pytest.raises(wl.ParameterError) as excinfo:
        Tape(Parameters(model), 1, 10)
    one_line(excinfo, "21 values", "at most 20")
    monkeypatch.setattr("wavenetlite.train.parameters.MOST", 22)
    assert Tape(Parameters(model), 1, 10).output.frames == 10


def test_parameters_know_their_places():
    model = wl.Sequential([nn.Conv1d(2, 3, 2), nn.BatchNorm(3), nn.Activation("prelu"), nn.Linear(3, 2, bias=False)])
    randomised(model)
    parameters = Parameters(model)
    assert parameters.values[0] == 0
    assert parameters.trained == model.parameter_count == len(parameters.values) - 1
    assert parameters.statistics.keys() == {"1.running_mean", "1.running_var"}
    state = parameters.state_dict()
    assert state.keys() == model.state_dict().keys()
    assert all(same_bits(state[name], value) for name, value in model.state_dict().items())
    decayed = parameters.mask("weight")
    assert decayed.sum() == 2 * 3 * 2 + 3 * 2  # neither normalisation nor the slope of a prelu


def test_positions_of_repeated_values_and_of_parts():
    """A constant that NumPy repeats without storing it, and a part of an array, are stored whole."""
    parameters = Parameters(nn.Linear(2, 2))
    whole = np.arange(24, dtype=np.float32)
    for array in (np.broadcast_to(np.float32(0.25), (5, 1, 3)), whole[4:10].reshape(2, 3), whole.reshape(4, 6)):
        positions = parameters.positions(array)
        assert np.array_equal(parameters.values[positions.astype(int)], array)


@pytest.mark.parametrize("padding", ["causal", "same", "valid"])
def test_long_clips_are_worked_on_in_pieces(padding):
    """Far more rows than fit the cache: every row counts once, for the weights and for the layer before."""
    first, second = nn.Conv1d(3, 200, 1, bias=False), nn.Conv1d(200, 150, 3, dilation=5, padding=padding)
    model = randomised(wl.Sequential([first, second]))
    x = np.stack([signal(700, 3, seed) for seed in range(2)])
    parameters = Parameters(model)
    tape = Tape(parameters, 2, 700)
    g = np.stack([signal(tape.forward(x).shape[1], 150, seed) for seed in (3, 4)])
    found = tape.backward(g)
    before = {"causal": 10, "same": 5, "valid": 0}[padding]
    hidden = x @ first.parameter("weight")[:, :, 0].T.astype(np.float64)
    padded = np.pad(hidden, ((0, 0), (before, 10 - before if padding == "same" else 0), (0, 0)))
    taps = [padded[:, 5 * k : 5 * k + g.shape[1]] for k in range(3)]
    weight = np.stack([np.einsum("bti,bto->oi", tap, g.astype(np.float64)) for tap in taps], axis=2)
    back = np.zeros_like(padded)
    for k in range(3):
        back[:, 5 * k : 5 * k + g.shape[1]] += g.astype(np.float64) @ second.parameter("weight")[:, :, k]
    inner = np.einsum("bti,bto->oi", x.astype(np.float64), back[:, before : before + 700])
    for name, wanted in (("0.weight", inner), ("1.weight", weight), ("1.bias", g.sum(axis=(0, 1), dtype=np.float64))):
        start, shape = parameters.places[name]
        given = found[start - 1 : start - 1 + int(np.prod(shape))]
        assert np.abs(given - wanted.ravel()).max() < 1e-4 * np.abs(wanted).max(), name
