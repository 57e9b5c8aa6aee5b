"""One pass lists everything that is wrong, and counts what it does not list."""

import numpy as np
import pytest

from chainrule.data import Report
from chainrule.data.check import check


def test_a_faultless_folder(pictures):
    report = check(pictures)
    assert report == Report([], "images: 2 classes, train 20; 6×8, colour, 10…10 training images a class")
    assert report.ok


def test_everything_is_found_in_one_pass(pictures, paint):
    (pictures / "cat" / "00.png").write_bytes(b"")
    good = (pictures / "dog" / "01.png").read_bytes()
    (pictures / "dog" / "01.png").write_bytes(good[: len(good) // 2])
    (pictures / "dog" / "notes.txt").write_text("x")
    (pictures / "bird").mkdir()
    (pictures / "cat" / "twin.png").write_bytes((pictures / "dog" / "02.png").read_bytes())
    paint(pictures / "loose.png")
    report = check(pictures)
    for words in (
        "loose.png",
        "bird: no images in this class",
        "notes.txt: not an image file",
        "00.png: not an image that can be read",
        "01.png: damaged image",
        "but dog and not cat",
    ):
        assert sum(words in line for line in report.problems) == 1, words
    assert len(report.problems) == 6
    assert not report.ok


def test_a_kind_is_listed_twenty_times_and_then_counted(pictures):
    for i in range(33):
        (pictures / "cat" / f"bad{i:02}.png").write_bytes(b"")
    (pictures / "dog" / "notes.txt").write_text("x")
    problems = check(pictures).problems
    assert len(problems) == 22
    assert problems[-1] == "… and 13 more images that cannot be used"
    assert "notes.txt" in problems[0]


def test_a_leak_between_the_parts_is_found(tmp_path, paint):
    for i, name in enumerate(("train/a/1.png", "train/b/1.png", "test/a/1.png", "test/b/1.png")):
        paint(tmp_path / name, seed=i % 3)
    (line,) = check(tmp_path).problems
    assert "test/b/1.png: the same file as" in line
    assert "but b and not a" in line
    paint(tmp_path / "test/b/1.png", seed=1)
    (line,) = check(tmp_path).problems
    assert line.endswith("in test and train: keep one")


def test_the_summary_tells_sizes_and_colours(pictures, paint):
    paint(pictures / "cat" / "big.png", (20, 30), seed=90)
    paint(pictures / "cat" / "grey.png", (8, 6), "L", seed=91)
    assert check(pictures).summary == (
        "images: 2 classes, train 22; 6×8…30×20, grey and colour, 10…12 training images a class"
    )


@pytest.mark.parametrize(("name", "words"), [("none", "no such folder or data set"), ("text.dat", "starts with 61 2c")])
def test_what_is_no_data(tmp_path, name, words):
    (tmp_path / "text.dat").write_text("a,b,c\n")
    (line,) = check(tmp_path / name).problems
    assert words in line


def test_single_files(pictures, tmp_path, idx):
    assert check(pictures / "cat" / "00.png").summary == "an image of 6×8, colour"
    (tmp_path / "x").write_bytes(idx(np.zeros((2, 3), np.uint8)))
    assert check(tmp_path / "x").summary == "an IDX file of 2×3 uint8"


def test_every_bad_file_of_an_idx_set_is_listed(idx_folder):
    for file in idx_folder.iterdir():
        file.write_bytes(file.read_bytes()[:-3])
    report = check(idx_folder)
    assert len(report.problems) == 4
    assert report.summary == "IDX: no readable part"
