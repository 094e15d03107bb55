"""Figures: files that are PNG images of the right things, replaced whole or not at all."""

import struct
import subprocess
import sys

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import figures
from wavenetlite.figures import style

LABELS = ["yes", "no", "_silence_", "_unknown_"]
RNG = np.random.default_rng(0)
MATRIX = np.array([[11, 1, 0, 0], [0, 12, 0, 0], [0, 0, 8, 2], [1, 0, 0, 15]])
AUDIO = RNG.uniform(-0.5, 0.5, 32000).astype(np.float32)
TIMES = np.arange(1, 201) / 100
MEL = RNG.normal(-40, 10, (200, 40)).astype(np.float32)
PROBABILITIES = RNG.dirichlet(np.ones(4), 200).astype(np.float32)
EVENTS = [{"label": "yes", "time_s": 0.5, "score": 0.91}, {"label": "no", "time_s": 1.5, "score": 0.66}]
TRUTH = [
    {"label": "yes", "start_s": 0.2, "end_s": 0.5},
    {"label": "yes", "start_s": 0.6, "end_s": 0.9},
    {"label": "_unknown_", "start_s": 1.2, "end_s": 1.6, "word": "sheila"},
]
HISTORY = [
    {
        "epoch": n,
        "train_loss": 2 / n,
        "valid_loss": 2.5 / n,
        "train_accuracy": 1 - 1 / n,
        "valid_accuracy": 0.5,
        "lr": 1e-3,
    }
    for n in range(1, 9)
]


def confusion_matrix(path, matrix=MATRIX, labels=LABELS, **options):
    figures.confusion_matrix(matrix, labels, path, **options)


def detections(path, *, labels=LABELS, events=EVENTS, truth=TRUTH, **changed):
    arrays = {"audio": AUDIO, "sr": 16000, "log_mel": MEL, "frame_times_s": TIMES, "probabilities": PROBABILITIES}
    arrays |= changed
    figures.detections(path, **arrays, labels=labels, events=events, truth=truth)


def training_curve(path, history=HISTORY):
    figures.training_curve(history, path)


DRAWN = {"confusion_matrix": confusion_matrix, "detections": detections, "training_curve": training_curve}


@pytest.fixture(autouse=True)
def _matplotlib(request):
    if "missing" not in request.node.name:
        pytest.importorskip("matplotlib", reason="matplotlib is not installed (the extra 'figures')")


def pixels(path):
    """The image, (height, width, 3), read back by matplotlib."""
    from matplotlib.image import imread

    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    image = imread(path)[..., :3]
    assert image.shape == (height, width, 3)
    return image


def inked(image, colour):
    """Pixels of about a colour, "#rrggbb"."""
    return int((np.abs(image - style.rgb(colour)).max(axis=2) < 0.02).sum())


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_draws_an_image(tmp_path, draw):
    draw(tmp_path / "a.png")
    image = pixels(tmp_path / "a.png")
    assert 300 < image.shape[0] < 2000 and 500 < image.shape[1] < 3000
    assert (image == 1).all(axis=2).mean() > 0.3  # a white page
    assert inked(image, style.INK) > 200  # words
    assert inked(image, style.BLUE) > 200
    edges = [image[0], image[-1], image[:, 0], image[:, -1]]
    assert all((edge == 1).all() for edge in edges)  # nothing is cut off at the border


def test_what_was_confused_is_orange(tmp_path):
    confusion_matrix(tmp_path / "good.png", np.diag([5, 5, 5, 5]))
    assert inked(pixels(tmp_path / "good.png"), style.ORANGE) == 0
    confusion_matrix(tmp_path / "bad.png", [[0, 9], [9, 0]], ["yes", "no"])
    assert inked(pixels(tmp_path / "bad.png"), style.ORANGE) > 1000


def test_false_alarms_and_missed_words_are_orange(tmp_path):
    detections(tmp_path / "unknown.png", truth=None)
    assert inked(pixels(tmp_path / "unknown.png"), style.ORANGE) == 0
    detections(tmp_path / "known.png")
    assert inked(pixels(tmp_path / "known.png"), style.ORANGE) > 50


