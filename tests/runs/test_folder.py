"""Runs are made, found, locked and listed, and say in one line why not. · 运行目录的创建、查找、加锁与列出。"""

import fcntl
import os
import signal
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from chainrule.errors import UserError
from chainrule.runs.durable import WriteFailed
from chainrule.runs.folder import RunFolder
from chainrule.runs.listing import list_runs
from chainrule.runs.log import RunLog
from chainrule.runs.manifest import seal

pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
TOML = 'schema = 1\nmodel = "lenet5"\ndata = "digits"\n'


def one_line(caught) -> str:
    assert len(caught.value.lines) == 1
    return str(caught.value)


def test_create_makes_everything(tmp_path):
    run = RunFolder.create(tmp_path / "deep" / "runs", "a", TOML)
    assert run.run_toml.read_text() == TOML and run.checkpoints.is_dir() and run.report.is_dir()
    assert run.log.parent == run.path and run.best.parent == run.checkpoints and run.name == "a"
    assert [path.name for path in run.path.parent.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("model", "data", "stem"),
    [
        ("lenet5", "digits", "lenet5-digits"),
        ("my.module:Net", "/home/x/My Photos/", "Net-My-Photos"),
        ("模型", "数据", ""),
        ("run", "", "run"),
        ("a" * 300, "..", "a" * 60),
    ],
)
def test_a_name_is_made_and_numbered(tmp_path, model, data, stem):
    first, second, third = (RunFolder.create(tmp_path, None, TOML, model, data).name for _ in range(3))
    date = time.strftime("%Y%m%d")
    assert first.startswith(f"{stem}-{date[:6]}" if stem else date[:6])
    assert [second, third] == [f"{first}-2", f"{first}-3"]


@pytest.mark.parametrize(
    "name", ["a", "a b", "résumé", "运行一", "a.b", "a=b", "😀", "x" * 255, "é" * 127, "[red]", "$x$"]
)
def test_odd_names_work(tmp_path, name):
    run = RunFolder.create(tmp_path, name, TOML)
    assert RunFolder.open(name, tmp_path) == run and [s.name for s in list_runs(tmp_path)] == [name]
    with run.lock():
        assert list_runs(tmp_path)[0].state == "running"


BAD = {
    "": "empty", "  ": "empty", " a": "spaces", "a ": "spaces", ".": "dot", "..": "dot", ".a": "dot", "-a": "dash",
    "a/b": "slash", "/a": "slash", "../a": "slash", "a\\b": "slash", "a\0b": "control", "a\nb": "control",
    "a\x1b[31m": "control", "x" * 256: "256 bytes", "é" * 128: "256 bytes", "\ud800": "UTF-8",
}  # fmt: skip


@pytest.mark.parametrize("name", BAD, ids=repr)
def test_bad_names_are_refused(tmp_path, name):
    with pytest.raises(UserError) as caught:
        RunFolder.create(tmp_path / "runs", name, TOML)
    assert BAD[name] in one_line(caught) and not (tmp_path / "runs").exists()


def test_a_taken_name(tmp_path):
    RunFolder.create(tmp_path, "a", TOML)
    with pytest.raises(UserError, match=r"run 'a' exists already in .*: take another name or resume it"):
        RunFolder.create(tmp_path, "a", "other")
    assert RunFolder.open("a", tmp_path).run_toml.read_text() == TOML
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match="exists already"):
        RunFolder.create(tmp_path, "link", TOML)


def test_a_faster_process_wins_the_name(tmp_path, monkeypatch):
    real = Path.rename

    def slow(self, target):
        if not Path(target).exists():
            other = Path(target)
            other.mkdir()
            (other / "run.toml").write_text("faster")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", slow)
    with pytest.raises(UserError, match="exists already"):
        RunFolder.create(tmp_path, "a", TOML)
    assert (tmp_path / "a" / "run.toml").read_text() == "faster"


