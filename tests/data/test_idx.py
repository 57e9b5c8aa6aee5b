"""IDX files: read as they are, refused in one line if anything is wrong."""

import gzip

import numpy as np
import pytest

from chainrule.data import load
from chainrule.data.check import check
from chainrule.data.idx import MOST_BYTES, find_pairs, read_idx
from chainrule.errors import UserError

HEAD = bytes([0, 0, 8, 3])
ONE = b"\0\0\0\1"


@pytest.mark.parametrize(("code", "dtype"), [(8, "u1"), (9, "i1"), (11, ">i2"), (12, ">i4"), (13, ">f4"), (14, ">f8")])
@pytest.mark.parametrize("zipped", [False, True])
def test_every_type_is_read(tmp_path, idx, code, dtype, zipped):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    path = tmp_path / "some-idx3-ubyte"
    path.write_bytes(gzip.compress(idx(array, code)) if zipped else idx(array, code))
    read = read_idx(path)
    assert np.array_equal(read, array)
    assert read.dtype == np.dtype(dtype).newbyteorder("=")


def test_a_gz_name_does_not_make_it_gzip(tmp_path, idx):
    path = tmp_path / "a.gz"
    path.write_bytes(idx(np.zeros((2, 2), np.uint8)))
    assert read_idx(path).shape == (2, 2)


ZIPPED = gzip.compress(HEAD + ONE * 3 + b"\7", mtime=0)
BAD_FILES = {
    "empty": (b"", "0 bytes"),
    "three bytes": (b"\0\0\x08", "3 bytes"),
    "text": (b"<!DOCTYPE html>", "starts with 3c 21"),
    "git-lfs pointer": (b"version https://git-lfs", "starts with 76 65"),
    "first magic byte": (b"\1" + HEAD[1:] + ONE * 3 + b"\7", "starts with 01 00"),
    "type": (bytes([0, 0, 10, 3]) + ONE * 3 + b"\7", "magic 00 00 0a 03"),
    "no dimension": (bytes([0, 0, 8, 0]) + b"\7", "magic 00 00 08 00"),
    "header cut": (HEAD + ONE * 2 + b"\0", "ends inside its header"),
    "255 dimensions": (bytes([0, 0, 8, 255]) + ONE * 9, "ends inside its header"),
    "data cut": (HEAD + b"\0\0\0\2" + ONE * 2 + b"\7", "only 1 are there"),
    "no data": (HEAD + ONE * 3, "only 0 are there"),
    "trailing": (HEAD + ONE * 3 + b"\7\7", "more follow"),
    "too large": (HEAD + b"\xff\xff\xff\xff" * 3, "at most 1 GiB"),
    "just too large": (HEAD + (MOST_BYTES + 1).to_bytes(4, "big") + ONE * 2, "at most 1 GiB"),
    "gzip cut": (ZIPPED[:-9], "damaged gzip data"),
    "gzip head only": (ZIPPED[:5], "damaged gzip data"),
    "gzip checksum": (ZIPPED[:-8] + b"\0\0\0\0" + ZIPPED[-4:], "damaged gzip data"),
    "gzip length": (ZIPPED[:-4] + b"\0\0\0\1", "damaged gzip data"),
    "gzip body": (ZIPPED[:10] + b"\xff\xff\xff" + ZIPPED[13:], "damaged gzip data"),
    "gzip trailing": (ZIPPED + b"junk", "damaged gzip data"),
    "gzip method": (ZIPPED[:2] + b"\7" + ZIPPED[3:], "damaged gzip data"),
    "gzip of text": (gzip.compress(b"hello", mtime=0), "starts with 68 65"),
    "gzip with trailing values": (gzip.compress(HEAD + ONE * 3 + b"\7\7", mtime=0), "more follow"),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_line_with_its_name(tmp_path, case):
    data, words = BAD_FILES[case]
    path = tmp_path / "bad-idx3-ubyte"
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_idx(path)
    (line,) = caught.value.lines
    assert line.startswith(str(path))
    assert words in line
    assert check(path).problems == [line]


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        read_idx(tmp_path / "none")


def write(folder, name, array, idx):
    (folder / name).write_bytes(idx(array))


TRAIN_X, TRAIN_Y = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_X, TEST_Y = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
BAD_SETS = {
    "counts differ": (TRAIN_Y, np.arange(39, dtype=np.uint8) % 4, "39 labels for the 40 images"),
    "labels for images": (TRAIN_X, np.zeros(40, np.uint8), "1 dimensions of uint8: expected images"),
    "images for labels": (TRAIN_Y, np.zeros((40, 6, 5), np.uint8), "3 dimensions of uint8: expected labels"),
    "no images": (TRAIN_X, np.zeros((0, 6, 5), np.uint8), "at least one image"),
    "no pixels": (TRAIN_X, np.zeros((40, 0, 5), np.uint8), "at least one pixel"),
    "test label out of range": (TEST_Y, np.full(10, 9, np.uint8), "label 9 at row 0 (and 9 more): expected 0…3"),
    "one label out of range": (TEST_Y, np.array([0] * 9 + [255], np.uint8), "label 255 at row 9: expected 0…3"),
    "a stray training label": (TRAIN_Y, np.array([0, 1, 255] + [1] * 37, np.uint8), "label 2 never occurs"),
    "one class": (TRAIN_Y, np.zeros(40, np.uint8), "every label is 0"),
    "test of another size": (TEST_X, np.zeros((10, 7, 7), np.uint8), "images of 7×7: expected 6×5"),
}


@pytest.mark.parametrize("case", BAD_SETS)
def test_a_bad_set_is_one_line_with_the_file(idx_folder, idx, case):
    name, array, words = BAD_SETS[case]
    write(idx_folder, name, array, idx)
    with pytest.raises(UserError) as caught:
        load(idx_folder)
    (line,) = caught.value.lines
    assert line.startswith(str(idx_folder / name))
    assert words in line


@pytest.mark.parametrize("case", [case for case in BAD_SETS if case != "test of another size"])
def test_check_finds_it_too(idx_folder, idx, case):
    name, array, words = BAD_SETS[case]
    write(idx_folder, name, array, idx)
    report = check(idx_folder)
    assert not report.ok
    assert any(words in line for line in report.problems)


@pytest.mark.parametrize(
    ("code", "dtype", "name", "words"),
    [(13, ">f4", TRAIN_Y, "float32: expected labels"), (11, ">i2", TRAIN_X, "int16: expected images")],
)
def test_the_wrong_type_is_one_line(idx_folder, idx, code, dtype, name, words):
    shape = (40,) if name == TRAIN_Y else (40, 6, 5)
    (idx_folder / name).write_bytes(idx(np.zeros(shape, dtype), code))
    with pytest.raises(UserError, match=words):
        load(idx_folder)


def test_labels_below_zero_are_refused(idx_folder, idx):
    (idx_folder / TRAIN_Y).write_bytes(idx(np.array([-1, 1] * 20, np.int8), 9))
    with pytest.raises(UserError, match=r"label -1: expected every class from 0 \(or 1\) up"):
        load(idx_folder)


def test_labels_may_start_at_one(idx_folder, idx):
    write(idx_folder, TRAIN_Y, np.arange(40, dtype=np.uint8) % 4 + 1, idx)
    write(idx_folder, TEST_Y, np.arange(10, dtype=np.uint8) % 4 + 1, idx)
    data = load(idx_folder)
    assert data.classes == ("1", "2", "3", "4")
    assert sorted(set(data.train.targets.tolist())) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("gone", "words"),
    [
        ([TRAIN_X], "the images of the train part are missing: expected train-images-idx3-ubyte"),
        ([TRAIN_Y], "the labels of the train part are missing: expected train-labels-idx1-ubyte"),
        ([TEST_X + ".gz"], "the images of the test part are missing: expected t10k-images-idx3-ubyte"),
        ([TEST_Y + ".gz"], "the labels of the test part are missing: expected t10k-labels-idx1-ubyte"),
        ([TRAIN_X, TRAIN_Y], "the images of the train part are missing"),
    ],
)
def test_a_missing_half_is_one_line(idx_folder, gone, words):
    for name in gone:
        (idx_folder / name).unlink()
    with pytest.raises(UserError, match=words) as caught:
        load(idx_folder)
    assert check(idx_folder).problems == caught.value.lines