def test_features_and_probabilities_share_an_axis_of_time(tmp_path):
    """A burst in one frame stands at the same place in the image as the probability of that frame."""
    mel, probabilities = np.full((2400, 40), -80.0), np.zeros((2400, 4))  # more frames than pixels
    mel[1500:1530] = 0
    probabilities[1500:1530, 0] = 1
    arrays = {"log_mel": mel, "probabilities": probabilities, "frame_times_s": np.arange(2400) / 100}
    detections(tmp_path / "a.png", audio=np.zeros(24 * 16000), events=[], truth=None, **arrays)
    image = pixels(tmp_path / "a.png")
    bright = (image[:, :, 0] > 0.97) & (image[:, :, 2] < 0.8) & (image[:, :, 2] > 0.6)  # the top of the colour map
    blue = np.abs(image - style.rgb(style.BLUE)).max(axis=2) < 0.3
    tall = blue.sum(axis=0) > 15
    assert bright.any() and tall.any()
    assert abs(np.flatnonzero(bright.any(axis=0)).mean() - np.flatnonzero(tall).mean()) < 12


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_an_older_file_is_replaced_and_nothing_else_left(tmp_path, draw):
    path = tmp_path / "a.png"
    path.write_text("old")
    draw(str(path))
    pixels(path)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_the_older_file_stays_when_drawing_fails(tmp_path, draw, monkeypatch):
    from matplotlib.figure import Figure

    def fail(self, file, **options):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fail)
    path = tmp_path / "a.png"
    path.write_text("old")
    with pytest.raises(style.FigureError, match=r"a\.png: cannot be written: No space left on device"):
        draw(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_a_missing_folder_is_one_line(tmp_path, draw):
    with pytest.raises(style.FigureError, match="cannot be written") as caught:
        draw(tmp_path / "none" / "a.png")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_missing_matplotlib_is_one_line(tmp_path, draw, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(style.FigureError, match=r"matplotlib, .*figures") as caught:
        draw(tmp_path / "a.png")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_matplotlib_is_imported_when_a_figure_is_drawn_and_pyplot_never(tmp_path):
    code = f"""
import sys; sys.path[:] = {sys.path!r}
from wavenetlite import figures
from wavenetlite.evaluation import report
assert "matplotlib" not in sys.modules
figures.confusion_matrix([[1]], ["a"], {str(tmp_path / "a.png")!r})
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("changed", "error", "text"),
    [
        ({"audio": AUDIO[None]}, wl.ParameterError, "audio has shape"),
        ({"audio": np.array(["a"])}, wl.ArrayTypeError, "audio has dtype"),
        ({"audio": np.full(9, np.nan)}, wl.ParameterError, "audio must be finite"),
        ({"sr": 0}, wl.ParameterError, "sr=0"),
        ({"log_mel": MEL[:, 0]}, wl.ParameterError, "log_mel has shape"),
        ({"frame_times_s": TIMES[1:]}, wl.ParameterError, "probabilities has shape"),
        ({"labels": LABELS[1:], "events": []}, wl.ParameterError, "probabilities has shape"),
        ({"events": [{"label": "maybe", "time_s": 1.0, "score": 1.0}]}, wl.ParameterError, "'maybe'"),
        ({"events": [{"label": "yes"}]}, wl.ArrayTypeError, "has no time_s"),
        ({"truth": [{"label": "yes"}]}, wl.ArrayTypeError, "has no start_s"),
        ({"path": 3}, wl.ArrayTypeError, "path is a int"),
    ],
)
def test_detections_refuse(tmp_path, changed, error, text):
    with pytest.raises(error, match=text) as caught:
        detections(changed.pop("path", tmp_path / "a.png"), **changed)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("history", [[], [{"loss": 1}], [{"epoch": 1}], [1], [{"epoch": 1, "train_loss": None}]])
def test_training_curve_refuses(tmp_path, history):
    with pytest.raises(wl.ParameterError, match="history") as caught:
        training_curve(tmp_path / "a.png", history)
    assert "\n" not in str(caught.value)


def test_other_members_are_drawn_thinly(tmp_path, monkeypatch):
    """Their lines are there, the scales hold them, and the title says which network is marked."""
    other = [{"epoch": n, "train_loss": 6.0, "valid_accuracy": 0.05, "lr": 2e-3} for n in range(1, 13)]
    drawn = []
    monkeypatch.setattr("wavenetlite.figures.training.save", lambda figure, path: drawn.append(figure))
    figures.training_curve(HISTORY, tmp_path / "a.png", kept=8, members=[other])
    loss, accuracy, rate = drawn[0].axes
    assert [list(line.get_ydata()) for line in loss.lines if line.get_linewidth() < 0.75] == [[6.0] * 12]
    assert loss.get_ylim()[1] > 6.0
    assert accuracy.get_ylim()[0] == 0
    assert rate.get_ylim()[1] > 2e-3
    assert loss.get_xlim() == (1, 12)
    assert "First of 2 networks. Kept: 50.0 %" in " ".join(text.get_text() for text in drawn[0].texts)
    figures.training_curve(HISTORY, tmp_path / "a.png", kept=8, members=[other], refined=True)
    assert "First of 2 networks. Before it was refined: 50.0 %" in " ".join(text.get_text() for text in drawn[1].texts)
    with pytest.raises(wl.ParameterError, match=r"members=.* must be one mapping per epoch"):
        figures.training_curve(HISTORY, tmp_path / "a.png", members=[[]])


@pytest.mark.slow
def test_edge_cases_are_drawn(tmp_path):
    path = tmp_path / "a.png"
    training_curve(path, HISTORY[:1])
    training_curve(path, [{"epoch": n, "train_loss": float("nan") if n == 2 else 1.0, "lr": 0.0} for n in range(4)])
    training_curve(path, [{"epoch": n, "valid_accuracy": 0.0} for n in range(3)])
    confusion_matrix(path, np.zeros((2, 2), int), ["a", "b" * 40])
    confusion_matrix(path, np.eye(30, dtype=int), [f"word {n}" for n in range(30)])
    detections(path, audio=np.zeros(0), events=[], truth=[])
    detections(path, log_mel=np.zeros((0, 40)), frame_times_s=TIMES[:0], probabilities=PROBABILITIES[:0])
    detections(path, log_mel=MEL[:100], labels=["a_long_name_of_a_word", "b", "c", "d"], events=[], truth=TRUTH)
    pixels(path)
