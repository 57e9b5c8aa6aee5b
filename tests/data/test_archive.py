"""Archives of images: unpacked once, and never anything that could do harm."""

import io
import os
import tarfile
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from chainrule.data import archive, load
from chainrule.data.check import check
from chainrule.errors import UserError


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of its own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CHAINRULE_DATA", raising=False)
    return tmp_path / "cache" / "chainrule" / "unpacked"


def pack(folder: Path, path: Path, root="pets") -> Path:
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as out:
            for file in sorted(folder.rglob("*.png")):
                out.write(file, f"{root}/{file.relative_to(folder)}")
    else:
        with tarfile.open(path, f"w:{'' if path.suffix == '.tar' else path.suffix[1:]}") as out:
            out.add(folder, root)
    return path


@pytest.mark.parametrize("name", ["pets.tar", "pets.tar.gz", "pets.tar.xz", "pets.tar.bz2", "pets.zip"])
def test_an_archive_is_read_like_its_folder(cache, pictures, tmp_path, name):
    path = pack(pictures, tmp_path / name)
    want = load(pictures)
    assert load(path).fingerprint == want.fingerprint
    first = {file: file.stat().st_mtime_ns for file in cache.rglob("*.png")}
    assert load(path).fingerprint == want.fingerprint
    assert first == {file: file.stat().st_mtime_ns for file in cache.rglob("*.png")}  # unpacked once
    assert check(path).ok
    assert [entry.name for entry in cache.iterdir() if entry.name.startswith(".")] == []


def test_a_folder_that_holds_only_an_archive(cache, pictures, tmp_path, monkeypatch):
    home = tmp_path / "home" / "pets"
    home.mkdir(parents=True)
    pack(pictures, home / "pets.tar.gz")
    (home / "README.txt").write_text("where it comes from")
    assert load(home).fingerprint == load(pictures).fingerprint
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path / "home"))
    assert load("pets").fingerprint == load(pictures).fingerprint


def test_files_of_the_system_are_left_out(cache, pictures, tmp_path):
    path = pack(pictures, tmp_path / "pets.zip")
    with zipfile.ZipFile(path, "a") as out:
        out.writestr("__MACOSX/pets/cat/._00.png", b"x")
        out.writestr("pets/.DS_Store", b"x")
    assert load(path).fingerprint == load(pictures).fingerprint


