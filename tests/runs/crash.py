"""A process that dies at its k-th call to the file system, with or without a power cut. · 在第 k 次文件操作处死亡。"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

CALLS = ("open", "write", "fsync", "close", "mkdir", "rename", "unlink", "rmdir")


class Disk:
    """Counts the calls of this process, and at number k dies: before the call, or after it.

    With `power_cut` all that was not flushed is lost too: bytes since the last fsync of a file are cut in half, a
    name whose folder was not flushed since it was made is gone.
    """

    def __init__(self, k: int, after: bool, power_cut: bool):
        self.k, self.after, self.power_cut = k, after, power_cut
        self.count = 0
        self.paths: dict[int, str] = {}
        self.dirty: set[str] = set()
        self.unnamed: set[str] = set()
        self.real = {name: getattr(os, name) for name in CALLS}

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self._shim(name))

    def _shim(self, name: str) -> Callable:
        def call(*args, **kwargs):
            self.count += 1
            if self.count == self.k and not self.after:
                self.die()
            result = self.real[name](*args, **kwargs)
            self._note(name, args, result)
            if self.count == self.k and self.after:
                self.die()
            return result

        return call

    def _note(self, name: str, args: tuple, result) -> None:
        if name == "open" and isinstance(args[0], str | Path):
            self.paths[result] = str(args[0])
            if args[1] & os.O_CREAT:
                self.unnamed.add(str(args[0]))
        elif name == "write":
            self.dirty.add(self.paths.get(args[0], ""))
        elif name == "fsync":
            path = self.paths.get(args[0], "")
            self.dirty.discard(path)
            self.unnamed = {child for child in self.unnamed if str(Path(child).parent) != path}
        elif name == "mkdir":
            self.unnamed.add(str(args[0]))
        elif name == "rename":
            old, new = str(args[0]), str(args[1])
            self.unnamed = {new + p[len(old) :] if p.startswith(old) else p for p in self.unnamed} | {new}
            self.dirty = {new + p[len(old) :] if p.startswith(old) else p for p in self.dirty}

    def die(self) -> None:
        for name in CALLS:
            setattr(os, name, self.real[name])
        if self.power_cut:
            for path in filter(os.path.isfile, self.dirty):
                os.truncate(path, Path(path).stat().st_size // 2)
            for path in self.unnamed:
                if Path(path).is_dir():
                    shutil.rmtree(path)
                else:
                    Path(path).unlink(missing_ok=True)
        os._exit(9)


def dies(work: Callable[[], object], k: int, after: bool, power_cut: bool) -> bool:
    """Run `work` in a forked child that dies at its k-th call; False when it finished before that.

    Any error in the child counts as an error here.
    """
    pid = os.fork()
    if pid == 0:
        try:
            Disk(k, after, power_cut).install()
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert code in (0, 9), f"the child failed with {code}"
    return code == 9
