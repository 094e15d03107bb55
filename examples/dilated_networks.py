"""Networks of dilated convolutions from the literature, each a few lines of wl.nn, trained in seconds.

    python examples/dilated_networks.py [speech residual context hybrid generator] [--seeds N] [--out DIR]

speech     three 3x3 convolutions of dilation 1, 2, 3 over a log-mel spectrogram, then dense and softmax: spoken words
residual   residual blocks, dilation in place of stride (Yu, Koltun and Funkhouser, 2017): the same words
context    parallel dilations concatenated (ASPP: Chen et al., 2017): which digit is every pixel part of?
hybrid     dilations 1, 2, 5 against 1, 1, 1 and 2, 2, 2 (Wang et al., 2018): handwritten digits, several seeds
generator  a small image and noise, dilations 1, 2, 4, a transposed convolution: digits of twice the size

Without arguments all of them, in about a minute. An image goes in row by row: rows are frames, columns are bins.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import wavenetlite as wl
from wavenetlite.train.losses import Outcome

nn = wl.nn
DATA = Path(__file__).parent / "data"
Array = np.ndarray


# ----------------------------------------------------------------------------------------------------------- networks
def activated(conv: nn.Conv2d) -> list[nn.Module]:
    """A convolution, batch normalisation shared by all bins, ReLU."""
    return [conv, nn.BatchNorm(conv.out_channels, bins=conv.bins_out), nn.Activation("relu")]


def speech_network(bins: int, classes: int, *, maps: int = 16, dilations: Sequence[int] = (1, 2, 3)) -> wl.Sequential:
    """Log-mel frames (time, bins, 1) to one logit per class, the mean over all frames so far. Causal: it streams."""
    layers: list[nn.Module] = []
    for inputs, dilation in zip([1, *[maps] * len(dilations)], dilations, strict=False):
        layers += [nn.Conv2d(inputs, maps, 3, bins=bins, dilation=dilation), nn.Activation("relu")]
    return wl.Sequential([*layers, nn.Linear(bins * maps, 64), nn.Activation("relu"), nn.Linear(64, classes),
                          nn.CumulativePool("mean")])  # fmt: skip


def residual_block(bins: int, maps: int, dilation: int, padding: Any = "causal") -> nn.Residual:
    """Two dilated convolutions with batch normalisation, a ReLU between them and one after the skip connection."""
    options: dict[str, Any] = {"bins": bins, "dilation": dilation, "padding": padding, "bias": False}
    return nn.Residual([*activated(nn.Conv2d(maps, maps, 3, **options)), nn.Conv2d(maps, maps, 3, **options),
                        nn.BatchNorm(maps, bins=bins)], activation="relu")  # fmt: skip


def residual_network(bins: int, classes: int, *, maps: int = 8, dilations: Sequence[int] = (1, 2, 4)) -> wl.Sequential:
    """Dilation doubles where a residual network would halve time and frequency: one frame out per frame in."""
    return wl.Sequential([*activated(nn.Conv2d(1, maps, 3, bins=bins, bias=False)),
                          *[residual_block(bins, maps, dilation) for dilation in dilations],
                          nn.Linear(bins * maps, classes), nn.CumulativePool("mean")])  # fmt: skip


def context_network(bins: int, classes: int, *, maps: int = 12, dilations: Sequence[int] = (2, 4, 6)) -> wl.Sequential:
    """Every pixel's class: the same features at several dilations in parallel, concatenated."""
    scales = [activated(nn.Conv2d(maps, maps, 1, bins=bins))]
    scales += [activated(nn.Conv2d(maps, maps, 3, bins=bins, dilation=d, padding="same")) for d in dilations]
    return wl.Sequential([
        *activated(nn.Conv2d(1, maps, 3, bins=bins, padding="same")),
        *activated(nn.Conv2d(maps, maps, 3, bins=bins, padding="same")),
        nn.Concat(scales, bins=bins),
        *activated(nn.Conv2d(len(scales) * maps, 2 * maps, 1, bins=bins)),
        nn.Conv2d(2 * maps, classes, 1, bins=bins),
    ])  # fmt: skip


def image_classifier(bins: int, classes: int, rates: Sequence[int], *, maps: int = 12, seed: int = 0) -> wl.Sequential:
    """Three 3x3 convolutions of those dilations, the mean over the rows, and a dense layer."""
    layers: list[nn.Module] = []
    for inputs, rate in zip([1, maps, maps], rates, strict=True):
        layers += activated(nn.Conv2d(inputs, maps, 3, bins=bins, dilation=rate, padding="same"))
    return wl.Sequential([*layers, nn.CumulativePool("mean"), nn.Linear(bins * maps, classes)], seed=seed)


