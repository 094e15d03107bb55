"""The page, written from recorded numbers without running anything."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from recorded import PEER, a_run

charts, contenders, history, page, results, run, tables = (
    pytest.importorskip(f"benchmarks.{name}", reason="the benchmarks do not lie beside the tests")
    for name in ("charts", "contenders", "history", "page", "results", "run", "tables")
)

LIGHT, DARK = "#ffffff", "#15171a"


def two_blocks():
    """A run of blocks of 1 and 16 frames, and a case in which only ours was timed."""
    made = a_run(2.0)
    longer = [replace(row, case="block 16", frames=16, seconds=[8 * s for s in row.seconds]) for row in made.rows]
    alone = replace(made.rows[0], section="features", case="live <1>", frames=0, macs=0, unit="a frame")
    failed = replace(made.rows[1], contender="mnn fp32", seconds=[], failure="wrong output: shape & size")
    made.rows += [*longer, alone, failed]
    return made


class Elements(HTMLParser):
    """Tags that are open, and all addresses that the page asks for."""

    def __init__(self, text):
        super().__init__()
        self.addresses, self.seen = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]


def pictures(text):
    return re.findall(r"<svg.*?</svg>", text, re.DOTALL)


def test_the_command_writes_a_page_of_recorded_numbers(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(run, "Worker", None)  # nobody is started
    results.save(two_blocks(), tmp_path / "given.json")
    files = ["--results", str(tmp_path / "given.json"), "--report", str(tmp_path / "report")]
    assert run.main([*files, "--history", str(tmp_path / "history.jsonl")]) == 1  # there is a wrong output among them
    text = (tmp_path / "report" / "index.html").read_text()
    assert str(tmp_path / "report" / "index.html") in capsys.readouterr().out
    assert results.load(tmp_path / "report" / "results.json") == two_blocks()
    assert "abc1234" in text and "a CPU" in text and "peer 1" in text
    assert "ncnn not installed: pip install ncnn" in text
    assert "No run on this kind of machine has been recorded yet" in text
    assert not (tmp_path / "history.jsonl").exists()


def test_the_page_needs_nothing_else_and_shows_ratios_times_and_failures():
    text = page.page(two_blocks(), [])
    found = Elements(text)
    assert found.addresses == [] and "script" not in found.seen and "url(" not in text
    assert '<th>block 16</th><td class="ahead">2<small>' in text
    assert "us a call" in text and "<th>largest error</th>" in text and "1.0e-07" in text
    assert "mnn fp32: not measured at block 1: wrong output: shape &amp; size" in text
    assert "live &lt;1&gt;" in text and "<1>" not in text


def test_a_peer_ahead_of_ours_is_marked_and_one_that_noise_hides_is_not():
    assert 'class="behind">0.5<' in page.page(a_run(0.5), [])
    assert 'class="level">1<' in page.page(a_run(1.0, noise=0.1), [])


def test_charts_are_drawings_inside_their_frame():
    for picture in pictures(page.page(two_blocks(), [])):
        root = ElementTree.fromstring(picture)
        width, height = map(float, root.get("viewBox").split()[2:])
        assert width == charts.WIDTH
        for text in root.iter("text"):
            assert 0 <= float(text.get("x")) <= width and 0 < float(text.get("y")) <= height
        for line in root.iter("line"):
            assert all(0 <= float(line.get(end)) <= width for end in ("x1", "x2"))


def test_a_chart_has_units_and_a_label_a_contender():
    (picture,) = pictures(page.page(two_blocks(), []))
    labels = [text.text for text in ElementTree.fromstring(picture).iter("text")]
    assert "frames a call; height: us a frame" in labels
    assert {"wavenetlite avx2", "ort, best graph"} <= set(labels)


def test_labels_at_one_place_are_moved_apart():
    lines = {f"contender {n}": {"1": 1.0, "2": 1.0} for n in range(12)}
    root = ElementTree.fromstring(charts.lines(lines, ["1", "2"], x="x", y="y"))
    heights = sorted(float(text.get("y")) for text in root.iter("text") if text.text.startswith("contender"))
    assert all(b - a >= charts.LINE - 0.2 for a, b in pairwise(heights))
    assert heights[0] > 0 and heights[-1] < float(root.get("viewBox").split()[3])


def test_bars_of_all_sizes_stay_inside():
    groups = {"a": {"x": (0.01, 0.009, 0.02), "y": (1.0, 1.0, 1.0)}, "b": {"x": (3000.0, 2000.0, 4000.0)}}
    root = ElementTree.fromstring(charts.bars(groups, x="times"))
    for box in root.iter("rect"):
        assert float(box.get("x")) >= 0 and float(box.get("x")) + float(box.get("width")) <= charts.WIDTH
    assert "3,000" in [text.text for text in root.iter("text")]


def test_panels_stay_inside_and_a_contender_looks_the_same_in_each_chart():
    long = "a name that is much too long for one line of so narrow a panel"
    series = {"peer 3": [1.0, None, 30.0], "peer 5": [None, 0.02, 0.5]}
    picture = charts.panels({f"{long} {n}": series for n in range(5)}, [f"peer {n}" for n in range(9)],
                            ("2026-01-01", "2026-12-31"), y="ratio")  # fmt: skip
    root = ElementTree.fromstring(picture)
    width, height = map(float, root.get("viewBox").split()[2:])
    words = [(text.text, float(text.get("x")), float(text.get("y"))) for text in root.iter("text")]
    assert all(0 <= x <= width and 0 < y < height for _, x, y in words)
    assert [text for text, _, _ in words if text.startswith("peer")] == ["peer 3", "peer 5"]
    lines = list(root.iter("polyline"))
    assert [line.get("stroke") for line in lines] == 5 * [charts.PALETTE[3], charts.PALETTE[5]]
    assert {len(line.get("points").split()) for line in lines} == {2}  # where it was measured
    assert sum(text == "2026-12-31" for text, _, _ in words) == 5


def test_the_page_draws_the_history_of_a_machine_and_the_run_as_its_last():
    records = [replace(history.record(a_run(ratio)), date=f"2026-01-0{day}") for day, ratio in ((1, 3.0), (2, 2.5))]
    other = replace(records[0], machine={"cpu": "another", "isa": "avx2"})
    *_, trend = pictures(page.page(a_run(2.0), [*records, other]))
    root = ElementTree.fromstring(trend)
    (line,) = root.iter("polyline")
    heights = [float(point.split(",")[1]) for point in line.get("points").split()]
    assert len(heights) == 3 and heights == sorted(heights)  # 3, 2.5, 2: down
    assert {"block 1", "ort, best graph", "2026-01-01"} <= {text.text for text in root.iter("text")}


def test_a_run_that_is_recorded_already_is_not_drawn_twice():
    made = a_run(2.0)
    *_, trend = pictures(page.page(made, [history.record(made)]))
    (line,) = ElementTree.fromstring(trend).iter("polyline")
    assert len(line.get("points").split()) == 1


@pytest.mark.parametrize("background", [LIGHT, DARK])
def test_every_colour_stands_out_on_both_pages(background):
    assert f"--page: {background}" in page.STYLE
    for colour in charts.PALETTE:
        lighter, darker = sorted((luminance(colour) + 0.05, luminance(background) + 0.05), reverse=True)
        assert lighter / darker >= 3, colour


def luminance(colour):
    """WCAG 2's relative luminance."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_the_page_compares_with_the_last_record():
    text = page.page(a_run(1.0, 0.001), [history.record(a_run(2.0, 0.001))])
    assert f"fell: C block 1: {PEER}" in text


def test_a_run_without_ours_has_no_ratios_but_times():
    made = a_run()
    made.rows = made.rows[1:]
    text = page.page(made, [])
    assert "times as long as ours" not in text and "us a call" in text
    assert "peer / ours" not in tables.tables("title", made.rows)


def test_tables_have_more_lines_than_columns():
    wide = [["corner", "a", "b"], ["x", "1", "2"]]
    assert tables.taller(wide) == [["corner", "x"], ["a", "1"], ["b", "2"]]
    assert tables.taller(tables.taller(wide)) == tables.taller(wide)


def test_who_is_missing_is_named_with_the_command_that_installs_it():
    absent = contenders.Library("x", ("no_such_module", "json"), "no-such-package", ())
    assert absent.missing() == "no_such_module not installed: pip install no-such-package"
    assert contenders.Library("x", ("json",), "json", ()).missing() is None
