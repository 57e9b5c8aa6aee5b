"""Native kernels: C++ beside this file, compiled once for this machine and kept in the user's cache. · 本机编译的核。

The file of a kernel is named by the hash of its text, the headers, its options and its processor, so an old one is
never taken for a new one. Where there is no compiler, `load` says why in one line and the caller runs its torch form.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

OPTIONS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-pthread")
_PATIENCE = 300  # seconds; a kernel takes 3 to 5 where nothing else runs


class Unavailable(Exception):
    """Why a kernel cannot be had here, in one line. · 无法使用该核的原因。"""


def folder() -> Path:
    """Where compiled kernels are kept: $XDG_CACHE_HOME or ~/.cache. · 编译结果的缓存目录。"""
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "chainrule" / "kernels"


def load(name: str) -> ctypes.CDLL:
    """The library of kernels/NAME.cpp, compiled if this machine has not done so yet. · 取得（必要时编译）该核。

    Raises `Unavailable` where there is no compiler, or it refuses; it is asked once a process.
    """
    found = _tried(name)
    if isinstance(found, str):
        raise Unavailable(found)
    return found


@cache
def _tried(name: str) -> ctypes.CDLL | str:
    try:
        return _made(name)
    except Unavailable as error:
        return str(error)


def _made(name: str) -> ctypes.CDLL:
    source = Path(__file__).with_name(f"{name}.cpp")
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")
    texts = [one.read_bytes() for one in [source, *sorted(source.parent.glob("*.h"))]]
    mark = hashlib.sha256(b"\0".join([*texts, " ".join(OPTIONS).encode(), _processor().encode()])).hexdigest()[:16]
    made = folder() / f"{name}-{mark}.so"
    if not made.is_file():
        if compiler is None:
            raise Unavailable("there is no C++ compiler (g++ or clang++)")
        made = _compile(compiler, source, made)
    try:
        return ctypes.CDLL(str(made))
    except OSError as error:
        raise Unavailable(f"the compiled kernel {made} does not load ({error})") from error


def _compile(compiler: str, source: Path, made: Path) -> Path:
    """Into a file beside it and renamed, so that a second process never reads half a library."""
    try:
        made.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(suffix=".so", dir=made.parent)
        os.close(descriptor)
    except OSError as error:
        raise Unavailable(f"{made.parent} cannot be written ({error.strerror})") from error
    try:
        command = [compiler, *OPTIONS, str(source), "-o", temporary]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
        if done.returncode:
            line = next((line for line in done.stderr.splitlines() if "error" in line), "no reason given")
            raise Unavailable(f"{compiler} refused the kernel {source.name}: {line.strip()}")
        Path(temporary).replace(made)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{compiler} could not be run ({error})") from error
    finally:
        Path(temporary).unlink(missing_ok=True)
    return made


def _processor() -> str:
    """-march=native makes code for this very processor: a home folder may be shared with another."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        kept = [line for line in lines if line.startswith(("flags", "Features", "model name"))][:2]
    except OSError:
        kept = []
    return "\n".join([platform.machine(), platform.processor(), *kept])
