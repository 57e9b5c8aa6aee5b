"""Errors as the command line shows them: one line each, no traceback. · 命令行的错误：每个一行，无回溯。"""

import errno
import sys
import traceback

import click

from ..errors import UserError

MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
PATHS = {
    errno.ENOENT: "no such file or folder",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EISDIR: "is a folder, and a file was expected",
    errno.ENOTDIR: "is a file, and a folder was expected",
    errno.EEXIST: "is already there",
    errno.ENOTEMPTY: "is not empty",
    errno.ENAMETOOLONG: "the name is too long",
    errno.EROFS: "the file system is read-only",
    errno.ELOOP: "the links go round in a circle",
}


def explain(error: BaseException) -> tuple[list[str], int] | None:
    """The lines and the exit code of an error that has an explanation. · 可解释的错误。

    2: the caller's mistake · 1: the machine's limits · 128 + signal: stopped · None: a fault of chainrule's own.

    >>> explain(UserError("epochs=0: expected an integer of at least 1"))
    (['epochs=0: expected an integer of at least 1'], 2)
    >>> explain(PermissionError(13, "", "runs"))
    (['runs: permission denied'], 2)
    """
    if isinstance(error, UserError):
        return error.lines, error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return ["interrupted"], 130
    if isinstance(code := getattr(error, "exit_code", None), int) and code > 128:
        return [str(error)], code  # a run that was asked to stop and has saved
    if isinstance(error, click.ClickException):
        return [_usage(error)], 2
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _mentions(error, MEMORY)):
        return ["not enough memory; halve batch_size and double accumulate, the result stays the same"], 1
    if isinstance(error, OSError):
        return _system(error)
    return None


def _mentions(error: BaseException, phrases: tuple[str, ...]) -> bool:
    return any(phrase in str(error).lower() for phrase in phrases)


def _usage(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split()).rstrip(".")
    message = message[:1].lower() + message[1:]
    where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "chainrule"
    return f"{message}; see `{where} --help`"


def _system(error: OSError) -> tuple[list[str], int] | None:
    path = f"{error.filename}: " if error.filename else ""
    if error.errno in DISK:
        return [f"{path}no space left on the disk; free some and continue with `chainrule resume`"], 1
    if error.errno in PATHS:
        return [f"{path}{PATHS[error.errno]}"], 2
    return None


def report(error: BaseException, debug: bool) -> int:
    """Print an error on stderr and return the exit code. · 打印错误并返回退出码。"""
    if debug:
        traceback.print_exception(error)
    known = explain(error)
    if known is None:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        known = [f"internal error: {text[:300]}" + ("" if debug else "; rerun with --debug to see where")], 1
    lines, code = known
    for line in lines:
        print(f"error: {' '.join(line.split())}" if code <= 128 else line, file=sys.stderr)
    return code
