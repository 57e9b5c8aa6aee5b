"""Layouts of image folders: the valid ones are read, the others get one line with the nearest valid one."""

import os
from pathlib import Path

import pytest

from chainrule.data import load
from chainrule.data.check import check
from chainrule.data.folders import read_layout, scan
from chainrule.errors import UserError


def grow(root: Path, paint, *files: str) -> Path:
    """A folder with these pictures (all different) and other files."""
    root.mkdir(exist_ok=True)
    for i, name in enumerate(files):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        elif path.suffix == ".png":
            paint(path, seed=i)
        else:
            path.write_text("no image")
    return root


PETS = ("cat/a.png", "cat/b.png", "dog/a.png", "dog/b.png")
TRAIN = tuple(f"train/{pet}" for pet in PETS)


@pytest.mark.parametrize(
    ("files", "parts"),
    [
        (PETS, {"train": 4}),
        (TRAIN, {"train": 4}),
        ((*TRAIN, "val/cat/c.png", "val/dog/c.png"), {"train": 4, "val": 2}),
        ((*TRAIN, "valid/cat/c.png", "valid/dog/c.png"), {"train": 4, "val": 2}),
        ((*TRAIN, "validation/cat/c.png"), {"train": 4, "val": 1}),
        ((*TRAIN, "test/cat/c.png", "test/dog/c.png"), {"train": 4, "test": 2}),
        ((*TRAIN, "val/cat/c.png", "test/dog/c.png"), {"train": 4, "val": 1, "test": 1}),
        (("Training/cat/a.png", "Training/dog/a.png", "Testing/cat/b.png"), {"train": 2, "test": 1}),
        ((*PETS, ".DS_Store", "cat/.hidden.png", "dog/Thumbs.db", "__MACOSX/x", "README.md"), {"train": 4}),
        ((*TRAIN, "LICENSE", "train/notes.md", ".git/x"), {"train": 4}),
    ],
)
def test_valid_layouts(tmp_path, paint, files, parts):
    root = grow(tmp_path / "set", paint, *files)
    layout = read_layout(root)
    assert layout.classes == ("cat", "dog")
    assert {part: len(found) for part, found in layout.parts.items()} == parts
    assert check(root).problems == []


def test_the_order_is_by_name(tmp_path, paint):
    root = grow(tmp_path / "set", paint, "b/2.png", "a/10.png", "a/9.png", "B/1.png")
    layout = scan(root)
    assert layout.classes == ("B", "a", "b")
    assert [path.name for path, _ in layout.parts["train"]] == ["1.png", "10.png", "9.png", "2.png"]
    assert [label for _, label in layout.parts["train"]] == [0, 1, 1, 2]


