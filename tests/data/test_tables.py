"""Images with a table of labels: one class or several, every fault of the table one line that says where."""

import numpy as np
import pytest
import torch

from chainrule.data import load
from chainrule.data.check import check
from chainrule.data.labels import read_table
from chainrule.errors import UserError

NAMES = ("a", "b", "c", "d", "e", "f")


def grow(root, paint, text, name="labels.csv", below="", suffix=".png"):
    """Six pictures and a table."""
    for i, letter in enumerate(NAMES):
        paint(root / below / f"{letter}{suffix}", seed=i)
    (root / name).write_text(text, encoding="utf-8")
    return root


ONE = "".join(f"{name}.png,{'cat' if name < 'd' else 'dog'}\n" for name in NAMES)
FORMS = {
    "plain": ONE,
    "head": "file,label\n" + ONE,
    "head in another order": "label,filename\n" + "".join(",".join(reversed(x.split(","))) + "\n" for x in ONE.split()),
    "semicolons": ONE.replace(",", ";"),
    "tabs": ONE.replace(",", "\t"),
    "byte order mark": "\ufefffile,label\n" + ONE,
    "windows lines and blanks": ("file , label\n\n" + ONE.replace(",", " , ")).replace("\n", "\r\n"),
    "quotes": "".join(f'"{x.split(",")[0]}","{x.split(",")[1]}"\n' for x in ONE.split()),
    "more columns": "id,label,width\n" + "".join(f"{x},8\n" for x in ONE.split()),
    "no suffix": "id,breed\n" + ONE.replace(".png", ""),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("below", ["", "images"])
def test_one_class_a_picture(tmp_path, paint, form, below):
    root = grow(tmp_path / "set", paint, FORMS[form], below=below)
    for source in (root, root / "labels.csv"):
        data = load(source, val=0)
        assert (data.task, data.classes, data.shape) == ("classification", ("cat", "dog"), (3, 6, 8))
        told = {part.names(i)[-5:]: int(part.targets[i]) for part in (data.train, data.test) for i in range(len(part))}
        assert told == {f"{name}.png": int(name >= "d") for name in NAMES}
    assert check(root).problems == []


SEVERAL = {
    "joined": "file,labels\na.png,red|round\nb.png,red\nc.png,round\nd.png,\ne.png,red\nf.png,round|red\n",
    "semicolons": "a.png,red;round\nb.png,red\nc.png,round\nd.png,\ne.png,red\nf.png,round; red\n",
    "columns": "file,red,round\na.png,1,1\nb.png,1,0\nc.png,0,1\nd.png,0,0\ne.png,1,\nf.png,1.0,1\n",
}


@pytest.mark.parametrize("form", SEVERAL)
def test_several_classes_a_picture(tmp_path, paint, form):
    root = grow(tmp_path / "set", paint, SEVERAL[form])
    data = load(root, val=0)
    assert (data.task, data.classes) == ("multilabel", ("red", "round"))
    assert data.train.targets.dtype == torch.float32
    parts = [part for part in (data.train, data.test) if part]
    told = {part.names(i)[-5]: part.targets[i].tolist() for part in parts for i in range(len(part))}
    assert told == {"a": [1, 1], "b": [1, 0], "c": [0, 1], "d": [0, 0], "e": [1, 0], "f": [1, 1]}
    assert check(root).ok
    assert data.fingerprint == load(root, val=0, seed=3).fingerprint


def test_several_classes_are_held_out_by_the_rarest(tmp_path, paint):
    rows = "".join(f"{i}.png,{'rare|common' if i % 4 == 0 else 'common'}\n" for i in range(40))
    for i in range(40):
        paint(tmp_path / "set" / f"{i}.png", seed=i)
    (tmp_path / "set" / "labels.csv").write_text(rows)
    data = load(tmp_path / "set", val=0.25)
    assert [int(part.targets[:, 1].sum()) for part in (data.train, data.val, data.test)] == [6, 2, 2]


def test_parts_from_a_column_or_from_files(tmp_path, paint):
    split = ["train", "train", "valid", "train", "train", "test"]
    text = "file,label,split\n" + "".join(f"{x},{part}\n" for x, part in zip(ONE.split(), split, strict=True))
    column = load(grow(tmp_path / "column", paint, text))
    root = grow(tmp_path / "files", paint, "\n".join(ONE.split()[:2] + ONE.split()[3:5]), name="train.csv")
    (root / "val.csv").write_text(ONE.split()[2])
    (root / "test.csv").write_text(ONE.split()[5])
    files = load(root)
    for data in (column, files):
        assert [len(part) for part in (data.train, data.val, data.test)] == [4, 1, 1]
    assert column.fingerprint == files.fingerprint


def test_another_table_beside_class_folders_is_no_table_of_labels(pictures):
    (pictures / "weather.csv").write_text("day,rain\n1,2\n")
    assert len(load(pictures, val=0).train) == 16


def write(text, name="labels.csv"):
    return lambda root, paint: grow(root, paint, text, name)


def two_tables(root, paint):
    grow(root, paint, ONE, "one.csv")
    (root / "two.csv").write_text(ONE)


def colliding(root, paint):
    grow(root, paint, ONE.replace("a.png", "x.png"))
    paint(root / "p" / "x.png")
    paint(root / "q" / "x.png")


def latin(root, paint):
    grow(root, paint, ONE)
    (root / "labels.csv").write_bytes(ONE.encode() + "é.png,cat\n".encode("latin-1"))


FAULTS = {
    "missing file": (write(ONE + "g.png,cat\n"), "line 7: g.png: no such image below"),
    "nearest file": (write(ONE.replace("a.png", "aa.png")), "did you mean a.png?"),
    "colliding names": (colliding, "x.png could be p/x.png and q/x.png"),
    "duplicate row": (write(ONE + "a.png,cat\n"), "line 7: a.png is the same image as labels.csv line 1: keep one"),
    "contradiction": (write(ONE + "a.png,dog\n"), "line 7: a.png is the same image, with another label, as"),
    "no label": (write(ONE + "g.png,\n"), "line 7: no label for g.png"),
    "no name": (write("file,label\n" + ONE + ",cat\n"), "line 8: no file name"),
    "wrong delimiter": (
        write(ONE.replace(",", " ")),
        "one column ('a.png cat'): expected file,label, separated by comma",
    ),
    "ragged": (write(ONE + "g.png,cat,dog\n"), "line 7: 3 columns: expected 2"),
    "only a head": (write("file,label\n"), "only a head"),
    "one class": (write(ONE.replace("dog", "cat")), "only one class (cat)"),
    "unknown label": (
        write("file,label,split\n" + "".join(f"{x},train\n" for x in ONE.split()[:5]) + "f.png,dgo,val\n"),
        "line 7: class 'dgo' of val is not in train; did you mean dog?",
    ),
    "unknown part": (write("file,label,split\n" + "".join(f"{x},tarin\n" for x in ONE.split())), "split 'tarin'"),
    "no train": (write("file,label,split\n" + "".join(f"{x},test\n" for x in ONE.split())), "no row belongs to train"),
    "not utf-8": (latin, "not UTF-8 text (byte "),
    "zero bytes": (write(ONE + "\0"), "holds zero bytes"),
    "open quote": (write(ONE + '"g.png,cat\n'), "check the quotation marks"),
    "numbers in columns": (write("file,red,round\na.png,2,0\n"), "'2' in column red: expected 0 or 1"),
    "columns without names": (write("a.png,1,0\nb.png,0,1\n"), "3 columns without a name each"),
    "same column twice": (write("file,red,red\na.png,1,0\n"), "names the classes once each"),
    "class without image": (
        write("file,red,round,blue\na.png,1,1,0\nb.png,1,0,0\n"),
        "class blue has no training image",
    ),
    "several tables": (two_tables, "several tables (one.csv, two.csv): expected one"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_each_fault_is_one_line(tmp_path, paint, case):
    make, words = FAULTS[case]
    root = tmp_path / "set"
    make(root, paint)
    with pytest.raises(UserError) as caught:
        load(root)
    assert len(caught.value.lines) == 1
    assert words in str(caught.value)
    assert any(words in line for line in check(root).problems)


def test_an_empty_table_given_by_path(tmp_path):
    (tmp_path / "labels.csv").write_text("")
    with pytest.raises(UserError, match="an empty table"):
        load(tmp_path / "labels.csv")


def test_every_fault_of_a_table_is_told_at_once(tmp_path, paint):
    root = grow(tmp_path / "set", paint, ONE + "x.png,cat\ny.png,cat\nb.png,dog\n")
    assert len(check(root).problems) == 3
    with pytest.raises(UserError, match=r"\(2 more: chainrule data check "):
        load(root)


def test_a_table_of_many_rows_is_read_at_once(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("".join(f"{i}.png,{i % 7}\n" for i in range(20000)))
    table = read_table(path)
    assert len(table.rows) == 20000
    assert np.bincount([int(row.labels[0]) for row in table.rows]).tolist() == [2858] + [2857] * 6
