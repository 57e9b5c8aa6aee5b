"""Fetching a known data set, only when asked: https, sha256, then rename. · 仅在要求时下载数据集并校验。"""

import gzip
import hashlib
import http.client
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from ..errors import UserError
from .names import show
from .sources import File, get, held, places

_CHUNK = 1 << 20
_TIMEOUT = 30


class _HttpsOnly(HTTPRedirectHandler):
    """A redirect must not lead away from https."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if not newurl.startswith("https://"):
            raise OSError(f"redirected to {newurl}: expected https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def open_url(url: str) -> IO[bytes]:
    """An open https stream; OSError if the address or a redirect of it is not https. · 打开 https 数据流。"""
    if not url.startswith("https://"):
        raise OSError(f"{url}: expected https")
    return build_opener(_HttpsOnly).open(Request(url, headers={"User-Agent": "chainrule"}), timeout=_TIMEOUT)


def fetch(
    name: str,
    folder: Path | None = None,
    opener: Callable[[str], IO[bytes]] = open_url,
    report: Callable[[str], None] = lambda line: None,
) -> Path:
    """Fetch what is missing of a known set; give its folder. · 下载已知数据集缺失的文件，返回其文件夹。

    folder: where to (default: the first of `sources.places`). report: gets one line a file.
    A file goes to NAME.part, is compared with its sha256 and only then gets its name; what is there and right stays.
    Raises `UserError` if no address gives the right bytes or the disk does not take them.
    """
    source = get(name)
    if source.bundled:
        report(f"{name} ships with the package: nothing to fetch")
        return Path(__file__).parent
    folder = folder or places(name)[0]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file in source.files:
            present = held(file, folder)
            if present and matches(present, file):
                report(f"{file.name}: present, sha256 right")
            else:
                url = _fetch_file(file, source.urls, folder, opener)
                report(f"{file.name}: {file.size} bytes from {url}, sha256 right")
    except OSError as error:
        raise UserError(f"{show(folder)}: cannot be written ({error.strerror or error})") from error
    return folder


def matches(path: Path, file: File) -> bool | None:
    """Whether a file has the published bytes, or the same inside; None where that is not known. · 是否与发布的一致。

    None: it is not the published .gz, and what the .gz should hold is not on record.
    Raises OSError if the file cannot be read.
    """
    if _digest(path, plain=True) == file.sha256:
        return True
    if file.content is None:
        # A right size with a wrong sum is damage; another size may be the same data compressed anew or not at all.
        return False if path.stat().st_size == file.size else None
    try:
        return _digest(path, plain=False) == file.content
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return False


def _digest(path: Path, plain: bool) -> str:
    """The sha256 of a file, or of what is inside if it is gzip'd."""
    digest = hashlib.sha256()
    with path.open("rb") as raw:
        zipped = not plain and raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        stream = gzip.GzipFile(fileobj=raw) if zipped else raw
        while block := stream.read(_CHUNK):
            digest.update(block)
    return digest.hexdigest()


def _fetch_file(file: File, urls: tuple[str, ...], folder: Path, opener: Callable[[str], IO[bytes]]) -> str:
    """Get one file from the first address that has the right one; give that address."""
    part = folder / f"{file.name}.part"
    faults = []
    try:
        for url in urls:
            fault = _receive(url + file.name, part, file, opener)
            if fault is None:
                part.replace(folder / file.name)
                return url
            faults.append(f"{url}: {fault}")
    finally:
        part.unlink(missing_ok=True)
    raise UserError(
        f"{file.name} could not be fetched ({'; '.join(faults)}): get it by hand and put it into {show(folder)}"
    )


def _receive(url: str, part: Path, file: File, opener: Callable[[str], IO[bytes]]) -> str | None:
    """Write an address to a file; what is wrong with what came, or None. Faults of the disk are raised."""
    digest, size = hashlib.sha256(), 0
    with part.open("wb") as out:
        try:
            stream = opener(url)
        except (OSError, http.client.HTTPException) as error:
            return _reason(error)
        with stream:
            while True:
                try:
                    block = stream.read(_CHUNK)
                except (OSError, http.client.HTTPException) as error:
                    return _reason(error)
                if not block:
                    break
                size += len(block)
                if size > file.size:
                    return f"more than the expected {file.size} bytes"
                digest.update(block)
                out.write(block)
        out.flush()
        os.fsync(out.fileno())
    if size < file.size:
        return f"{size} bytes, expected {file.size}"
    return None if digest.hexdigest() == file.sha256 else f"sha256 {digest.hexdigest()[:12]}…, not {file.sha256[:12]}…"


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"HTTP {error.code} {error.reason}"
    reason = getattr(error, "reason", None) or error
    return str(reason) or type(error).__name__
