"""Words of a command line become image files, in the order of their paths."""

import os
from pathlib import Path

import pytest

from chainrule.data.files import absent, images


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b/2.png", "b/10.PNG", "b/c/1.jpg", "a.png", "b.txt", "d/note.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text("x")
    Path("b/loop").symlink_to(".")
    return tmp_path


def found(*words):
    faults: list[str] = []
    return [path.as_posix() for path in images(words, faults)], faults


def test_a_folder_gives_its_images_in_the_order_of_paths(place):
    files, faults = found("b")
    assert files == ["b/10.PNG", "b/2.png", "b/c/1.jpg"] and not faults
    assert [Path(f) for f in files] == sorted(map(Path, files))


def test_words_keep_their_order_and_may_repeat(place):
    assert found("a.png", "b/c", "a.png")[0] == ["a.png", "b/c/1.jpg", "a.png"]
    assert found("b.txt")[0] == ["b.txt"]  # named: reading it will tell


def test_patterns_match_files_before_folders(place):
    assert found("*")[0] == ["a.png"]
    assert found("b/?.png", "b/**/*.jpg")[0] == ["b/2.png", "b/c/1.jpg"]
    assert found("[bc]")[0] == ["b/10.PNG", "b/2.png", "b/c/1.jpg"]


def test_what_has_no_image_is_named_and_the_rest_is_given(place):
    files, faults = found("d", "a.png", "*.txt")
    assert files == ["a.png"]
    assert faults == [
        "d: no image in this folder; expected .png, .jpg, .bmp, .webp, …",
        "*.txt: matches no image; expected .png, .jpg, .bmp, .webp, …",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_a_folder_that_cannot_be_read_is_named(place):
    Path("b/c").chmod(0)
    try:
        files, faults = found("b")
    finally:
        Path("b/c").chmod(0o755)
    assert files == ["b/10.PNG", "b/2.png"] and faults == ["b/c: cannot be read (Permission denied)"]


def test_what_is_not_there_is_told_before_anything_is_read(place):
    lines = absent(["a.png", "b", "*.png", "x.png", "y*.png", "a\0b", "x" * 5000])
    assert [line.split(": ")[1].split(";")[0] for line in lines] == [
        "no such file or folder",
        "no file matches this pattern",
        "no such file or folder",
        "no such file or folder",
    ]
    assert lines[2].startswith("a\\x00b: ")
