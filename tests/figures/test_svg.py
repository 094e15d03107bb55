"""Charts in pages: where values lie, and that texts are escaped."""

import re
from xml.etree import ElementTree

import pytest

from wavenetlite.figures.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, Axis, Chart

TENS = Axis("tens", 1, 100, (1, 10, 100), logarithmic=True)
PLAIN = Axis("plain", 0, 10, (0, 5, 10))


def numbers(text, name):
    return [float(one) for one in re.findall(rf'{name}="([-\d.]+)"', text)]


def test_values_lie_between_the_ends():
    chart = Chart("c", TENS, PLAIN)
    assert chart.at(1, 0) == (LEFT, HEIGHT - BOTTOM)
    assert chart.at(100, 10) == (WIDTH - RIGHT, TOP)
    assert chart.at(10, 5)[0] == pytest.approx((LEFT + WIDTH - RIGHT) / 2)
    assert chart.at(1e9, -7) == chart.at(100, 0)


def test_a_chart_is_well_formed_whatever_its_texts_say():
    chart = Chart("<a & b>", Axis("x < 1", 0, 1, (0, 1)), PLAIN)
    chart.line([0, 1], [0, 5], "a", steps=True)
    chart.bars([0, 0.5, 1], [3, 0], "b")
    chart.mark_x(0.9, "a > b")
    chart.point(0.1, 2, '"here"')
    root = ElementTree.fromstring(chart.svg())
    assert root.tag == "svg" and root.attrib["aria-label"] == "<a & b>"
    assert [one.text for one in root.iter("text")][-2:] == ["a > b", '"here"']
    assert len(list(root.iter("rect"))) == 1  # an empty bar is none


def test_bars_stand_on_the_axis():
    chart = Chart("c", PLAIN, PLAIN)
    chart.bars([0, 10], [10], "a")
    assert numbers(chart.svg(), "height") == [pytest.approx(HEIGHT - TOP - BOTTOM, abs=0.1)]


def test_steps_keep_a_value_until_the_next_point():
    chart = Chart("c", PLAIN, PLAIN)
    chart.line([0, 10], [0, 10], "a", steps=True)
    (path,) = re.findall(r'class="line a" d="([^"]*)"', chart.svg())
    assert re.fullmatch(r"M[\d.]+ [\d.]+H[\d.]+V[\d.]+", path)
