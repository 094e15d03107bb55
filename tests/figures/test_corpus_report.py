"""The report of a corpus: one page with every number, whatever the names are, and pictures that are PNG files."""

import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

import wavenetlite as wl
from wavenetlite.figures.thumbnails import picture, png

SR = 16000


@pytest.fixture
def items(tmp_path):
    for label in ("no", "<b>yes & no</b>"):
        (tmp_path / "data" / label.replace("/", "∕")).mkdir(parents=True)
        for number in range(12):
            y = 0.3 * np.sin(np.arange(4000 + 400 * number) * (number + 1) / 20)
            soundfile.write(tmp_path / "data" / label.replace("/", "∕") / f"{number}.wav", y, SR)
    wl.pipeline.extract(tmp_path / "data", tmp_path / "out", features=wl.LogMel(sr=SR, n_mels=20))
    return wl.pipeline.open(tmp_path / "out")


class Balance(HTMLParser):
    """Fails where an element is closed that is not open."""

    def __init__(self):
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_data(self, data):
        self.text += data


def test_a_page_that_is_whole(items, tmp_path):
    facts = wl.figures.corpus_report(items, tmp_path / "report.html", per_label=3)
    page = (tmp_path / "report.html").read_text()
    parser = Balance()
    parser.feed(page)
    assert parser.open == []
    assert "24recordings" in parser.text
    for title in ("Warnings", "Durations", "Levels", "Labels", "Speakers", "Files", "Contact sheet"):
        assert f"<h3>{title}</h3>" in page
    assert "<b>yes" not in page
    assert page.count('<img alt=""') == 6
    assert all(line.partition(":")[2] in parser.text for line in facts.warnings)
    assert "http" not in page.replace("http://www.w3.org", "")


def test_the_same_bytes_again(items, tmp_path):
    wl.figures.corpus_report(items, tmp_path / "a.html")
    wl.figures.corpus_report(items, tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_into_a_store(items, tmp_path):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (the extra remote)")
    wl.figures.corpus_report(items, tmp_path / "a.html")
    wl.figures.corpus_report(items, "memory://reports/a.html")
    assert fsspec.filesystem("memory").cat("/reports/a.html") == (tmp_path / "a.html").read_bytes()
    with pytest.raises(wl.WavenetliteError, match="https cannot be written to"):
        wl.figures.corpus_report(items, "https://host/a.html")


def test_no_items(items, tmp_path):
    with pytest.raises(wl.WavenetliteError, match="items is empty; there must be at least one"):
        wl.figures.corpus_report(items[:0], tmp_path / "a.html")
    assert not (tmp_path / "a.html").exists()


def test_pictures_are_png():
    image = pytest.importorskip("PIL.Image")
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    assert np.array_equal(np.asarray(image.open(io.BytesIO(png(pixels)))), pixels)
    values = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]], np.float32)
    data = re.fullmatch('<img alt="" src="data:image/png;base64,(.*)">', picture(values, 0.0, 5.0))[1]
    found = np.asarray(image.open(io.BytesIO(base64.b64decode(data)))).sum(axis=-1)
    assert found.shape == (2, 3)
    assert (np.diff(found[:, ::1], axis=1) > 0).all()  # brighter with time,
    assert (found[0] > found[1]).all()  # and upwards