def generator(bins: int, *, maps: int = 16, dilations: Sequence[int] = (1, 2, 4)) -> wl.Sequential:
    """An image and noise, two channels per bin, to an image of twice the rows and columns."""
    layers: list[nn.Module] = []
    for inputs, dilation in zip([2, *[maps] * len(dilations)], dilations, strict=False):
        layers += activated(nn.Conv2d(inputs, maps, 3, bins=bins, dilation=dilation, padding="same"))
    up = nn.ConvTranspose2d(maps, 1, 4, bins=bins, stride=2, padding="same")
    return wl.Sequential([*layers, up, nn.Activation("sigmoid")])


class PerPixel:
    """Cross-entropy of every pixel: outputs (items, rows, columns x classes), targets (items, rows, columns)."""

    def __init__(self, classes: int) -> None:
        self.classes, self.loss = classes, wl.train.CrossEntropy(at="frames")

    def items(self, targets: Array) -> int:
        return self.loss.items(targets)

    def __call__(self, y: Array, targets: Array, items: int) -> Outcome:
        pixels = self.loss(y.reshape(len(y), -1, self.classes), targets.reshape(len(targets), -1), items)
        return Outcome(pixels.total, pixels.gradient.reshape(y.shape), pixels.correct, pixels.count)


# --------------------------------------------------------------------------------------------------------------- data
def words(chosen: Sequence[str] = ("yes", "no", "stop", "go")) -> tuple[list[str], dict[str, tuple[Array, Array]]]:
    """Labels, and log-mel frames (clips, frames, 40) with their classes, for training and, with other voices, test."""
    corpus = wl.train.read_corpus(DATA, words=list(chosen))
    spec = wl.LogMel(sr=corpus.sr, n_fft=512, hop_length=160, n_mels=40)
    kept = [corpus.labels.index(word) for word in chosen]  # a corpus has silence and unknown words too
    sets = {}
    for name, clips in (("train", corpus.train), ("test", corpus.test)):
        some = np.flatnonzero(np.isin(clips.y, kept))
        frames = np.stack([spec(clips.audio[i]) for i in some])
        sets[name] = (((frames + 40) / 20).astype(np.float32), np.array([kept.index(clips.y[i]) for i in some]))
    return list(chosen), sets


