"""A save that dies anywhere leaves the old generation or the new one. · 保存过程在任何一处死亡，均留下完好的一代。"""

import errno
import mmap
import os
import re
from pathlib import Path

import pytest
import torch

from chainrule.runs import checkpoint, durable
from chainrule.runs.checkpoint import load, save
from chainrule.runs.durable import DiskFull, WriteFailed
from chainrule.runs.folder import RunFolder

from .crash import dies

# Newer Pythons warn of a fork beside threads; the children here only touch files and leave.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
WEIGHTS = {"w": torch.arange(100.0), "b": torch.tensor(3)}


def _save(folder: Path, step: int) -> None:
    save(folder, step, {**WEIGHTS, "step": torch.tensor(step)}, {"step": step})


@pytest.mark.parametrize("power_cut", [False, True], ids=["kill", "power_cut"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_every_crash_point_recovers_to_old_or_new(tmp_path, after, power_cut):
    done = mmap.mmap(-1, 1)  # shared with the child: the last step whose save has returned

    def work(folder: Path) -> None:
        for step in (4, 5, 6):
            _save(folder, step)
            done[0] = step

    points, seen, died = 0, set(), True
    while died:
        points, done[0] = points + 1, 3
        folder = tmp_path / str(points)
        for step in (1, 2, 3):
            _save(folder, step)
        (folder / ".tmp-1-9").mkdir()  # what an earlier killed save left
        (folder / ".tmp-1-9" / "tensors.safetensors").write_bytes(b"half")
        died = dies(lambda folder=folder: work(folder), points, after, power_cut)
        skipped: list[str] = []
        found = load(folder, skipped.append)
        assert found.step in (done[0], done[0] + 1) and found.state == {"step": found.step} and skipped == []
        assert torch.equal(found.tensors["step"], torch.tensor(found.step))
        assert torch.equal(found.tensors["w"], WEIGHTS["w"])
        seen.add(found.step)
        _save(folder, 7)
        assert len(list(folder.iterdir())) == 2
    assert points > 60 and seen == {3, 4, 5, 6}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_first_save_dies_anywhere(tmp_path, after):
    points = 0
    while True:
        points += 1
        folder = tmp_path / str(points) / "checkpoints"
        folder.parent.mkdir()
        died = dies(lambda folder=folder: _save(folder, 1), points, after, True)
        found = sorted(path.name for path in folder.glob("step-*"))
        assert found in ([], ["step-000000001"])
        if found:
            assert load(folder).step == 1
        _save(folder, 1)
        assert load(folder).step == 1
        if not died:
            break
    assert points > 15


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_killed_create_leaves_no_half_run(tmp_path, after):
    points = 0
    while True:
        points += 1
        root = tmp_path / str(points)
        died = dies(lambda root=root: RunFolder.create(root, "a", 'model = "mlp"'), points, after, True)
        if (root / "a").exists():
            assert RunFolder.open("a", root).run_toml.read_text() == 'model = "mlp"'
        else:
            assert RunFolder.create(root, "a", "").path == root / "a"
        if not died:
            break
    assert points > 8


def _no_room(error: int, after: int):
    """A writer that takes `after` bytes in short writes, then fails, as a full disk or a quota does."""
    room = after
    real = os.write

    def write(fd: int, data) -> int:
        nonlocal room
        if room <= 0:
            raise OSError(error, os.strerror(error))
        taken = real(fd, bytes(data[: min(room, 97)]))
        room -= taken
        return taken

    return write


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize("room", [0, 1, 300, 600, 900])
def test_full_disk_leaves_the_old_generation_and_says_so(tmp_path, monkeypatch, error, room):
    _save(tmp_path, 1)
    monkeypatch.setattr(durable.os, "write", _no_room(error, room))
    with pytest.raises(DiskFull) as caught:
        _save(tmp_path, 2)
    monkeypatch.undo()
    line = str(caught.value)
    assert len(caught.value.lines) == 1
    assert re.search(r"step 2 was not saved .* needs 9\d\d B, [\d.]+ [kMG]?B free; what was there is intact", line)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001"]
    assert load(tmp_path).step == 1
    _save(tmp_path, 2)
    assert load(tmp_path).step == 2


def test_short_writes_are_completed(tmp_path, monkeypatch):
    monkeypatch.setattr(durable.os, "write", _no_room(errno.ENOSPC, 10**9))
    _save(tmp_path, 2)
    assert load(tmp_path).step == 2


def test_a_write_of_nothing_is_a_full_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(durable.os, "write", lambda fd, data: 0)
    with pytest.raises(DiskFull):
        _save(tmp_path, 2)


def test_a_limit_on_file_size_is_a_full_disk(tmp_path):
    """The real thing: the kernel refuses bytes beyond the limit."""
    resource = pytest.importorskip("resource")
    _save(tmp_path, 1)
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
            save(tmp_path, 2, {"w": torch.zeros(5000)}, {})
        except DiskFull as full:
            code = 7 if "ulimit -f" in str(full) and "needs 20.4 kB" in str(full) else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001"]
    assert load(tmp_path).step == 1


@pytest.mark.parametrize("call", ["open", "fsync", "mkdir", "rename"])
def test_other_failures_are_one_line_too(tmp_path, monkeypatch, call):
    _save(tmp_path, 1)

    def fail(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(WriteFailed, match=r"step 2 was not saved in .*: Input/output error") as caught:
        _save(tmp_path, 2)
    monkeypatch.undo()
    assert not isinstance(caught.value, DiskFull) and len(caught.value.lines) == 1
    assert load(tmp_path).step == 1


def test_an_interrupt_inside_a_save_leaves_nothing_behind(tmp_path, monkeypatch):
    _save(tmp_path, 1)
    monkeypatch.setattr(checkpoint, "free_name", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        _save(tmp_path, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["step-000000001"]


def test_replace_is_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "report.md"
    durable.replace(path, b"old")
    monkeypatch.setattr(durable.os, "write", _no_room(errno.ENOSPC, 2))
    with pytest.raises(DiskFull, match=r"report\.md was not saved"):
        durable.replace(path, b"new text")
    assert path.read_bytes() == b"old" and [child.name for child in tmp_path.iterdir()] == ["report.md"]
