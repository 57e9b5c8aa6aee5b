"""`chainrule data show` and `check`: what there is, as a table and as pictures; what is wrong, one line and code 2."""

import os
import tarfile
import zipfile

import numpy as np
import pytest
from PIL import Image

from chainrule.cli.main import main


def picture(path, size=(12, 10), value=0, mode="RGB", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(value)
    Image.fromarray(noise.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).convert(mode).save(path, **options)
    return path


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """猫 (12 pictures) and dog (4), of two sizes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    for name, count in (("猫", 12), ("dog", 4)):
        for i in range(count):
            picture(tmp_path / "photos" / name / f"{i:02}.png", (12 + 4 * (i % 2), 10), value=100 * count + i)
    return tmp_path / "photos"


def test_show_counts_the_classes(photos, capsys):
    assert main(["data", "show", str(photos)]) == 0
    out = capsys.readouterr().out
    assert "photos: train 16; 12×10" not in out  # height × width
    assert "photos: train 16; 10×12 to 10×16 pixels, colour" in out
    assert "猫        12" in out
    assert "dog        4" in out
    assert "the largest class is 3.0 times the smallest; balance=loss or sampler makes up for it" in out
    assert "keeps 20 % of each class" in out


def test_show_draws_the_sheet(photos, capsys):
    target = photos.parent / "sheet.png"
    assert main(["data", "show", str(photos), "augment=resized_crop+jitter(0.4)+flip", "--png", str(target)]) == 0
    first = np.asarray(Image.open(target).convert("RGB"))
    assert first.shape[0] > 900  # the originals and four draws
    assert first.std() > 20
    assert main(["data", "show", str(photos), "augment=resized_crop+jitter(0.4)+flip", "--png", str(target)]) == 0
    assert np.array_equal(first, np.asarray(Image.open(target).convert("RGB")))
    assert main(["data", "show", str(photos), "augment=flip+cutmix", "seed=3"]) == 0
    assert "pictures photos-augment.png" in capsys.readouterr().out
    assert (photos.parent / "photos-augment.png").is_file()


def test_show_of_known_sets(photos, capsys):
    assert main(["data", "show", "digits", "--png", "digits.png"]) == 0
    out = capsys.readouterr().out
    assert "CC BY 4.0" in out
    assert "digits: train 1,797; 32×32 pixels, grey" in out
    assert main(["data", "show", "cifar10"]) == 0
    assert "not here" in capsys.readouterr().out
    assert main(["data", "show", "cifar10", "--png", "x.png"]) == 2
    assert "put cifar-10-binary.tar.gz into" in capsys.readouterr().err


def test_show_of_several_classes_a_picture(photos, capsys):
    rows = "".join(
        f"{path.name},{'a|b' if i % 3 == 0 else 'b'}\n" for i, path in enumerate(sorted((photos / "猫").iterdir()))
    )
    (photos / "猫" / "labels.csv").write_text(rows)
    assert main(["data", "show", str(photos / "猫"), "augment=mixup", "size=16"]) == 0
    out = capsys.readouterr().out
    assert "several classes a picture" in out
    assert "b         12" in out


def test_show_and_check_of_an_archive(photos, capsys):
    with tarfile.open("photos.tar.xz", "w:xz") as out:
        out.add(photos, "photos")
    assert main(["data", "show", "photos.tar.xz"]) == 0
    assert "train 16" in capsys.readouterr().out
    assert main(["data", "check", "photos.tar.xz"]) == 0
    assert "nothing wrong" in capsys.readouterr().out


def test_show_and_check_of_a_table_of_values(tmp_path, capsys):
    path = tmp_path / "shop.csv"
    path.write_text("age,since,shop,spare\n" + "".join(f"{i * 7 % 50},2024-01-{i + 1:02},xyz,\n" for i in range(30)))
    assert main(["data", "show", str(path)]) == 0
    out = capsys.readouterr().out
    assert "shop.csv: 30 rows, 4 columns" in out and "column spare: nothing in any row: left out" in out
    assert "column since: dates" in out and "column shop: the same in every row: left out" in out
    assert main(["data", "check", str(path)]) == 0
    assert "30 rows, 4 columns: nothing wrong" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.txt", "0 1\n1 2\n2 2\n"), ("b.csv", "0,1\n1,2\n2,2\n"), ("c.csv", "source,target\na,b\nb,b\n")],
)
def test_show_and_check_of_a_list_of_edges(tmp_path, capsys, name, text):
    (tmp_path / name).write_text(text)
    for what in ("show", "check"):
        assert main(["data", what, str(tmp_path / name)]) == 0
        assert f"{text.count(chr(10)) - text.startswith('s')} edges; directed: " in capsys.readouterr().out
    (tmp_path / "words.txt").write_text("0 1 and more\nwords\n")
    assert main(["data", "show", str(tmp_path / "words.txt")]) == 0
    assert "edges" not in capsys.readouterr().out


def table(text, name="labels.csv"):
    return lambda root: (root / name).write_text(text)


def raw(name, content):
    def write(root):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    return write


def link(name, to):
    def make(root):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(to)

    return make


def zipped(root):
    with zipfile.ZipFile(root / "evil.zip", "w") as out:
        out.writestr("../../evil.png", b"x")
    for name in ("猫", "dog"):
        for path in (root / name).iterdir():
            path.unlink()
        (root / name).rmdir()


def only(name):
    def keep(root):
        for path in (root / name).iterdir():
            path.unlink()
        (root / name).rmdir()

    return keep


def png(width, height):
    """The head of a picture that says it is huge."""
    import struct
    import zlib

    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = b"IDAT" + zlib.compress(b"")
    chunks = [head, body, b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks
    )


def cut(root):
    path = root / "dog" / "00.png"
    path.write_bytes(path.read_bytes()[:-80])


def same(root):
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            picture(root / part / name / "a.png", value=5 if name == "cat" else 6 if part == "train" else 7)
    for name in ("猫", "dog"):
        only(name)(root)


FAULTS = {
    "zero bytes": (raw("dog/00.png", b""), "00.png: not an image that can be read"),
    "a page as image": (raw("dog/00.png", b"<html>"), "00.png: not an image that can be read"),
    "a pointer as image": (raw("dog/00.png", b"version https://git-lfs.github.com/spec/v1\n"), "not an image"),
    "a pdf as image": (raw("dog/x.jpg", b"%PDF-1.7"), "x.jpg: not an image"),
    "cut": (cut, "00.png: damaged image"),
    "bomb": (raw("dog/x.png", png(60000, 60000)), "x.png: "),
    "wide bomb": (raw("dog/x.png", png(2_000_000_000, 1)), "x.png: "),
    "no pixels": (raw("dog/x.png", png(0, 5)), "x.png: not an image"),
    "text in a class": (raw("dog/notes.txt", b"x"), "notes.txt: not an image file"),
    "video in a class": (raw("dog/film.mp4", b"x"), "film.mp4: not an image file"),
    "raw photo": (raw("dog/photo.cr2", b"x"), "photo.cr2: not an image file"),
    "broken link": (link("dog/x.png", "gone.png"), "x.png: a broken link"),
    "empty class": (lambda root: (root / "bird").mkdir(), "bird: no images in this class"),
    "one class": (only("猫"), "only one class (dog)"),
    "val alone": (raw("val/dog/a.png", b""), "val/ but no train/"),
    "loose": (raw("a.png", b""), "1 image lies in no class folder"),
    "folder in a class": (lambda root: (root / "dog" / "more").mkdir(), "a folder inside a class folder"),
    "twins": (same, "the same file as"),
    "missing file": (table("a.png,x\nb.png,y\n"), "labels.csv line 1: a.png: no such image below"),
    "duplicate": (table("猫/00.png,x\n猫/00.png,x\ndog/01.png,y\n"), "the same image as labels.csv line 1"),
    "contradiction": (table("猫/00.png,x\n猫/00.png,y\n"), "the same image, with another label"),
    "collision": (table("00.png,x\n猫/01.png,y\n"), "00.png could be"),
    "delimiter": (table("猫/00.png x\ndog/00.png y\n"), "one column"),
    "ragged": (table("猫/00.png,x\ndog/00.png,y,z\n"), "labels.csv line 2: 3 columns: expected 2"),
    "unknown label": (
        table("file,label,split\n猫/00.png,x,train\n猫/01.png,y,train\ndog/00.png,z,test\n"),
        "class 'z' of test is not in train",
    ),
    "no label": (table("猫/00.png,\ndog/00.png,y\n"), "labels.csv line 1: no label"),
    "half a table": (table('"猫/00.png,x\n'), "check the quotation marks"),
    "hostile archive": (zipped, "leads out of the folder"),
    "pickled cifar": (lambda root: (root / "cifar-10-batches-py").mkdir(), "a pickle can run any code"),
    "pipe": (lambda root: os.mkfifo(root / "dog" / "x.png"), "a broken link or no plain file"),
    "two tables": (
        lambda root: [table("猫/00.png,x\n", f"{n}.csv")(root) for n in "ab"],
        "several tables (a.csv, b.csv)",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_check_tells_each_fault_in_one_line(photos, capsys, case):
    make, words = FAULTS[case]
    make(photos)
    assert main(["data", "check", str(photos)]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert "Traceback" not in err


@pytest.mark.parametrize("case", [case for case in FAULTS if case != "twins"])
def test_training_on_it_ends_with_code_2_and_leaves_no_run(photos, capsys, case):
    make, words = FAULTS[case]
    make(photos)
    assert main(["train", "mlp", str(photos), "size=8", "epochs=1"]) == 2
    err = capsys.readouterr().err
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert not (photos.parent / "runs").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["no-such"], "data 'no-such': expected one of digits"),
        (["cifar"], "did you mean cifar10?"),
        (["photos", "augment=crpo"], "did you mean crop?"),
        (["photos", "augment=crop(-1)"], "padding=-1: expected an integer in 0…4096"),
        (["photos", "size=0"], "size=0: expected"),
        (["photos", "augment=nowhere:change"], "importing nowhere failed"),
        (["photos", "--png", "no/such/folder/x.png"], "x.png"),
    ],
)
def test_what_show_cannot_do_is_one_line(photos, capsys, words, says):
    assert main(["data", "show", *words]) == 2
    err = capsys.readouterr().err
    assert says in err
    assert len(err.strip().splitlines()) == 1
