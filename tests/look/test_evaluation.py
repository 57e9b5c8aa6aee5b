"""Reports of whatever was judged: many classes, some that never occur, nothing wrong, labels, numbers."""

import json
import math

import numpy as np
import pytest
import torch
from PIL import Image

from chainrule.data.dataset import Split
from chainrule.data.store import Memory
from chainrule.learn.device import Device
from chainrule.learn.judgement import judge
from chainrule.learn.supervised import Supervised
from chainrule.look.evaluation import Warmth, class_rows, figures, write
from chainrule.runs.contact import SIDE, Tile, fitted, sheet


class Said(torch.nn.Module):
    """Answers with what stands in the first pixels of an image."""

    def __init__(self, numbers):
        super().__init__()
        self.numbers = numbers

    def forward(self, x):
        return x[:, 0, 0, : self.numbers] * 8


def judged(tmp_path, kind, classes, targets, right=True):
    torch.manual_seed(0)
    images = torch.randint(0, 200, (len(targets), 1, 8, max(8, classes)), dtype=torch.uint8)
    if right:
        images[torch.arange(len(targets)), 0, 0, targets.long()] = 255
    split = Split(Memory(images.numpy()), torch.arange(len(targets)), targets, (0.5,), (0.25,))
    names = tuple(f"class {i}" for i in range(classes)) if kind != "regression" else ()
    found = judge(Said(classes), Supervised(kind, names), split, Device("cpu"), batch_size=16)
    told = figures(found, Warmth(found.warmth() if kind != "regression" else math.nan, "test"))
    return found, told, write(found, told, tmp_path / "report", "a title")


def test_of_many_classes_the_worst_are_told_and_the_hardest_drawn(tmp_path):
    targets = torch.arange(120) % 39  # the last of 40 never occurs
    found, told, files = judged(tmp_path, "classification", 40, targets, right=False)
    assert len(told["classes"]) == 40 and len(class_rows(told["classes"])) == 30
    last = told["classes"][39]
    assert last["support"] == 0 and math.isnan(last["recall"]) and math.isnan(last["auc"])
    text = files[0].read_text()
    assert "(the 30 worst)" in text and "Most frequent mistakes" in text
    assert {file.name for file in files} >= {"ranking.png", "calibration.png", "mistakes.png", "confusion.png"}
    kept = json.loads(files[1].read_text())
    assert kept["classes"][39]["auc"] == "NaN" and len(kept["confusion"]) == 40
    assert found.worst(5) == found.worst(24)[:5]


def test_where_nothing_is_wrong_no_mistakes_are_left_from_before(tmp_path):
    targets = torch.arange(30) % 5
    assert any(f.name == "mistakes.png" for f in judged(tmp_path, "classification", 5, targets, right=False)[2])
    found, told, files = judged(tmp_path, "classification", 5, targets)
    assert told["accuracy"] == told["auc"] == told["ap"] == 1 and "temperature" not in told and not found.worst(9)
    assert not (tmp_path / "report/mistakes.png").exists() and "mistakes.png" not in files[0].read_text()


def test_one_class_alone_has_no_curve(tmp_path):
    _, told, files = judged(tmp_path, "classification", 3, torch.ones(6, dtype=torch.int64))
    assert math.isnan(told["auc"]) and told["ap"] == 1 and told["accuracy"] == 1
    assert all(file.exists() for file in files)


def test_labels_are_said_to_be_there_or_missing(tmp_path):
    targets = (torch.rand(40, 4, generator=torch.Generator().manual_seed(1)) < 0.4).float()
    found, told, _ = judged(tmp_path, "multilabel", 4, targets, right=False)
    assert told["confusion"] is None and "temperature" not in told
    assert told["map"] == pytest.approx(told["ap"])
    (index, surety), p = found.worst(1)[0], found.probabilities
    wrong = (p >= 0.5) != (targets > 0.5)
    assert surety == pytest.approx(float(torch.where(wrong, (p - 0.5).abs() + 0.5, 0.0).max()))
    assert bool(wrong[index].any()) and (tmp_path / "report/mistakes.png").exists()


def test_numbers_have_figures_and_no_pictures(tmp_path):
    _, told, files = judged(tmp_path, "regression", 1, torch.rand(9, 1), right=False)
    assert set(told) == {"loss", "mse", "mae", "r2", "count"}
    assert [file.name for file in files] == ["evaluation.md", "evaluation.json"]


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1, 3), (32, 32), (168, 100, 3), (31, 64, 3)])
def test_any_picture_fits_its_tile(shape):
    made = fitted(np.full(shape, 7, np.uint8), SIDE)
    assert made.ndim == 3 and max(made.shape) <= SIDE and max(made.shape[:2]) > SIDE / 2 and (made == 7).all()


def test_sections_without_tiles_are_left_out_and_odd_names_drawn(tmp_path):
    tile = Tile(np.zeros((4, 4), np.uint8), "名 $x$ _{ " * 9, "a\nb\x00")
    sheet([("one", [tile] * 7), ("none", [])], tmp_path / "one.png", "t" * 300)
    sheet([], tmp_path / "empty.png")
    with Image.open(tmp_path / "one.png") as image:
        assert image.width == 2 * 26 + 6 * SIDE + 5 * 18
    assert (tmp_path / "empty.png").exists()
