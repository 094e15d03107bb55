"""Figures of receptive fields: what they show is what was counted, at any size; and `wavenetlite info --plot`."""

import json
import re
import struct
import sys

import numpy as np
import pytest
from catalogue import over_bins

import wavenetlite as wl
from wavenetlite import cli
from wavenetlite.figures import plot_coverage, plot_tree, style
from wavenetlite.figures.bars import number_axis, outline
from wavenetlite.figures.tree import draw_tree, rows_of, tree_size
from wavenetlite.receptive_field import analyse

nn = wl.nn
WAVENET = [(2, 1, 1), (2, 2, 1), (2, 4, 1), (2, 8, 1)]
SHAPES = {
    "one frame": lambda: nn.Conv1d(1, 1, 1),
    "two frames": lambda: [(2, 1)],
    "strided": lambda: [(3, 1, 2), (3, 2, 2), (4, 3, 3)],
    "latency": lambda: wl.Sequential([nn.Conv1d(1, 1, 5, padding="same"), nn.Conv1d(1, 1, 3, padding="same")]),
    "valid": lambda: wl.Sequential([nn.Conv1d(1, 1, 5, padding="valid"), nn.Conv1d(1, 1, 3, padding="valid")]),
    "branches": lambda: nn.Add([nn.Conv1d(1, 1, 3), nn.Conv1d(1, 1, 3, padding="same", dilation=9), []]),
    "endless": lambda: wl.Sequential([nn.Conv1d(1, 1, 3), nn.CumulativePool("mean")]),
    "bins": lambda: wl.Sequential([over_bins(9, 1, 1, (3, 2)), over_bins(9, 1, 1, (5, 3), dilation=2)]),
    "conditioned": lambda: wl.WaveNet(1, 1, dilations=[1, 2], condition_channels=2),
    "images": lambda: [((3, 3), (1, 2)), ((1, 5), 1)],
    "large image": lambda: [((3, 3), rate) for rate in (1, 3, 9, 27, 81, 100)],
    "wide kernel": lambda: [(300, 1), (2, 500)],
    "upsampled": lambda: wl.Sequential([nn.Conv1d(1, 1, 3), nn.ConvTranspose1d(1, 1, 5, stride=2), nn.Upsample(3)]),
    "conv2d": lambda: wl.Sequential([nn.Conv2d(1, 1, 3, bins=20, dilation=d, padding="same") for d in (1, 2, 3)]),
    "huge counts": lambda: [(3, 1)] * 60,
}


@pytest.fixture(autouse=True)
def _matplotlib(request):
    if "missing" not in request.node.name:
        pytest.importorskip("matplotlib", reason="matplotlib is not installed (the extra 'figures')")


def size_of(path):
    """Width and height of a PNG file."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", data[16:24])


def words_of(path):
    """The texts in an SVG file."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text())


@pytest.mark.parametrize("plot", [plot_tree, plot_coverage])
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_can_be_drawn(plot, name, tmp_path):
    found = analyse(SHAPES[name]())
    plot(found, tmp_path / "figure.png")
    width, height = size_of(tmp_path / "figure.png")
    assert 300 < width < 2100
    assert 200 < height < 2100
    assert [path.name for path in tmp_path.iterdir()] == ["figure.png"]


def test_a_tree_says_what_it_shows(tmp_path):
    path = tmp_path / "tree.svg"
    plot_tree(WAVENET, path)
    words = words_of(path)
    assert "Receptive field 16: no holes" in words
    assert [word for word in words if word.startswith("kernel")] == [f"kernel 2, dilation {2**n}" for n in range(4)]
    assert {"input", "layer 1", "layer 4", "paths", "1 each"} <= set(words)
    plot_tree(wl.TCN(3, 2, channels=4, kernel_size=3, dilations=[1, 2]), path, title="Mine")
    assert {"Mine", "blocks.0.0", "blocks.1.0", "kernel 3, dilation 2"} <= set(words_of(path))


def test_the_same_figure_has_the_same_bytes(tmp_path):
    for plot in (plot_tree, plot_coverage):
        for suffix in ("png", "svg"):
            plot(WAVENET, tmp_path / f"a.{suffix}")
            plot(WAVENET, tmp_path / f"b.{suffix}")
            assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()


@pytest.mark.parametrize("layers", [WAVENET, [(3, 2, 1)] * 3, [(3, 1, 2), (2, 3, 3), (4, 2, 1)], [(5, 7, 3)]])
def test_the_tree_ends_at_what_is_seen(layers):
    found = analyse(layers)
    rows = rows_of(found.layers)
    seen = np.flatnonzero(found.coverage.counts) + found.coverage.first[0]
    np.testing.assert_array_equal(rows[0].x, seen)
    assert rows[-1].frames.tolist() == [0]
    for layer, below, above in zip(found.layers, rows[:-1], rows[1:], strict=True):
        read = {
            n * layer.stride[0] + layer.shift[0] + k * layer.dilation[0]
            for n in above.frames.tolist()
            for k in range(layer.kernel_size[0])
        }
        assert set(below.frames.tolist()) == read


def test_discs_stand_where_frames_are():
    found = analyse(WAVENET)
    figure, size = style.new_figure(*tree_size(found))
    draw_tree(figure, size, found)
    discs = {}
    for line in figure.axes[0].lines:
        if line.get_marker() == "o" and line.get_color() in (style.BLUE, style.ORANGE):
            discs[int(line.get_ydata()[0])] = line.get_xdata().tolist()
    assert discs == {0: list(range(-15, 1)), 1: list(range(-14, 1, 2)), 2: [-12, -8, -4, 0], 3: [-8, 0], 4: [0]}


