"""The known sets: found where they lie, told where to put, fetched only when asked and only if right."""

import gzip
import hashlib
import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError, URLError

import numpy as np
import pytest

from chainrule.data import download, load, sources
from chainrule.data.check import check
from chainrule.data.download import fetch, matches, open_url
from chainrule.data.sources import SOURCES, File, get, locate, places
from chainrule.errors import UserError


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine without any data."""
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def tiny(home, monkeypatch, idx):
    """A known set "mnist" of 20 + 10 images that is published under https://one/ and https://two/."""
    published = {}
    for name, n in (("train", 20), ("t10k", 10)):
        labels = (np.arange(n) % 10).astype(np.uint8)
        published[f"{name}-images-idx3-ubyte.gz"] = idx(np.full((n, 28, 28), 7, np.uint8))
        published[f"{name}-labels-idx1-ubyte.gz"] = idx(labels)
    files = []
    for name, content in published.items():
        zipped = gzip.compress(content, mtime=0)
        published[name] = zipped
        sums = (hashlib.sha256(data).hexdigest() for data in (zipped, content))
        files.append(File(name, len(zipped), *sums))
    source = replace(SOURCES["mnist"], urls=("https://one/", "https://two/"), files=tuple(files), counts=(20, 10))
    monkeypatch.setitem(SOURCES, "mnist", source)
    return published


