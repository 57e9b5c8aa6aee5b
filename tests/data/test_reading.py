"""Data sets as tensors: what is where, and that it stays there."""

import numpy as np
import pytest
import torch

from chainrule.data import Split, load
from chainrule.data.digits import digits, enlarge
from chainrule.data.split import stratified
from chainrule.data.store import Files, Memory, moments, survey
from chainrule.errors import UserError


def test_the_digits_are_what_they_are_for_ever():
    data = load("digits")
    assert (data.name, data.task, data.shape) == ("digits", "classification", (1, 32, 32))
    assert data.classes == tuple("0123456789")
    assert (len(data.train), len(data.val), len(data.test)) == (1293, 144, 360)
    assert data.fingerprint == "e827b7595fb650eedf3eac5396d747c57fbac00eaf2fb90d3e097fb28845120e"
    assert [int(data.test.names(i)) for i in range(8)] == [9, 15, 16, 17, 21, 28, 49, 50]
    assert [int(data.val.names(i)) for i in range(8)] == [2, 3, 4, 12, 25, 60, 74, 87]


def test_the_test_part_is_fixed_and_stratified():
    images, labels = digits()
    tests = []
    for seed in (0, 1):
        data = load("digits", seed=seed, val=0.2)
        tests.append([int(data.test.names(i)) for i in range(len(data.test))])
        parts = [{int(part.names(i)) for i in range(len(part))} for part in (data.train, data.val, data.test)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == len(images)
        for part in (data.train, data.val, data.test):
            share = torch.bincount(part.targets) / len(part)
            assert torch.allclose(share, torch.from_numpy(np.bincount(labels) / len(labels)).float(), atol=0.004)
    assert tests[0] == tests[1]
    assert np.array_equal(data.test.targets, labels[tests[0]])


def test_up_sampling_is_bilinear():
    images = np.random.default_rng(0).integers(0, 17, (3, 8, 8))
    want = torch.nn.functional.interpolate(torch.tensor(images)[None].double(), scale_factor=4, mode="bilinear")
    assert np.abs(enlarge(images) - want[0].numpy() * 255 / 16).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("fraction", "held"), [(0.0, 0), (0.1, 3), (0.2, 6), (0.5, 15), (0.33, 10), (0.99, 27), (0.001, 1)]
)
def test_stratified_counts(fraction, held):
    targets = np.repeat([0, 1, 5], [15, 10, 5])
    kept, out = stratified(targets, fraction, seed=0)
    assert len(out) == held
    assert np.array_equal(np.sort(np.concatenate([kept, out])), np.arange(30))
    assert set(targets[kept]) == {0, 1, 5}
    assert np.abs(np.bincount(targets[out], minlength=6)[[0, 1, 5]] - fraction * np.array([15, 10, 5])).max() <= 1


def test_stratified_by_seed_and_for_ever():
    targets = np.arange(40) % 4
    assert stratified(targets, 0.2, seed=0)[1].tolist() == [5, 10, 23, 25, 32, 36, 38, 39]
    assert stratified(targets, 0.2, seed=1)[1].tolist() != [5, 10, 23, 25, 32, 36, 38, 39]
    assert len(stratified(np.zeros(0, np.int64), 0.2, seed=0)[1]) == 0
    assert len(stratified(np.arange(7), 0.5, seed=0)[1]) == 0  # a class keeps its only row


def test_a_batch_is_normalised_by_the_training_part():
    data = load("digits")
    x, y = data.train.batch(torch.arange(len(data.train)))
    assert (x.dtype, y.dtype, x.shape) == (torch.float32, torch.int64, (1293, 1, 32, 32))
    assert abs(x.mean()) < 1e-4
    assert abs(x.std(unbiased=False) - 1) < 1e-4
    assert data.fill.item() == x.min()
    some = torch.tensor([5, 3, 5])
    assert torch.equal(data.train.batch(some)[0], x[some])
    want = (data.train.raw(3).double() / 255 - data.mean[0]) / data.std[0]
    assert torch.allclose(x[3].double(), want, atol=1e-6)
    assert data.train.raw(3).dtype == torch.uint8


