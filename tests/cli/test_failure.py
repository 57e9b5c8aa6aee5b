"""What is shown of an error: a line and an exit code; the traceback only when asked for."""

import errno

import click
import pytest

from chainrule.cli import main as room
from chainrule.cli.failure import explain, report
from chainrule.errors import UserError


class Stopped(Exception):
    exit_code = 143


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (UserError("a", "b"), 2, "error: a\nerror: b"),
        (click.UsageError("Missing argument 'RUN'."), 2, "error: missing argument 'RUN'; see `chainrule --help`"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (click.Abort(), 130, "interrupted"),
        (Stopped("stopped at step 3"), 143, "stopped at step 3"),
        (FileNotFoundError(errno.ENOENT, "", "a b.png"), 2, "error: a b.png: no such file or folder"),
        (PermissionError(errno.EACCES, "", "x"), 2, "error: x: permission denied"),
        (IsADirectoryError(errno.EISDIR, "", "x"), 2, "error: x: is a folder, and a file was expected"),
        (NotADirectoryError(errno.ENOTDIR, "", "x"), 2, "error: x: is a file, and a folder was expected"),
        (OSError(errno.ENAMETOOLONG, "", "x"), 2, "error: x: the name is too long"),
        (OSError(errno.ENOSPC, "", "runs/a"), 1, "error: runs/a: no space left on the disk"),
        (MemoryError(), 1, "error: not enough memory; halve batch_size"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 1, "error: not enough memory"),
        (RuntimeError("CUDA out of memory. Tried to"), 1, "error: not enough memory"),
        (RuntimeError("shape\nmismatch"), 1, "error: internal error: RuntimeError: shape mismatch; rerun with --debug"),
        (OSError("odd"), 1, "error: internal error: OSError: odd; rerun with --debug"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_an_error_is_a_line_and_a_code(error, code, says, capsys):
    assert report(error, debug=False) == code
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.startswith(says)
    assert shown.err.count("\n") == says.count("\n") + 1


def test_a_message_of_many_lines_stays_one_line():
    assert explain(UserError("a\n  b")) == (["a b"], 2)


@pytest.fixture
def broken(monkeypatch):
    def fail():
        raise ZeroDivisionError("oh")

    monkeypatch.setitem(room.COMMANDS, "broken", ("main:unused", ""))
    monkeypatch.setattr(room.Commands, "get_command", lambda *_: click.Command("broken", callback=fail))


def test_a_traceback_is_shown_only_when_asked_for(broken, capsys, monkeypatch):
    assert room.main(["broken"]) == 1
    assert capsys.readouterr().err == "error: internal error: ZeroDivisionError: oh; rerun with --debug to see where\n"
    for argv in (["--debug", "broken"], ["broken", "--debug"]):
        assert room.main(argv) == 1
        assert "Traceback" in capsys.readouterr().err
    monkeypatch.setenv("CHAINRULE_DEBUG", "1")
    assert room.main(["broken"]) == 1
    assert "Traceback" in capsys.readouterr().err