def test_nothing_heavy_is_imported():
    code = (
        "import sys, chainrule.data, chainrule.data.sources, chainrule.data.download, chainrule.data.check;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = (
        "import sys, chainrule.data, chainrule.data.sources; sys.exit('numpy' in sys.modules or 'PIL' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_gives_its_names_when_asked():
    import chainrule.data as room

    assert all(getattr(room, name) for name in room.__all__)
    assert set(room.__all__) <= set(dir(room))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        room.nothing  # noqa: B018


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_every_known_set_is_fully_described(source):
    assert all((source.en, source.zh, source.licence, source.citation, source.homepage, source.classes, source.files))
    assert all(url.startswith("https://") and url.endswith("/") for url in source.urls)
    assert all(re.fullmatch("[0-9a-f]{64}", file.sha256) and file.size > 0 for file in source.files)
    assert len({file.sha256 for file in source.files}) == len(source.files)


def test_the_bundled_file_is_the_published_one():
    (file,) = get("digits").files
    path = locate("digits") / file.name
    assert matches(path, file)
    assert path.stat().st_size == file.size
    assert check("digits").ok
    assert "CC BY 4.0" in (locate("digits") / "DIGITS-LICENSE.txt").read_text()


def test_the_places_in_their_order(monkeypatch, tmp_path):
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert places("mnist") == [tmp_path / "mnist", Path("/cache/chainrule/mnist")]
    monkeypatch.delenv("CHAINRULE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert places("mnist") == [Path.home() / ".cache" / "chainrule" / "mnist"]


def test_an_absent_set_says_what_to_put_where(home):
    with pytest.raises(UserError) as caught:
        load("fashion-mnist")
    (line,) = caught.value.lines
    for words in ("train-images-idx3-ubyte.gz", str(home / "data" / "fashion-mnist"), "https://raw.", "data fetch"):
        assert words in line
    assert check("fashion-mnist").problems == [line]


def test_a_half_present_set_names_what_is_missing(home, tiny):
    folder = home / "cache" / "chainrule" / "mnist"
    folder.mkdir(parents=True)
    for name in list(tiny)[1:]:
        (folder / name).write_bytes(tiny[name])
    with pytest.raises(UserError) as caught:
        locate("mnist")
    assert f"put train-images-idx3-ubyte.gz into {folder}" in str(caught.value)
    assert "labels" not in str(caught.value)


def test_an_unknown_set_has_a_nearest_one():
    with pytest.raises(UserError, match="did you mean fashion-mnist"):
        fetch("fashion-mnits")


def test_fetch_then_load(home, tiny):
    asked, told = [], []

    def opener(url):
        asked.append(url)
        return io.BytesIO(tiny[url.rpartition("/")[2]])

    folder = fetch("mnist", opener=opener, report=told.append)
    assert folder == home / "data" / "mnist"
    assert asked == [f"https://one/{name}" for name in tiny]
    assert sorted(path.name for path in folder.iterdir()) == sorted(tiny)
    assert all("sha256 right" in line for line in told)
    assert len(load("mnist", val=0).train) == 20
    assert check("mnist").summary == "mnist: 4 files, sha256 right"
    fetch("mnist", opener=opener)
    assert len(asked) == 4  # what is there and right is not fetched again
    (folder / next(iter(tiny))).write_bytes(b"damaged")
    assert not check("mnist").ok
    fetch("mnist", opener=opener)
    assert len(asked) == 5
    assert check("mnist").ok


def test_fetch_of_the_bundled_set_fetches_nothing():
    told = []
    assert fetch("digits", opener=lambda url: pytest.fail(url), report=told.append) == locate("digits")
    assert told == ["digits ships with the package: nothing to fetch"]


def test_the_second_address_is_tried(home, tiny):
    def opener(url):
        if "one" in url:
            raise HTTPError(url, 404, "Not Found", None, None)
        return io.BytesIO(tiny[url.rpartition("/")[2]])

    assert fetch("mnist", opener=opener) == home / "data" / "mnist"
    assert check("mnist").ok


class Broken(io.BytesIO):
    """A connection that breaks in the middle."""

    def read(self, size=-1):
        if self.tell():
            raise ConnectionResetError("Connection reset by peer")
        return super().read(5)


def failing(error):
    def opener(url):
        raise error

    return opener


FAULTS = {
    "no network": (lambda data: failing(URLError("Name or service not known")), "Name or service not known"),
    "timeout": (lambda data: failing(TimeoutError("timed out")), "timed out"),
    "not found": (lambda data: failing(HTTPError("https://one/x", 404, "Not Found", None, None)), "HTTP 404 Not Found"),
    "an error page": (lambda data: lambda url: io.BytesIO(b"<html>"), "6 bytes, expected"),
    "too much": (lambda data: lambda url: io.BytesIO(data + b"x"), "more than the expected"),
    "cut": (lambda data: lambda url: io.BytesIO(data[:-1]), "bytes, expected"),
    "a flipped bit": (lambda data: lambda url: io.BytesIO(data[:-1] + bytes([data[-1] ^ 1])), "sha256"),
    "broken": (lambda data: lambda url: Broken(data), "Connection reset by peer"),
    "nothing": (lambda data: lambda url: io.BytesIO(b""), "0 bytes, expected"),
}


@pytest.mark.parametrize("case", FAULTS)
def test_a_fetch_that_fails_is_one_line_and_leaves_nothing(home, tiny, case):
    make, words = FAULTS[case]
    first = next(iter(tiny))
    with pytest.raises(UserError) as caught:
        fetch("mnist", opener=make(tiny[first]))
    (line,) = caught.value.lines
    assert line.startswith(f"{first} could not be fetched (https://one/: ")
    assert words in line
    assert "https://two/: " in line
    assert list((home / "data" / "mnist").iterdir()) == []


def test_a_disk_that_does_not_take_it_is_one_line(home, tiny, monkeypatch):
    (home / "data").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="cannot be written"):
        fetch("mnist", opener=lambda url: io.BytesIO(tiny[url.rpartition("/")[2]]))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.os, "fsync", full)
    with pytest.raises(UserError, match="No space left on device"):
        fetch("mnist", home / "elsewhere", opener=lambda url: io.BytesIO(tiny[url.rpartition("/")[2]]))
    assert list((home / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("url", ["http://one/x", "file:///etc/passwd", "ftp://one/x"])
def test_only_https_is_opened(url):
    with pytest.raises(OSError, match="expected https"):
        open_url(url)


def test_a_redirect_must_stay_https():
    handler = download._HttpsOnly()
    request = download.Request("https://one/x")
    with pytest.raises(OSError, match="expected https"):
        handler.redirect_request(request, None, 302, "Found", {}, "http://one/x")
    onward = handler.redirect_request(request, None, 302, "Found", {}, "https://two/x")
    assert onward.full_url == "https://two/x"


def test_a_file_compressed_anew_is_still_right(tmp_path, tiny):
    file = sources.get("mnist").files[0]
    content = gzip.decompress(tiny[file.name])
    path = tmp_path / file.name
    for data, right in (
        (gzip.compress(content, 1, mtime=9), True),
        (content, True),
        (content[:-1], False),
        (b"", False),
    ):
        path.write_bytes(data)
        assert matches(path, file) is right
    path.write_bytes(tiny[file.name][:-4])
    assert matches(path, file) is False


def test_what_is_not_on_record_is_said(tmp_path, tiny):
    file = replace(sources.get("mnist").files[0], content=None)
    path = tmp_path / file.name
    path.write_bytes(gzip.decompress(tiny[file.name]))
    assert matches(path, file) is None
    path.write_bytes(tiny[file.name][:-1] + b"\1")
    assert matches(path, file) is False


def test_a_known_set_of_wrong_counts_is_one_line(home, tiny, idx):
    folder = home / "data" / "mnist"
    fetch("mnist", opener=lambda url: io.BytesIO(tiny[url.rpartition("/")[2]]))
    (folder / "train-images-idx3-ubyte.gz").write_bytes(idx(np.zeros((20, 27, 28), np.uint8)))
    with pytest.raises(UserError, match="20 images of 27×28: expected 20 of 28×28"):
        load("mnist")
    (folder / "train-images-idx3-ubyte.gz").write_bytes(idx(np.zeros((20, 28, 28), np.uint8)))
    (folder / "train-labels-idx1-ubyte.gz").write_bytes(idx(np.full(20, 10, np.uint8)))
    with pytest.raises(UserError, match=r"label 10 at row 0 \(and 19 more\): expected 0…9"):
        load("mnist")