def test_an_empty_batch_and_one_outside():
    data = load("digits")
    assert data.test.batch(torch.tensor([], dtype=torch.int64))[0].shape == (0, 1, 32, 32)
    with pytest.raises(IndexError):
        data.test.batch(torch.tensor([360]))


def test_a_subset_shares_everything():
    data = load("digits")
    part = data.test.subset([9, 4]).subset(torch.tensor([1]))
    assert len(part) == 1
    assert torch.equal(part.batch(torch.tensor([0]))[0], data.test.batch(torch.tensor([4]))[0])
    assert part.names(0) == data.test.names(4)
    assert part.targets.tolist() == data.test.targets[4:5].tolist()


def test_targets_may_be_numbers():
    store = Memory(np.zeros((3, 1, 2, 2), np.uint8))
    split = Split(store, torch.arange(3), torch.tensor([0.5, 1.5, 2.5]), (0.0,), (1.0,))
    assert split.batch(torch.tensor([2]))[1].tolist() == [2.5]


@pytest.mark.parametrize(
    ("size", "channels", "shape"),
    [(None, None, (1, 32, 32)), ((28, 28), None, (1, 28, 28)), (None, 3, (3, 32, 32)), ((8, 16), 1, (1, 8, 16))],
)
def test_size_and_channels(size, channels, shape):
    data = load("digits", size=size, channels=channels)
    assert data.shape == shape
    assert data.test.batch(torch.tensor([0, 1]))[0].shape == (2, *shape)
    assert len(data.mean) == len(data.std) == shape[0]


def test_val_zero_is_no_val():
    assert load("digits", val=0).val is None