def test_a_root_that_is_a_file(tmp_path):
    (tmp_path / "runs").write_text("")
    with pytest.raises(WriteFailed) as caught:
        RunFolder.create(tmp_path / "runs", "a", TOML)
    assert "run 'a' was not saved in" in one_line(caught)
    with pytest.raises(UserError, match="cannot list the runs"):
        list_runs(tmp_path / "runs")


def test_open_by_path_by_name_by_toml(tmp_path, monkeypatch):
    run = RunFolder.create(tmp_path / "runs", "a", TOML)
    monkeypatch.chdir(tmp_path)
    for given in (run.path, str(run.path), "a", "runs/a", run.run_toml, Path("a")):
        assert RunFolder.open(given).path.resolve() == run.path


def test_open_what_is_no_run(tmp_path):
    RunFolder.create(tmp_path, "first", TOML)
    (tmp_path / "empty").mkdir()
    (tmp_path / "foreign").mkdir()
    for name in "abcd":
        (tmp_path / "foreign" / name).write_text("")
    (tmp_path / "file").write_text("")
    wrong = {
        "frist": "no run 'frist': expected the path of a run folder or the name of one in .*; did you mean first?",
        "nowhere/at/all": "no run 'nowhere/at/all'",
        "a\0b": "no run",
        "x" * 300: "no run",
        "empty": "empty is not a run: the folder is empty",
        "foreign": r"foreign is not a run: it has no run.toml \(it holds a, b, c, …\)",
        "file": "file is not a run: it is a file; expected the folder that holds run.toml",
    }
    for given, message in wrong.items():
        with pytest.raises(UserError, match=message) as caught:
            RunFolder.open(given, tmp_path)
        one_line(caught)


def _hold(path: Path, ready) -> None:
    with RunFolder(path).lock():
        if os.fork() == 0:  # as a data loader's worker, which may outlive its parent
            ready.send(os.getpid())
            time.sleep(60)
        ready.send(os.getpid())
        time.sleep(60)


def test_a_lock_names_its_holder_and_a_kill_releases_it(tmp_path):
    run = RunFolder.create(tmp_path, "a", TOML)
    context = get_context("fork")
    ours, theirs = context.Pipe()
    holder = context.Process(target=_hold, args=(run.path, theirs))
    holder.start()
    (worker,) = {ours.recv(), ours.recv()} - {holder.pid}
    try:
        assert run.in_use() and list_runs(tmp_path)[0].state == "running"
        begun = time.monotonic()
        with pytest.raises(UserError, match=rf"run 'a' is in use by process {holder.pid} on {os.uname().nodename}: "):
            run.lock().__enter__()
        assert time.monotonic() - begun < 2
        holder.kill()  # SIGKILL
        holder.join()
        with run.lock():
            assert run.in_use()
        assert not run.in_use()
    finally:
        os.kill(worker, signal.SIGKILL)
        holder.kill()


def test_the_lock_is_released_at_the_end_and_by_an_error(tmp_path):
    run = RunFolder.create(tmp_path, "a", TOML)
    for _ in range(3):
        with pytest.raises(KeyError), run.lock():
            raise KeyError
    with run.lock(), pytest.raises(UserError, match=f"process {os.getpid()} "):
        run.lock().__enter__()
    assert not run.in_use()


def test_looking_at_a_run_does_not_make_its_lock_fail(tmp_path):
    """`list_runs` holds a shared lock for an instant: the lock waits for it."""
    run = RunFolder.create(tmp_path, "a", TOML)
    with run.lock():
        pass
    fd = os.open(run.path / ".lock", os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH)
    pid = os.fork()
    if pid == 0:
        time.sleep(0.1)
        os._exit(0)  # the child's copy goes here, ours below
    os.close(fd)
    with run.lock():
        os.waitpid(pid, 0)


def test_a_lock_that_cannot_be_made(tmp_path):
    with pytest.raises(UserError, match=r"cannot lock run 'gone' in .*: No such file or directory"):
        RunFolder(tmp_path / "gone").lock().__enter__()


def _log(run: RunFolder, *events: dict) -> None:
    with RunLog(run.log) as log:
        for event in events:
            log.write(**event)