def entry(name, kind=tarfile.REGTYPE, link=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, link
    return member


def tar(*members, size=0):
    def make(path):
        path = path.with_suffix(".tar")
        with tarfile.open(path, "w") as out:
            for member in members:
                member.size = size
                out.addfile(member, io.BytesIO(bytes(size)) if member.isreg() else None)
        return path

    return make


def zipped(*names, attributes=0):
    def make(path):
        with zipfile.ZipFile(path := path.with_suffix(".zip"), "w") as out:
            for name in names:
                info = zipfile.ZipInfo(name)
                info.external_attr = attributes << 16
                out.writestr(info, b"x")
        return path

    return make


def half(make):
    def cut(path):
        path = make(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        return path

    return cut


def locked(path):
    path = zipped("cat/a.png")(path)
    whole = bytearray(path.read_bytes())
    whole[6] |= 1  # "encrypted", in the local head and in the directory
    whole[whole.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(whole))
    return path


def text(name):
    def make(path):
        path = path.with_name(name)
        path.write_text("<html>404</html>")
        return path

    return make


HOSTILE = {
    "tar traversal": (tar(entry("../evil.png")), "'../evil.png' leads out of the folder"),
    "tar deep traversal": (tar(entry("cat/../../evil.png")), "leads out of the folder"),
    "tar absolute": (tar(entry("/tmp/evil.png")), "'/tmp/evil.png' leads out of the folder"),
    "tar symlink": (tar(entry("cat/a.png", tarfile.SYMTYPE, "/etc/passwd")), "cat/a.png is a link"),
    "tar hard link": (tar(entry("cat/a.png", tarfile.LNKTYPE, "/etc/passwd")), "cat/a.png is a link"),
    "tar device": (tar(entry("cat/a.png", tarfile.CHRTYPE)), "cat/a.png is a device"),
    "tar pipe": (tar(entry("cat/a.png", tarfile.FIFOTYPE)), "cat/a.png is a device"),
    "tar twice": (tar(entry("cat/a.png"), entry("cat/a.png")), "cat/a.png stands twice"),
    "tar twice in another case": (tar(entry("cat/a.png"), entry("Cat/A.png")), "Cat/A.png stands twice"),
    "tar cut": (half(tar(entry("cat/a.png"), size=5000)), "a damaged archive"),
    "no tar": (text("x.tar.gz"), "a damaged archive"),
    "no xz": (text("x.tar.xz"), "a damaged archive"),
    "zip traversal": (zipped("../evil.png"), "leads out of the folder"),
    "zip absolute": (zipped("/evil.png"), "leads out of the folder"),
    "zip drive": (zipped("C:/evil.png"), "leads out of the folder"),
    "zip backslash": (zipped("cat\\..\\evil.png"), "leads out of the folder"),
    "zip link": (zipped("cat/a.png", attributes=0o120777), "cat/a.png is a link"),
    "zip twice": (zipped("cat/a.png", "CAT/a.png"), "CAT/a.png stands twice"),
    "zip cut": (half(zipped("cat/a.png")), "a damaged archive"),
    "no zip": (text("x.zip"), "a damaged archive"),
    "zip password": (locked, "expected an archive without a password"),
    "empty tar": (tar(), "no images: expected"),
}


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
@pytest.mark.parametrize("case", HOSTILE)
def test_what_could_do_harm_is_one_line_and_leaves_nothing(cache, tmp_path, case):
    make, words = HOSTILE[case]
    path = make(tmp_path / "set")
    before = {file for file in tmp_path.rglob("*") if cache not in file.parents}
    with pytest.raises(UserError) as caught:
        load(path)
    assert len(caught.value.lines) == 1
    assert words in str(caught.value)
    assert {f for f in tmp_path.rglob("*") if cache not in f.parents} - before <= {cache, *cache.parents}
    assert not any(file.is_file() for file in cache.rglob("*"))
    assert not Path("/tmp/evil.png").exists()
    assert check(path).problems


@pytest.mark.parametrize("make", ["zip", "tar.xz"])
def test_a_bomb_is_refused_with_little_memory(cache, tmp_path, monkeypatch, make):
    monkeypatch.setattr(archive, "HARMLESS", 1 << 20)
    path, size = tmp_path / f"bomb.{make}", 48 << 20
    if make == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
            out.writestr("cat/a.png", bytes(size))
    else:
        with tarfile.open(path, "w:xz", preset=0) as out:
            member = tarfile.TarInfo("cat/a.png")
            member.size = size
            out.addfile(member, io.BytesIO(bytes(size)))
    tracemalloc.start()
    try:
        with pytest.raises(UserError, match=r"grows beyond 100 times its size at cat/a\.png"):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()
    assert not any(file.is_file() for file in cache.rglob("*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_cache_that_cannot_be_written_is_one_line(cache, pictures, tmp_path):
    (tmp_path / "cache").mkdir(mode=0o500)
    with pytest.raises(UserError, match="cannot be unpacked"):
        load(pack(pictures, tmp_path / "pets.zip"))


def test_a_cache_that_is_a_file_is_one_line(cache, pictures, tmp_path):
    (tmp_path / "cache").write_text("")
    with pytest.raises(UserError, match="cannot be unpacked"):
        load(pack(pictures, tmp_path / "pets.zip"))


@pytest.mark.slow
def test_the_flowers(shared_data, cache):
    data = load(shared_data / "flowers128" / "flowers128.tar.xz", val=0.1)
    assert data.classes == ("daisy", "dandelion", "rose", "sunflower", "tulip")
    assert (len(data.train) + len(data.val) + len(data.test), data.shape) == (4317, (3, 128, 128))
    assert len(data.test) == 864