def digits() -> tuple[Array, Array, Array, Array]:
    """Images (items, 8, 8) from 0 to 1 and classes, to train and test with: scikit-learn's, every third to test."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images, y = (data.images / 16).astype(np.float32), data.target
    test = np.arange(len(y)) % 3 == 0
    return images[~test], y[~test], images[test], y[test]


def pictures(images: Array, y: Array, count: int, *, size: int = 24, seed: int = 0) -> tuple[Array, Array]:
    """Pictures (count, size, size) of three digits each, and the digit of every pixel; -1, not counted: background."""
    rng = np.random.default_rng(seed)
    x, labels = np.zeros((count, size, size), np.float32), np.full((count, size, size), -1)
    for picture, label in zip(x, labels, strict=True):
        for digit in rng.integers(0, len(images), 3):
            row, column = rng.integers(0, size - 7, 2)
            ink = images[digit] > 0.2
            picture[row : row + 8, column : column + 8][ink] = images[digit][ink]
            label[row : row + 8, column : column + 8][ink] = y[digit]
    return x, labels


# ---------------------------------------------------------------------------------------------------------------- show
def losses(history: wl.train.History) -> str:
    rows = history.rows
    return f"loss {rows[0]['train_loss']:.3f} -> {rows[-1]['train_loss']:.3f} in {len(rows)} epochs"


def learn_words(name: str, build: Callable[[int, int], wl.Sequential]) -> None:
    """Train a network on spoken words, then feed it frame by frame."""
    labels, sets = words()
    model = build(40, len(labels))
    history = wl.train.fit(model, sets["train"], epochs=8, batch_size=16, lr=4e-3, weight_decay=0.05)
    x, y = sets["test"]
    right = float((model(x)[:, -1].argmax(axis=1) == y).mean())
    print(f"{name}: {model.parameter_count:,} parameters, {losses(history)}")
    print(f"  of {len(y)} words of new voices {right:.0%} are classified correctly")
    seen = wl.Sequential(model.layers[:-1]).receptive_field
    print(f"  sees {seen} frames of 10 ms and averages over all frames so far, latency {model.latency};")
    print(f"  {wl.verify_stream(model, partitions=4)}")
    stream = wl.Sequential([model, nn.Activation("softmax")]).stream()
    said = [stream.process(x[0, n : n + 1])[0, y[0]] for n in range(len(x[0]))]
    moments = ", ".join(f"{n * 10 + 10} ms {said[n]:.2f}" for n in range(9, len(said), 20))
    print(f"  frame by frame, the probability of {labels[y[0]]!r} after {moments}")


def speech(options: argparse.Namespace) -> None:
    learn_words("speech", speech_network)


def residual(options: argparse.Namespace) -> None:
    learn_words("residual", residual_network)


def context(options: argparse.Namespace) -> None:
    train, y, held, y_held = digits()
    x, labels = pictures(train, y, 400)
    x_test, labels_test = pictures(held, y_held, 60, seed=1)
    model = context_network(24, 10)
    history = wl.train.fit(model, (x, labels), loss=PerPixel(10), epochs=20, batch_size=20, lr=0.01, weight_decay=0.01)
    found = model(x_test).reshape(*labels_test.shape, 10).argmax(axis=-1)
    ink = labels_test >= 0
    print(f"context: {model.parameter_count:,} parameters, {losses(history)}")
    print(f"  of {ink.sum():,} pixels of new digits {(found == labels_test)[ink].mean():.0%} are classified correctly")
    shown = np.where(ink, found, -1)
    draw(options.out, "context", {"picture": x_test[:4], "digit": labels_test[:4], "found": shown[:4]})


def hybrid(options: argparse.Namespace) -> None:
    train, y, held, y_held = digits()
    print(f"hybrid: {len(y)} training digits of 8 x 8, {len(y_held)} test digits, {options.seeds} seeds each")
    print("  rates     sees  of them    errors on new digits, mean and each")
    for rates in ((1, 1, 1), (2, 2, 2), (1, 2, 5)):
        errors = []
        for seed in range(options.seeds):
            model = image_classifier(8, 10, rates, seed=seed)
            wl.train.fit(model, (train, y), epochs=8, batch_size=32, lr=0.01, weight_decay=0.05, seed=seed)
            errors.append(float((model(held)[:, -1].argmax(axis=1) != y_held).mean()))
        seen = {a * rates[0] + b * rates[1] + c * rates[2] for a in (-1, 0, 1) for b in (-1, 0, 1) for c in (-1, 0, 1)}
        width = 2 * sum(rates) + 1
        each = " ".join(f"{error:.1%}" for error in errors)
        print(f"  {rates}  {width:2} px  {len(seen) / width:4.0%}       {np.mean(errors):.2%}  ({each})")


def generator_example(options: argparse.Namespace) -> None:
    train, _, held, _ = digits()

    def inputs(images: Array, seed: int) -> Array:
        small = images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4))
        noise = np.random.default_rng(seed).standard_normal(small.shape)
        return np.stack([small, noise], axis=-1).reshape(len(small), 4, 8).astype(np.float32)

    model = generator(4)
    settings: dict[str, Any] = {"loss": wl.train.MeanSquaredError(), "batch_size": 32, "lr": 0.01}
    history = wl.train.fit(model, (inputs(train, 0), train), epochs=15, **settings)
    plain = np.repeat(np.repeat(inputs(held, 1)[:, :, ::2], 2, axis=1), 2, axis=2)
    made = model(inputs(held, 1))
    error, before = (float(np.sqrt(((one - held) ** 2).mean())) for one in (made, plain))
    print(f"generator: {model.parameter_count:,} parameters, {losses(history)} (squared error; no adversary)")
    print(f"  digits from 4 x 4 to 8 x 8 pixels: error {error:.3f}, of repeated pixels {before:.3f}")
    draw(options.out, "generator", {"4 x 4": plain[:8], "made": made[:8], "8 x 8": held[:8]})


def draw(folder: Path | None, name: str, rows: dict[str, Array]) -> None:
    """Draw images side by side into a file, if a folder is given."""
    if folder is None:
        return
    from matplotlib.figure import Figure

    columns = len(next(iter(rows.values())))
    figure = Figure(figsize=(columns, len(rows) + 0.3))
    axes = figure.subplots(len(rows), columns)
    for line, (title, images) in zip(axes, rows.items(), strict=True):
        for axis, image in zip(line, images, strict=True):
            if image.dtype.kind == "i":
                axis.imshow(image, cmap="tab20", vmin=-1, vmax=9)
            else:
                axis.imshow(image, cmap="gray_r", vmin=0, vmax=1)
            axis.set(xticks=[], yticks=[])
        line[0].set_ylabel(title)
    folder.mkdir(parents=True, exist_ok=True)
    figure.savefig(folder / f"{name}.png", dpi=100, bbox_inches="tight")
    print(f"  drawn: {folder / f'{name}.png'}")


EXAMPLES: dict[str, Callable[[argparse.Namespace], None]] = {
    "speech": speech,
    "residual": residual,
    "context": context,
    "hybrid": hybrid,
    "generator": generator_example,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="NETWORK", help=f"{', '.join(EXAMPLES)} (default: all)")
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each classifier in the table (default 3)")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where to draw pictures (default: nowhere)")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.networks if name not in EXAMPLES]
    if unknown:
        parser.error(f"NETWORK={unknown[0]} must be one of {', '.join(EXAMPLES)}")
    if options.seeds < 1:
        parser.error(f"--seeds={options.seeds} must be a positive integer")
    try:
        for name in options.networks or EXAMPLES:
            EXAMPLES[name](options)
    except ModuleNotFoundError as error:  # scikit-learn has the digits, matplotlib draws
        parser.exit(1, f"{error}: pip install scikit-learn matplotlib\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
