"""CIFAR as published: loose files, archive, mosaics; each fault one line, the pickled version never read."""

import hashlib
import io
import tarfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from chainrule.data import load
from chainrule.data.check import check
from chainrule.data.cifar import files, reading
from chainrule.errors import UserError

ROWS = 16  # of each file of the small sets made here


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine without data, where a batch has 16 images."""
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, batches in files.SETS.items():
        monkeypatch.setitem(files.SETS, name, replace(batches, rows=(ROWS, ROWS), digests=()))
    return tmp_path


def table(number, labels=1, classes=10):
    noise = np.random.default_rng(number)
    first = noise.integers(0, classes, (ROWS, labels), dtype=np.uint8)
    return np.concatenate((first, noise.integers(0, 256, (ROWS, 3072), dtype=np.uint8)), 1)


def tables(name):
    labels = files.SETS[name].labels
    return {file: table(i, labels, 20 if labels == 2 else 10) for i, (file, _) in enumerate(files.SETS[name].files)}


def binaries(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    for file, content in tables(name).items():
        (folder / f"{file}.bin").write_bytes(content.tobytes())
    return folder


def archive(name, folder, change=lambda member: member, extra=()):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / files.SETS[name].archive
    with tarfile.open(path, "w:gz") as out:
        for member in extra:
            out.addfile(member)
        for file, content in tables(name).items():
            member = tarfile.TarInfo(f"{files.SETS[name].folder}/{file}.bin")
            member.size = content.size
            out.addfile(change(member), io.BytesIO(content.tobytes()))
    return path


def mosaics(name, folder):
    folder.mkdir(parents=True, exist_ok=True)
    labels = b""
    side = round(ROWS**0.5)
    for file, content in tables(name).items():
        labels += content[:, :1].tobytes()
        tiles = content[:, 1:].reshape(side, side, 3, 32, 32).transpose(0, 3, 1, 4, 2).reshape(side * 32, side * 32, 3)
        Image.fromarray(tiles).save(folder / f"{file}.webp", lossless=True)
    (folder / "labels.u8").write_bytes(labels)
    return folder


@pytest.mark.parametrize(
    "make",
    [
        lambda home: binaries("cifar10", home / "cifar10"),
        lambda home: binaries("cifar10", home / "cifar10" / "cifar-10-batches-bin"),
        lambda home: archive("cifar10", home / "cifar10"),
        lambda home: mosaics("cifar10", home / "cifar10"),
    ],
    ids=["loose", "unpacked", "archive", "mosaic"],
)
def test_every_form_gives_the_same_images(home, make):
    place = make(home)
    want = tables("cifar10")
    for source in ("cifar10", place):
        data = load(source, val=0)
        assert (len(data.train), len(data.test), data.shape) == (5 * ROWS, ROWS, (3, 32, 32))
        assert data.classes[:3] == ("airplane", "automobile", "bird")
        for row in (0, ROWS, 5 * ROWS - 1):
            record = want[f"data_batch_{row // ROWS + 1}"][row % ROWS]
            assert data.train.raw(row).flatten().tolist() == record[1:].tolist()
            assert data.train.targets[row] == record[0]
        assert data.test.targets.tolist() == want["test_batch"][:, 0].tolist()
    report = check("cifar10")
    assert (report.problems, report.summary) == ([], "cifar10: 6 batches, sha256 of 6 not on record")


def test_the_hundred_classes_and_their_twenty_groups(home):
    binaries("cifar100", home / "cifar100")
    want = tables("cifar100")
    fine, coarse = load("cifar100", val=0), load("cifar100-coarse", val=0)
    assert fine.train.targets.tolist() == want["train"][:, 1].tolist()
    assert coarse.train.targets.tolist() == want["train"][:, 0].tolist()
    assert (len(fine.classes), len(coarse.classes)) == (100, 20)
    assert torch.equal(fine.test.raw(3), coarse.test.raw(3))
    assert load(home / "cifar100").classes == fine.classes


def test_grey_and_another_size_are_pillow_s(home):
    binaries("cifar10", home / "cifar10")
    data = load("cifar10", size=(48, 40), channels=1, val=0)
    first = load("cifar10", val=0).train.raw(0).permute(1, 2, 0).numpy()
    want = Image.fromarray(first).convert("L").resize((40, 48), Image.Resampling.BILINEAR)
    assert np.array_equal(data.train.raw(0)[0].numpy(), np.asarray(want))
    late = load("cifar10", size=(48, 40), channels=1, val=0, most_bytes=1000)
    assert torch.equal(late.train.batch(torch.tensor([3, 70]))[0], data.train.batch(torch.tensor([3, 70]))[0])
    assert late.fingerprint == data.fingerprint


def cut(path):
    path.write_bytes(path.read_bytes()[:-7])


def half(path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def overwrite(path, place, value):
    whole = bytearray(path.read_bytes())
    whole[place] = value
    path.write_bytes(bytes(whole))


def link(member):
    member.type, member.linkname, member.size = tarfile.SYMTYPE, "/etc/passwd", 0
    return member


def rename(member):
    member.name = member.name.replace("test_batch", "../../test_batch")
    return member


FAULTS = {
    "short": (lambda h: cut(binaries("cifar10", h) / "data_batch_2.bin"), "data_batch_2.bin: 49161 bytes: expected"),
    "empty": (lambda h: (binaries("cifar10", h) / "test_batch.bin").write_bytes(b""), "test_batch.bin: 0 bytes"),
    "class": (lambda h: overwrite(binaries("cifar10", h) / "test_batch.bin", 3073, 10), "label 10 at record 1"),
    "fine": (lambda h: overwrite(binaries("cifar100", h) / "train.bin", 1, 200), "label 200 at record 0"),
    "half an archive": (lambda h: half(archive("cifar10", h)), "a damaged archive"),
    "no archive": (lambda h: (h.mkdir(), (h / "cifar-10-binary.tar.gz").write_text("<html>")), "a damaged archive"),
    "link": (lambda h: archive("cifar10", h, link), "0 bytes: expected"),
    "traversal": (lambda h: archive("cifar10", h, rename), "test_batch.bin is not inside"),
    "mosaic size": (
        lambda h: Image.new("RGB", (64, 64)).save(mosaics("cifar10", h) / "test_batch.webp"),
        "a mosaic of 64×64: expected 128×128",
    ),
    "mosaic labels": (lambda h: cut(mosaics("cifar10", h) / "labels.u8"), "labels.u8: 89 bytes: expected 96"),
    "mosaic cut": (lambda h: half(mosaics("cifar10", h) / "test_batch.webp"), "test_batch.webp: "),
    "pickled": (lambda h: (h / "cifar-10-batches-py").mkdir(parents=True), "a pickle can run any code"),
    "pickled archive": (
        lambda h: (h.mkdir(), (h / "cifar-100-python.tar.gz").write_bytes(b"x")),
        "chainrule data fetch cifar100",
    ),
}


@pytest.mark.parametrize("case", FAULTS)
def test_each_fault_is_one_line(home, case):
    make, words = FAULTS[case]
    folder = home / "faulty"
    make(folder)
    with pytest.raises(UserError) as caught:
        load(folder)
    assert len(caught.value.lines) == 1
    assert words in str(caught.value)
    assert not check(folder).ok
    assert words in " ".join(check(folder).problems)


def test_a_named_set_that_is_pickled_says_so(home):
    (home / "cifar10" / "cifar-10-batches-py").mkdir(parents=True)
    with pytest.raises(UserError, match="a pickle can run any code"):
        load("cifar10")
    (home / "cifar10" / "cifar-10-batches-py").rmdir()
    with pytest.raises(UserError, match=r"put cifar-10-binary.tar.gz into .*cifar10 \(from https://www.cs.toronto"):
        load("cifar10")


def test_a_changed_batch_is_noticed(home, monkeypatch):
    batches = files.SETS["cifar10"]
    monkeypatch.setitem(files.SETS, "cifar10", replace(batches, digests=("0" * 64,) * 6))
    binaries("cifar10", home / "cifar10")
    assert len(check("cifar10").problems) == 6
    assert "sha256 differs from the published batch" in check("cifar10").problems[0]


def test_the_real_mosaics_rebuild_the_published_batches(shared_data):
    batches = files.SETS["cifar10"]
    count, total = np.zeros(10, int), np.zeros(3)
    tables = reading.records("cifar10", shared_data / "cifar10")
    for (file, (table, _)), digest in zip(tables, batches.digests, strict=True):
        assert hashlib.sha256(table.tobytes()).hexdigest() == digest
        if file in batches.train:
            count += np.bincount(table[:, 0], minlength=10)
            total += table[:, 1:].reshape(-1, 3, 1024).sum((0, 2), dtype=np.int64)
    assert count.tolist() == [5000] * 10
    assert np.round(total / (50000 * 1024 * 255), 4).tolist() == [0.4914, 0.4822, 0.4465]


@pytest.mark.slow
def test_the_real_set_loads_and_is_right(shared_data, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(shared_data))
    data = load("cifar10", val=0)
    assert (len(data.train), data.val, len(data.test)) == (50000, None, 10000)
    assert data.test.targets.bincount().tolist() == [1000] * 10
    assert check("cifar10").summary == "cifar10: 6 batches, sha256 right"
