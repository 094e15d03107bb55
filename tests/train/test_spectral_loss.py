"""The multi-resolution loss of spectra, and Vocos' head in training: by definition, by differences, and learning."""

import numpy as np
import pytest
from loss_gradients import check_gradient

import wavenetlite as wl
from wavenetlite import nn
from wavenetlite.train import Parameters, SpectralLoss, Tape, fit


def noise(clips=2, samples=150, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (clips, samples, 1)).astype(np.float32)


# -------------------------------------------------------------------------------------------------------------- loss
def spectrum(y, n):
    """Magnitudes frame by frame, with the transform written out."""
    hop, window = n // 4, 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    padded = np.concatenate([np.zeros(n - hop), y, np.zeros(n - hop + -len(y) % hop)])
    turns = np.exp(-2j * np.pi * np.outer(np.arange(n), np.arange(n // 2 + 1)) / n)
    frames = np.array([padded[at : at + n] for at in range(0, len(padded) - n + 1, hop)])
    return np.sqrt(np.abs((frames * window) @ turns) ** 2 + 1e-10)


@pytest.mark.parametrize("weights", [(1.0, 1.0, 0.0), (0.5, 0.0, 0.0), (0.0, 2.0, 0.0), (0.0, 0.0, 3.0)])
def test_it_is_its_definition(weights):
    convergence, logarithm, waveform = weights
    y, targets = noise(), noise(seed=1)[..., 0]
    wanted = waveform * np.abs(y[..., 0] - targets).mean(axis=1).sum()
    for n in (16, 40):
        for one, target in zip(y[..., 0].astype(float), targets.astype(float), strict=True):
            s, made = spectrum(target, n), spectrum(one, n)
            wanted += convergence * np.linalg.norm(s - made) / np.linalg.norm(s) / 2
            wanted += logarithm * np.abs(np.log(s / made)).mean() / 2
    loss = SpectralLoss([16, 40], convergence=convergence, logarithm=logarithm, waveform=waveform)
    outcome = loss(y, targets, 2)
    assert abs(outcome.total - wanted) < 1e-6 * wanted
    assert (outcome.count, outcome.correct) == (2, 0.0)
    check_gradient(loss, y, targets)


def test_it_is_pytorchs():
    torch = pytest.importorskip("torch")
    y, targets, n = noise(samples=160), noise(samples=160, seed=1), 32
    theirs = torch.tensor(y[..., 0].astype(float), requires_grad=True)

    def spectra(one):
        padded = torch.nn.functional.pad(one, (24, 24))
        made = torch.stft(padded, n, 8, window=torch.hann_window(n, dtype=torch.float64), center=False,
                          return_complex=True)  # fmt: skip
        return torch.sqrt(made.abs() ** 2 + 1e-10)

    s, made = spectra(torch.tensor(targets[..., 0].astype(float))), spectra(theirs)
    norms = [torch.linalg.vector_norm(one, dim=(1, 2)) for one in (s - made, s)]
    total = (norms[0] / norms[1]).sum() + (torch.log(s) - torch.log(made)).abs().mean(dim=(1, 2)).sum()
    total.backward()
    outcome = SpectralLoss([n])(y, targets, 1)
    assert abs(outcome.total - total.item()) < 1e-9
    assert np.abs(outcome.gradient[..., 0] - theirs.grad.numpy()).max() < 1e-6


def test_ignored_samples_have_no_gradient():
    y, targets = noise(), noise(seed=1)
    targets[1, 90:] = np.nan
    outcome = SpectralLoss([16], waveform=1.0)(y, targets, 2)
    assert (outcome.gradient[1, 90:] == 0).all()
    changed = y.copy()
    changed[1, 90:] += 0.3
    assert SpectralLoss([16], waveform=1.0)(changed, targets, 2).total == outcome.total


def test_silence_is_finite():
    y = np.zeros((1, 64, 1), np.float32)
    for one, target in ((y, y), (noise(1, 64), y), (y, noise(1, 64))):
        outcome = SpectralLoss([16])(one, target, 1)
        assert np.isfinite(outcome.total)
        assert np.isfinite(outcome.gradient).all()


def test_a_silent_target_does_not_swamp_the_others():
    silent, spoken = np.zeros((1, 4096, 1), np.float32), noise(1, 4096)
    loss = SpectralLoss([64], logarithm=0)
    faint = 0.01 * spoken
    assert loss(faint, silent, 1).total == pytest.approx(np.std(faint) / 1e-3, rel=0.05)  # of noise of -60 dB
    assert loss(0 * spoken, spoken, 1).total == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize(("options", "part"), [
    ({"n_fft": []}, "n_fft=[] must be a list"), ({"n_fft": 512}, "n_fft=512 must be a list"),
    ({"n_fft": [30]}, "n_fft=30 must be a multiple of 4"), ({"n_fft": [0]}, "n_fft=0 must be a positive integer"),
    ({"logarithm": -1}, "logarithm=-1"), ({"waveform": float("nan")}, "waveform=nan"),
])  # fmt: skip
def test_options_that_do_not_fit(options, part):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        SpectralLoss(**options)
    assert part in str(excinfo.value)


def test_outputs_and_targets_that_do_not_fit():
    with pytest.raises(wl.ParameterError, match="output has 2 channels; it must have one"):
        SpectralLoss([16])(np.zeros((1, 9, 2), np.float32), np.zeros((1, 9), np.float32), 1)
    with pytest.raises(wl.ParameterError, match="targets have shape"):
        SpectralLoss([16])(noise(), noise(samples=149), 1)
    with pytest.raises(wl.ArrayTypeError, match="must be samples"):
        SpectralLoss([16])(noise(), np.zeros((2, 150), int), 1)


# ------------------------------------------------------------------------------------------------------- Vocos' head
HEADS = {"center": (8, 2, "center"), "same": (12, 4, "same"), "odd overlap": (20, 6, "same"), "none": (6, 6, "same")}


def spoken(x, weight, bias, n, hop, padding):
    """The head in float64: frames of the inverse transform, windowed, added, divided by the squared windows."""
    made = x @ weight.T + bias
    bins = n // 2 + 1
    spectra = np.minimum(np.exp(made[:, :bins]), 100) * np.exp(1j * made[:, bins:])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)
    total, share = np.zeros((len(x) - 1) * hop + n), np.zeros((len(x) - 1) * hop + n)
    for t, frame in enumerate(np.fft.irfft(spectra, n) * window):
        total[t * hop : t * hop + n] += frame
        share[t * hop : t * hop + n] += window**2
    y = np.divide(total, share, out=total.copy(), where=share > 1e-11)
    cut, samples = ((n - hop) // 2, len(x) * hop) if padding == "same" else (n // 2, (len(x) - 1) * hop)
    return y[cut : cut + samples]


@pytest.mark.parametrize("name", HEADS)
def test_gradients_of_the_head(name):
    """Of its weights and of its input, by differences of the definition along random directions."""
    n, hop, padding = HEADS[name]
    head = nn.ISTFTHead(3, n, hop, padding=padding)
    model = wl.Sequential([nn.Linear(2, 3), head], seed=4)
    parameters = Parameters(model)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 9, 2)).astype(np.float32)
    tape = Tape(parameters, 2, 9)
    y = tape.forward(x)
    state = {key: value.astype(float) for key, value in model.state_dict().items()}

    def outputs(given):
        hidden = [one @ given["0.weight"].T + given["0.bias"] for one in x.astype(float)]
        return np.array([spoken(h, given["1.out.weight"], given["1.out.bias"], n, hop, padding) for h in hidden])

    assert y.shape == (*outputs(state).shape, 1)
    assert np.abs(y[..., 0] - outputs(state)).max() < 1e-5
    weight = rng.standard_normal(y.shape).astype(np.float32)
    found = parameters.state_dict(np.concatenate([[0], tape.backward(weight)]).astype(np.float32))
    assert (found["1.istft.window"] == 0).all()  # it is not trained
    for key in ("0.weight", "0.bias", "1.out.weight", "1.out.bias"):
        direction = rng.standard_normal(state[key].shape)
        above, below = ((outputs({**state, key: state[key] + step * direction}) * weight[..., 0]).sum()
                        for step in (1e-6, -1e-6))  # fmt: skip
        wanted = (above - below) / 2e-6
        assert abs((found[key] * direction).sum() - wanted) < 2e-4 * max(1, abs(wanted))


def test_a_network_with_the_head_learns_to_speak():
    """A tone by its pitch: the loss falls to a fraction, the window stays, and a stream gives the whole's bits."""
    rng = np.random.default_rng(0)
    pitch = rng.uniform(0.1, 0.3, 32)
    x = np.repeat(pitch[:, np.newaxis, np.newaxis], 20, axis=1).astype(np.float32) * 5
    y = (0.5 * np.sin(np.cumsum(np.repeat(x[..., 0], 8, axis=1) / 5, axis=1))).astype(np.float32)
    model = wl.Sequential([nn.Conv1d(1, 16, 3), nn.Activation("gelu"), nn.ISTFTHead(16, 32, 8, padding="same")], seed=1)
    history = fit(model, (x, y), loss=SpectralLoss([32, 64]), epochs=30, batch_size=16, lr=0.01, weight_decay=0.0)
    losses = [row["train_loss"] for row in history.rows]
    assert losses[-1] < 0.75 * losses[0]
    np.testing.assert_allclose(model.state_dict()["2.istft.window"],
                               0.5 - 0.5 * np.cos(2 * np.pi * np.arange(32) / 32), atol=1e-7)  # fmt: skip
    stream = model.stream()
    blocks = [stream.process(x[0, :7]), stream.process(x[0, 7:]), stream.flush()]
    assert np.concatenate(blocks).tobytes() == model(x[0]).tobytes()


def test_it_has_a_name():
    assert isinstance(wl.train.named_losses.loss_from("spectral"), SpectralLoss)
