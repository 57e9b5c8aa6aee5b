"""BLEU by length: names at the ends of curves can be read, however near the curves end."""

import itertools

from matplotlib.figure import Figure

from chainrule.learn.translation.bleu import Bucket
from chainrule.look import lengths
from chainrule.runs import style


def test_names_stand_apart_and_in_the_order_of_the_curves(tmp_path, monkeypatch):
    drawn: list[Figure] = []
    monkeypatch.setattr(style, "save", lambda figure, path: drawn.append(figure))
    ends = {"one": 27.3, "another": 26.9, "third": 27.0, "far": 5.0}
    found = {name: [Bucket(4, 7, 9, 30.0), Bucket(8, 30, 9, end)] for name, end in ends.items()}
    lengths.draw(found, tmp_path / "lengths.png", "near each other")
    (figure,) = drawn
    figure.draw_without_rendering()
    boxes = {text.get_text(): text.get_window_extent() for text in figure.axes[0].texts}
    assert sorted(boxes, key=lambda name: boxes[name].y0) == ["far", "another", "third", "one"]
    names = sorted(boxes.values(), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 for low, high in itertools.pairwise(names))


def test_one_curve_needs_no_name(tmp_path):
    lengths.draw({"alone": [Bucket(4, 7, 9, 30.0), Bucket(8, 30, 9, 20.0)]}, tmp_path / "lengths.png")
    assert (tmp_path / "lengths.png").stat().st_size > 5000