def _epoch(step: int, epoch: int, **figures) -> dict:
    return {"event": "epoch", "step": step, "epoch": epoch, **figures}


def test_list_tells_what_each_run_is(tmp_path):
    new, done, stopped, killed, broken, resumed = (
        RunFolder.create(tmp_path, name, TOML) for name in ("new", "done", "stopped", "killed", "broken", "resumed")
    )
    start = {"event": "start", "step": 0, "metric": "val_accuracy"}
    curve = [_epoch(10, 1, val_accuracy=0.5), _epoch(20, 2, val_accuracy=0.9), _epoch(30, 3, val_accuracy=float("nan"))]
    _log(done, start, *curve, {"event": "finish", "step": 30})
    _log(stopped, start, *curve[:2], {"event": "step", "step": 25}, {"event": "stop", "step": 25, "reason": "SIGTERM"})
    _log(killed, start, *curve[:1], {"event": "step", "step": 11}, {"event": "step", "step": 12})
    _log(resumed, start, *curve, {"event": "finish", "step": 30}, {"event": "resume", "step": 10})
    broken.run_toml.write_text("model = ")
    (tmp_path / "notes").mkdir()
    (tmp_path / "file").write_text("")
    damaged_log = RunFolder.create(tmp_path, "damaged_log", TOML)
    damaged_log.log.write_bytes(b"\0" * 99)
    (tmp_path / "no_toml" / "checkpoints").mkdir(parents=True)
    found = {s.name: s for s in list_runs(tmp_path)}
    assert {name: s.state for name, s in found.items()} == {
        "new": "new", "done": "finished", "stopped": "stopped", "killed": "stopped", "broken": "damaged",
        "resumed": "stopped", "damaged_log": "damaged", "no_toml": "damaged",
    }  # fmt: skip
    assert {(s.model, s.data) for s in found.values()} == {("lenet5", "digits"), ("", "")}
    assert {n: (s.step, s.epoch, s.best) for n, s in found.items() if s.metric} == {
        "done": (30, 3, 0.9), "stopped": (25, 2, 0.9), "killed": (12, 1, 0.5), "resumed": (10, 1, 0.5),
    }  # fmt: skip
    assert list_runs(tmp_path / "nowhere") == []
    assert new.in_use() is False


def test_the_newest_run_comes_first(tmp_path):
    for number, name in enumerate("cab"):
        run = RunFolder.create(tmp_path, name, TOML)
        run.log.write_text(f'{{"event": "start", "time": {1e9 + number}}}\n')
    assert [s.name for s in list_runs(tmp_path)] == ["b", "a", "c"]


def test_the_step_of_a_list_is_the_newest_generation_or_event(tmp_path):
    run = RunFolder.create(tmp_path, "a", TOML)
    generation = run.checkpoints / "step-000000042"
    generation.mkdir()
    (generation / "manifest.json").write_bytes(seal(42, {}))
    assert list_runs(tmp_path)[0].step == 42


@pytest.mark.parametrize(
    ("start", "epochs", "expected"),
    [
        ({}, [{"val_loss": 2.0}, {"val_loss": 1.0}, {"val_loss": 3.0}], ("val_loss", 1.0)),
        ({"metric": "val_f1"}, [{"val_f1": 0.2}, {"val_f1": "broken"}], ("val_f1", 0.2)),
        ({"metric": "x", "mode": "min"}, [{"x": 3}, {"x": 2}], ("x", 2.0)),
        ({"metric": "val_accuracy"}, [{"train_loss": 1.0}], ("val_accuracy", None)),
        ({}, [], ("", None)),
    ],
)
def test_the_best_figure(tmp_path, start, epochs, expected):
    run = RunFolder.create(tmp_path, "a", TOML)
    _log(run, {"event": "start", **start}, *(_epoch(i, i, **figures) for i, figures in enumerate(epochs)))
    summary = list_runs(tmp_path)[0]
    assert (summary.metric, summary.best) == expected
