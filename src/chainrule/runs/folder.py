"""A run on disk: made, found, locked, listed. · 磁盘上的一次运行：创建、查找、加锁、列出。"""

import fcntl
import os
import re
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import uuid4

from ..errors import UserError, did_you_mean
from .durable import failure, sync_folder, write_new

_PATIENCE = 0.3  # seconds: `list_runs` holds a lock for an instant when it looks
_held: set[int] = set()


@dataclass(frozen=True)
class RunFolder:
    """The files of one run. · 一次运行的文件。

    run.toml (everything that defines it), log.jsonl, checkpoints/ (generations), checkpoints/best/, report/.

    >>> import tempfile
    >>> run = RunFolder.create(Path(tempfile.mkdtemp()), "first", 'model = "mlp"')
    >>> run.name, run.run_toml.read_text()
    ('first', 'model = "mlp"')
    """

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def run_toml(self) -> Path:
        return self.path / "run.toml"

    @property
    def log(self) -> Path:
        return self.path / "log.jsonl"

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        return self.checkpoints / "best"

    @property
    def report(self) -> Path:
        return self.path / "report"

    @classmethod
    def create(cls, root: Path, name: str | None, settings: str, model: str = "run", data: str = "") -> "RunFolder":
        """Make a run; without a name it is called model-data-date, numbered when taken. · 新建运行。

        settings  the text of run.toml
        model, data  only for the name

        Raises `UserError` for a name that is taken or no file name, `WriteFailed` when the disk refuses.
        """
        root = Path(root)
        if name is not None:
            run = _make(root, check_name(name), settings)
            if run is None:
                raise UserError(f"run {name!r} exists already in {root}: take another name or resume it")
            return run
        stem = "-".join(filter(None, (_slug(model), _slug(data), time.strftime("%Y%m%d"))))
        made = (_make(root, stem if number == 1 else f"{stem}-{number}", settings) for number in count(1))
        return next(run for run in made if run is not None)

    @classmethod
    def open(cls, path_or_name: str | os.PathLike[str], root: str | Path = "runs") -> "RunFolder":
        """The run at a path, or of a name in `root`. · 按路径或名称打开运行。

        Raises `UserError` (one line) for what is no run.
        """
        given = Path(path_or_name)
        if given.name == "run.toml" and _is(Path.is_file, given):
            return cls(given.parent)
        for path in (given, Path(root) / given):
            if _is(Path.is_file, path / "run.toml"):
                return cls(path)
        for path in (given, Path(root) / given):
            if _is(Path.exists, path):
                raise UserError(f"{path} is not a run: {_why_not(path)}")
        near = did_you_mean(str(given), _names(Path(root)))
        raise UserError(f"no run {str(given)!r}: expected the path of a run folder or the name of one in {root}{near}")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; a kill releases it. · 独占运行，进程被杀即释放。

        Raises `UserError` naming the process and host that hold it.
        """
        fd = self._open_lock()
        _held.add(fd)
        try:
            self._take(fd)
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()} {socket.gethostname()}".encode(), 0)
            yield
        finally:
            if fd in _held:  # not so in a forked child, which has closed it already
                _held.discard(fd)
                os.close(fd)

    def _open_lock(self) -> int:
        try:
            return os.open(self.path / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise UserError(f"cannot lock run {self.name!r} in {self.path}: {error.strerror}") from error

    def _take(self, fd: int) -> None:
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                return fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    pid, _, host = os.pread(fd, 300, 0).decode(errors="replace").partition(" ")
                    holder = f"process {pid} on {host}" if host else "another process"
                    raise UserError(f"run {self.name!r} is in use by {holder}: wait for it or stop it") from None
            except OSError as error:
                raise UserError(f"cannot lock run {self.name!r} in {self.path}: {error.strerror}") from error
            time.sleep(0.02)

    def in_use(self) -> bool:
        """Whether some process holds the run now. · 是否正被占用。"""
        try:
            fd = os.open(self.path / ".lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        finally:
            os.close(fd)
        return False


def _drop_locks_in_child() -> None:
    """A forked worker shares the lock: were it to outlive its parent, the run would stay locked."""
    for fd in _held:
        os.close(fd)
    _held.clear()


os.register_at_fork(after_in_child=_drop_locks_in_child)


def check_name(name: str) -> str:
    """A name that is a plain folder name everywhere, or one line why not. · 检查名称。

    >>> check_name("résumé 1")
    'résumé 1'
    """
    try:
        size = len(os.fsencode(name))
    except UnicodeEncodeError:
        raise UserError(f"name={name!r}: expected text that can be written as UTF-8") from None
    wrong = {
        "it is empty": not name.strip(),
        "it has spaces at its ends": name != name.strip(),
        "it contains a slash": "/" in name or "\\" in name,
        "it contains a control character": not name.isprintable(),
        "it begins with a dot or a dash": name.startswith((".", "-")),
        f"it has {size} bytes, more than 255": size > 255,
    }
    for reason, applies in wrong.items():
        if applies:
            raise UserError(f"name={name[:60]!r}: expected the name of one folder, but {reason}")
    return name


def _slug(text: str) -> str:
    """The last part of a path or of module:Class, in plain letters."""
    last = re.split(r"[/\\:]", text.rstrip("/\\"))[-1]
    return re.sub(r"[^A-Za-z0-9_.]+", "-", last).strip("-.")[:60]


def _make(root: Path, name: str, settings: str) -> RunFolder | None:
    """The folder appears with its run.toml inside or not at all; None when the name is taken."""
    new = root / f".new-{uuid4().hex}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        for folder in (new, new / "checkpoints", new / "report"):
            folder.mkdir()
        write_new(new / "run.toml", settings.encode("utf-8", "surrogateescape"))
        sync_folder(new)
        if os.path.lexists(root / name):
            return None
        new.rename(root / name)
        sync_folder(root)
    except OSError as error:
        if os.path.lexists(root / name):  # another process was faster
            return None
        raise failure(error, f"run {name!r}", root, len(settings)) from error
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return RunFolder(root / name)


def _is(question: Callable[[Path], bool], path: Path) -> bool:
    """pathlib answers some impossible paths with an exception."""
    try:
        return question(path)
    except (OSError, ValueError):
        return False


def _names(root: Path) -> list[str]:
    try:
        return [path.name for path in root.iterdir() if not path.name.startswith(".")]
    except OSError:
        return []


def _why_not(path: Path) -> str:
    if not path.is_dir():
        return "it is a file; expected the folder that holds run.toml"
    names = sorted(_names(path))
    if not names:
        return "the folder is empty; expected one with a run.toml"
    return f"it has no run.toml (it holds {', '.join(names[:3])}{', …' if len(names) > 3 else ''})"