BAD = {
    "nothing": ((), "no images: expected CLASS/image.png"),
    "only hidden": ((".git/x", ".DS_Store"), "no images: expected CLASS/image.png"),
    "no image anywhere": (("README.md", "notes.txt"), "no images: expected CLASS/image.png"),
    "flat": (("a.png", "b.png"), "2 images lie in no class folder: nearest valid layout: CLASS/a.png"),
    "mixed": ((*PETS, "a.png"), "1 image lies in no class folder: nearest valid layout: CLASS/a.png"),
    "flat train": (("train/a.png", "train/b.png"), "nearest valid layout: train/CLASS/a.png"),
    "flat val": ((*TRAIN, "val/a.png"), "1 image lies in no class folder: nearest valid layout: val/CLASS/a.png"),
    "loose beside train": ((*TRAIN, "val/cat/c.png", "x.png"), "nearest valid layout: train/CLASS/x.png"),
    "no train": (("val/cat/a.png", "val/dog/a.png"), "val/ but no train/: nearest valid layout: train/CLASS/image.png"),
    "test among classes": ((*PETS, "test/cat/c.png"), "test/ but no train/"),
    "class beside train": ((*TRAIN, "bird/a.png"), "bird/ beside train/: nearest valid layout: train/bird"),
    "many beside train": (
        (*TRAIN, *(f"{c}/a.png" for c in "pqrst")),
        "p/, q/, r/ and 2 more beside train/: nearest valid layout: train/p",
    ),
    "two val": ((*TRAIN, "val/cat/c.png", "valid/cat/d.png"), "a second val part beside val/"),
    "two train": ((*TRAIN, "training/cat/c.png"), "a second train part beside train/"),
    "empty val": ((*TRAIN, "val/"), "an empty val part: expected val/CLASS/image.png"),
    "one class": (("cat/a.png", "cat/b.png"), "only one class (cat)"),
    "one class in train": (("train/cat/a.png", "val/cat/a.png"), "only one class (cat)"),
    "empty class": ((*PETS, "bird/"), "no images in this class"),
    "unknown class": ((*TRAIN, "val/dgo/c.png"), "class 'dgo' of val is not in train; did you mean dog?"),
    "class in other case": ((*TRAIN, "test/Cat/c.png"), "class 'Cat' of test is not in train; did you mean cat?"),
    "one deeper": (("pets/cat/a.png", "pets/dog/a.png"), "the classes lie one folder deeper: give"),
    "split deeper": (("pets/train/cat/a.png", "pets/train/dog/a.png"), "the classes lie one folder deeper: give"),
    "nested class": ((*PETS, "cat/more/c.png"), "a folder inside a class folder"),
    "folder as image": ((*PETS, "cat/x.png/"), "a folder inside a class folder"),
    "text in a class": ((*PETS, "cat/notes.txt"), "not an image file: expected .png"),
    "no suffix": ((*PETS, "dog/picture"), "not an image file: expected .png"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_wrong_layout_is_one_line(tmp_path, paint, case):
    files, words = BAD[case]
    root = grow(tmp_path / "set", paint, *files)
    with pytest.raises(UserError) as caught:
        load(root, size=(6, 8), channels=3)
    (line,) = caught.value.lines
    assert line.startswith(str(root))
    problems = check(root).problems
    assert any(words in problem for problem in problems), problems
    assert line.startswith(problems[0])


@pytest.mark.parametrize("target", ["gone.png", "pipe"])
def test_what_is_no_file_is_one_line(tmp_path, paint, target):
    root = grow(tmp_path / "set", paint, *PETS)
    if target == "pipe":
        os.mkfifo(root / "cat" / "x.png")  # opening it would wait for ever
    else:
        (root / "cat" / "x.png").symlink_to(tmp_path / target)
    with pytest.raises(UserError, match="a broken link or no plain file"):
        load(root)


def test_an_unreadable_folder_is_one_line(tmp_path, paint, monkeypatch):
    root = grow(tmp_path / "set", paint, *PETS)
    real = Path.iterdir

    def iterdir(self):
        if self.name == "dog":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(UserError, match=r"dog: cannot be read \(Permission denied\)"):
        load(root)
    monkeypatch.setattr(Path, "iterdir", lambda self: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(UserError, match=r"set: cannot be read \(Permission denied\)"):
        load(root)
    assert check(root).problems == [f"{root}: cannot be read (Permission denied)"]


def test_links_and_odd_names_are_fine(tmp_path, paint):
    real = grow(tmp_path / "set", paint, *PETS, "dog/with space 猫.png")
    (tmp_path / "link").symlink_to(real)
    (real / "cat" / "linked.png").symlink_to(paint(tmp_path / "elsewhere.png", seed=77))
    data = load(tmp_path / "link", val=0)
    assert data.name == "set"
    assert len(data.train) + len(data.test) == 6


def test_a_name_that_is_no_text_can_be_shown(tmp_path, paint):
    root = grow(tmp_path / "set", paint, *PETS)
    odd = os.fsencode(root / "cat") + b"/\xff\n.png"
    Path(os.fsdecode(odd)).write_bytes(b"")
    with pytest.raises(UserError) as caught:
        load(root)
    (line,) = caught.value.lines
    assert r"cat/\udcff\n.png" in line
    line.encode("utf-8")


def test_the_first_of_several_faults_says_how_many_more(tmp_path, paint):
    root = grow(tmp_path / "set", paint, *PETS, "cat/a.txt", "cat/b.txt", "dog/c.txt")
    with pytest.raises(UserError, match=r"a\.txt: not an image file.* \(2 more: chainrule data check .*set\)$"):
        load(root)