BAD = {
    "name": ({"source": "minst"}, "minst: no such folder or data set: expected a path or one of digits, mnist"),
    "typo": ({"source": "digit"}, "did you mean digits?"),
    "case": ({"source": "Digits"}, "did you mean digits?"),
    "empty": ({"source": "digits", "val": 1.0}, "val=1.0: expected a share in 0 ≤ val < 1"),
    "negative": ({"source": "digits", "val": -0.1}, "val=-0.1"),
    "nan": ({"source": "digits", "val": float("nan")}, "val=nan"),
    "channels": ({"source": "digits", "channels": 2}, "channels=2: expected 1 (grey) or 3 (colour)"),
    "no size": ({"source": "digits", "size": (0, 32)}, "size=(0, 32)"),
    "huge": ({"source": "digits", "size": (32, 99999)}, "1…4096"),
    "three": ({"source": "digits", "size": (32, 32, 3)}, "size=(32, 32, 3)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_arguments_are_one_line(case):
    arguments, words = BAD[case]
    with pytest.raises(UserError) as caught:
        load(**arguments)
    (line,) = caught.value.lines
    assert words in line


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "set.bin").write_bytes(b"PK")
    with pytest.raises(UserError, match="a file: expected a folder"):
        load(tmp_path / "set.bin")


def test_a_folder_of_pictures(pictures):
    data = load(pictures, val=0.25)
    assert (data.name, data.classes, data.shape) == ("pets", ("cat", "dog"), (3, 6, 8))
    assert (len(data.train), len(data.val), len(data.test)) == (12, 4, 4)
    assert data.train.names(0).startswith(str(pictures / "cat"))
    assert data.train.targets.bincount().tolist() == [6, 6]
    assert data.fingerprint == load(pictures, val=0.5, seed=3).fingerprint


def test_a_changed_byte_changes_the_fingerprint(pictures, paint):
    before = load(pictures).fingerprint
    paint(pictures / "cat" / "03.png", seed=99)
    after = load(pictures).fingerprint
    (pictures / "cat" / "03.png").rename(pictures / "dog" / "03b.png")
    assert len({before, after, load(pictures).fingerprint}) == 3


def test_a_set_larger_than_memory_is_decoded_batch_by_batch(pictures):
    held, read = load(pictures), load(pictures, most_bytes=100)
    assert isinstance(read.train._store, Files)
    assert (held.mean, held.std, held.fingerprint) == (read.mean, read.std, read.fingerprint)
    rows = torch.tensor([3, 0, 3])
    assert torch.equal(held.train.batch(rows)[0], read.train.batch(rows)[0])
    assert held.train.names(2) == read.train.names(2)
    assert read.train.batch(rows[:0])[0].shape == (0, 3, 6, 8)


def test_a_file_that_goes_away_later_is_one_line(pictures):
    data = load(pictures, most_bytes=0)
    (pictures / "cat" / "00.png").unlink()
    with pytest.raises(UserError, match=r"00\.png: cannot be read"):
        for split in (data.train, data.val, data.test):
            split.batch(torch.arange(len(split)))


def test_a_bad_picture_is_one_line(pictures):
    (pictures / "dog" / "05.png").write_bytes(b"nothing")
    for most_bytes in (1 << 20, 0):
        with pytest.raises(UserError, match=r"05\.png: not an image") as caught:
            load(pictures, size=(4, 4), channels=1, most_bytes=most_bytes)
        assert len(caught.value.lines) == 1
    with pytest.raises(UserError, match=r"05\.png: not an image"):
        load(pictures)


def test_pictures_of_many_sizes_need_a_size(pictures, paint):
    paint(pictures / "cat" / "big.png", (20, 30), seed=90)
    with pytest.raises(UserError, match=r"images differ in size \(6×8 00.png, 30×20 big.png\)"):
        load(pictures)
    assert load(pictures, size=(10, 10)).shape == (3, 10, 10)


def test_grey_pictures_stay_grey(tmp_path, paint):
    for i in range(8):
        paint(tmp_path / "ab"[i % 2] / f"{i}.png", mode="L", seed=i)
    assert load(tmp_path).shape == (1, 6, 8)
    assert load(tmp_path, channels=3).shape == (3, 6, 8)
    paint(tmp_path / "a" / "x.png", seed=9)
    assert load(tmp_path).shape == (3, 6, 8)


def test_the_parts_of_a_folder_are_kept(tmp_path, paint):
    for i in range(12):
        paint(tmp_path / ("train", "val")[i // 8] / "ab"[i % 2] / f"{i}.png", seed=i)
    data = load(tmp_path, val=0.5)
    assert (len(data.train), len(data.val), data.test) == (8, 4, None)
    (tmp_path / "val").rename(tmp_path / "test")
    data = load(tmp_path, val=0.25)
    assert (len(data.train), len(data.val), len(data.test)) == (6, 2, 4)


def test_a_constant_channel_does_not_divide_by_zero():
    found = survey(Memory(np.full((3, 2, 4, 4), 51, np.uint8)))
    assert moments(found, np.arange(3), 16) == ((0.2, 0.2), (1.0, 1.0))


def test_the_survey_is_exact_over_several_chunks():
    images = np.random.default_rng(0).integers(0, 256, (2500, 3, 2, 2), dtype=np.uint8)
    mean, std = moments(survey(Memory(images)), np.arange(100, 2400), 4)
    assert np.allclose(mean, images[100:2400].mean((0, 2, 3)) / 255, rtol=1e-12)
    assert np.allclose(std, images[100:2400].std((0, 2, 3)) / 255, rtol=1e-12)


def test_a_bounded_cache_keeps_what_has_room(pictures, monkeypatch):
    from chainrule.data import store

    paths, asked = sorted(pictures.rglob("*.png")), []
    real = store.decode_all

    def counted(files, *rest):
        asked.extend(files)
        real(files, *rest)

    monkeypatch.setattr(store, "decode_all", counted)
    files = Files(paths, (3, 6, 8), most_bytes=5 * 3 * 6 * 8 + 1)
    want = Files(paths, (3, 6, 8)).take(torch.arange(20))
    asked.clear()
    rows = torch.tensor([7, 3, 7, 1, 19, 0, 4, 2])
    for _ in range(2):
        assert torch.equal(files.take(rows), want[rows])
    assert len(asked) == 8 + 2  # five are kept (7, 3, 1, 19, 0), the other two are decoded anew
    assert files._kept.nbytes == 5 * 3 * 6 * 8
