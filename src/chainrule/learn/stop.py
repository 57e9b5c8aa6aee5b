"""Leaving in good order: SIGTERM and Ctrl-C. · 有序退出：SIGTERM 与 Ctrl-C。"""

import _thread
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

GRACE = 4.5  # seconds until a run that is busy with something longer leaves with the last generation


class Stopped(Exception):
    """A run was asked to stop and has saved. `exit_code` is the shell's for the signal. · 运行被要求停止且已保存。"""

    def __init__(self, message: str, number: int):
        super().__init__(message)
        self.exit_code = 128 + number


class Request:
    """Whether somebody has asked the run to stop, and by which signal. · 是否收到停止请求。"""

    number: int | None = None

    def __bool__(self) -> bool:
        return self.number is not None


@contextmanager
def listening(where: str) -> Iterator[Request]:
    """Take SIGTERM and Ctrl-C as a request within the block; a second one, or `GRACE` seconds, ends it at once.

    In a notebook or at a prompt Ctrl-C then ends the block, and never the process with all that somebody has in it.
    Outside the main thread signals cannot be taken and the request never comes. · 在代码块内把信号当作停止请求。
    """
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def late() -> None:
        if interactive and request.number == signal.SIGINT:
            _thread.interrupt_main()
        else:
            leave()

    def leave() -> None:
        sys.stderr.write(f"stopped in the middle of something longer; {where} continues from its last checkpoint\n")
        sys.stderr.flush()
        os._exit(128 + (request.number or signal.SIGTERM))

    interactive = hasattr(sys, "ps1")
    timer = threading.Timer(GRACE, late)
    timer.daemon = True

    def asked(number: int, _frame: FrameType | None) -> None:
        if request and interactive and number == signal.SIGINT:
            raise KeyboardInterrupt
        if request:
            leave()
        request.number = number
        timer.start()

    before = {s: signal.signal(s, asked) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