def test_two_sets_in_a_folder_are_refused(idx_folder):
    (idx_folder / "letters-train-images-idx3-ubyte").write_bytes(b"")
    with pytest.raises(UserError, match="several IDX sets"):
        find_pairs(idx_folder)


def test_a_plain_file_goes_before_its_gz(idx_folder):
    (idx_folder / (TRAIN_X + ".gz")).write_bytes(b"never read")
    assert find_pairs(idx_folder)["train"][0].name == TRAIN_X


def test_a_set_without_test_part_holds_one_out(idx_folder):
    for name in (TEST_X, TEST_Y):
        (idx_folder / (name + ".gz")).unlink()
    data = load(idx_folder, val=0.25)
    assert (len(data.train), len(data.val), len(data.test)) == (24, 8, 8)


def test_a_faultless_set(idx_folder):
    data = load(idx_folder, val=0.1)
    assert data.shape == (1, 6, 5)
    assert (len(data.train), len(data.val), len(data.test)) == (36, 4, 10)
    assert data.test.raw(1).flatten()[:3].tolist() == [30 * 7 % 256, 31 * 7 % 256, 32 * 7 % 256]
    assert check(idx_folder).ok
    assert check(idx_folder).summary == "IDX: 4 classes, train 40 of 6×5, test 10 of 6×5"


def test_no_mutant_gets_past_with_a_traceback(tmp_path, idx):
    """400 damaged files: read with the right shape or refused in one line."""
    rng = np.random.default_rng(0)
    plain = idx(np.arange(60, dtype=np.uint8).reshape(3, 4, 5))
    path = tmp_path / "mutant"
    for i in range(400):
        data = bytearray(gzip.compress(plain, mtime=0) if i % 2 else plain)
        for _ in range(rng.integers(1, 4)):
            data[rng.integers(len(data))] = rng.integers(256)
        path.write_bytes(data[: rng.integers(len(data))] if i % 5 == 0 else data)
        try:
            array = read_idx(path)
        except UserError as error:
            assert len(error.lines) == 1
        else:
            assert array.nbytes == 60