def test_large_networks_stay_legible(tmp_path):
    """Thirty layers, 3,070 frames: rows that do not touch, no more lines than can be told apart, a small file."""
    found = analyse(wl.WaveNet(1, 1, residual_channels=2, skip_channels=2, dilations=[2**n for n in range(10)] * 3))
    plot_tree(found, tmp_path / "tree.png")
    plot_tree(found, tmp_path / "tree.svg")
    width, height = size_of(tmp_path / "tree.png")
    assert width < 1700
    assert height / style.DPI / 31 > 0.3  # inches a row
    text = (tmp_path / "tree.svg").read_text()
    assert len(text) < 400_000
    assert text.count("kernel 2, dilation 512") == 3


@pytest.mark.slow
def test_holes_are_shown(tmp_path):
    grid, whole = [((3, 3), 2)] * 3, [((3, 3), rate) for rate in (1, 2, 5)]
    plot_coverage(grid, tmp_path / "grid.svg")
    plot_coverage(whole, tmp_path / "whole.svg")
    assert {"Receptive field 13 x 13: 120 holes", "holes", "49 paths", "1 path"} <= set(words_of(tmp_path / "grid.svg"))
    assert "holes" not in words_of(tmp_path / "whole.svg")
    counts = [int(word) for word in words_of(tmp_path / "grid.svg") if word.isdigit()]
    assert sum(counts) >= 27**2  # a number in every cell that is seen, and those of the axes
    assert counts.count(49) == 1
    plot_tree([(3, 2)] * 3, tmp_path / "tree.svg")
    assert "0 to 7" in words_of(tmp_path / "tree.svg")


def test_bars_of_very_many_inputs_keep_peaks():
    heights = np.zeros(100_000)
    heights[54_321] = 1
    x, y = outline(-99_999, heights)
    assert len(x) < 5000
    assert y.max() == 1
    assert abs(x[y.argmax()] - (54_321 - 99_999)) < 200


def test_numbers_on_axes_are_round():
    from matplotlib.figure import Figure

    for first, last in ((0, 0), (-15, 0), (-3069, 0), (-7, 9), (-(10**6), 5)):
        axes = Figure().add_axes((0, 0, 1, 1))
        number_axis(axes.xaxis, first, last)
        ticks = axes.get_xticks()
        assert 1 <= len(ticks) <= 9
        assert 0 in ticks
        assert first <= min(ticks) <= max(ticks) <= last


@pytest.mark.parametrize("plot", [plot_tree, plot_coverage])
def test_paths_and_networks_that_cannot_be_drawn(plot, tmp_path):
    with pytest.raises(wl.ParameterError, match=r"path='tree.jpg' must end in \.png or \.svg"):
        plot(WAVENET, "tree.jpg")
    with pytest.raises(wl.ArrayTypeError, match="path is a int"):
        plot(WAVENET, 3)
    with pytest.raises(wl.ArrayTypeError, match="model_or_layers is a int"):
        plot(3, tmp_path / "a.png")
    with pytest.raises(style.FigureError, match=r"a\.png: cannot be written: No such file"):
        plot(WAVENET, tmp_path / "nowhere" / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_missing_matplotlib_is_told(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(style.FigureError, match=r"matplotlib, .*figures"):
        plot_tree(WAVENET, tmp_path / "a.png")


# --------------------------------------------------------------------------------------------------------- command line
@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs a command line in a folder with a network: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)
    wl.TCN(3, 2, channels=4, kernel_size=3, dilations=[1, 2, 9]).save("network.safetensors")

    def call(*argv):
        status = cli.main(list(argv))
        said = capsys.readouterr()
        return status, said.out, said.err

    return call


@pytest.mark.parametrize("name", ["tree.png", "tree.svg", "TREE.SVG"])
def test_info_plots(run, tmp_path, name):
    status, out, err = run("info", "network.safetensors", "--plot", name)
    assert (status, err) == (0, "")
    assert "receptive field  25 frames" in out
    assert (tmp_path / name).stat().st_size > 5000


def test_info_tells_what_is_seen(run):
    out = run("info", "network.safetensors")[1]
    assert "coverage         21 of 25 inputs are seen, 4 are holes; 1 to " in out
    assert "gridding         yes: 4 holes" in out
    about = json.loads(run("info", "network.safetensors", "--json")[1])
    assert about["coverage"]["inputs"] == about["receptive_field_frames"] == 25
    assert (about["coverage"]["seen"], about["coverage"]["holes"], about["coverage"]["endless"]) == (21, 4, False)
    assert about["gridding"]["found"] is True
    assert about["hybrid_rule"]["kept"] is False
    assert "blocks.2.0: rate 9 must be at most 7" in about["hybrid_rule"]["text"]
    assert about["frames_per_output"] == 1


def test_info_of_what_is_too_large_to_be_counted(run):
    nn.Conv1d(1, 1, 1500, dilation=65_536).save("far.safetensors")
    status, out, err = run("info", "far.safetensors")
    assert (status, err) == (0, "")
    assert "coverage" not in out
    assert json.loads(run("info", "far.safetensors", "--json")[1])["coverage"] is None
    status, out, err = run("info", "far.safetensors", "--plot", "far.png")
    assert (status, out) == (1, "")
    assert err.startswith("wavenetlite info: error: network reads ")


def test_info_refuses_other_pictures(run):
    status, out, err = run("info", "network.safetensors", "--plot", "tree.jpg")
    assert (status, out) == (2, "")
    assert "argument --plot: tree.jpg must end in .png or .svg" in err
    status, out, err = run("info", "network.safetensors", "--plot", "nowhere/tree.png")
    assert (status, out) == (1, "")
    assert "nowhere/tree.png: cannot be written" in err
