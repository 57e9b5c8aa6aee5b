"""How far a training is: a moving bar on a terminal, a line an epoch in a pipe. · 训练进度。"""

from typing import Any

from .show import console, number, on_terminal, say

HIDDEN = ("event", "time", "step", "steps", "epoch", "epochs", "seconds", "text", "path")


def epoch_line(event: dict[str, Any]) -> str:
    """An epoch in one line: losses, figures, learning rate, time. · 一轮一行。

    >>> epoch_line({"event": "epoch", "epoch": 2.0, "epochs": 10, "val_accuracy": 0.5, "seconds": 1.25})
    'epoch  2/10  val_accuracy 50.00 %  1.2 s'
    """
    of = f"/{event['epochs']}" if "epochs" in event else ""
    parts = [f"epoch {event.get('epoch', 0):>2g}{of}"]
    parts += [f"{k} {number(v, k)}" for k, v in event.items() if k not in HIDDEN and isinstance(v, int | float)]
    if "seconds" in event:
        parts.append(f"{event['seconds']:.1f} s")
    return "  ".join(parts)


def start_line(event: dict[str, Any]) -> str:
    """What begins: model, data, size, where it runs. · 开始时的一行。

    >>> start_line({"event": "start", "model": "mlp", "data": "digits", "parameters": 1234, "gear": "formula"})
    'mlp on digits  1,234 parameters  gear formula'
    """
    parts = [f"{event.get('model', 'model')} on {event.get('data', 'data')}"]
    if "parameters" in event:
        parts.append(f"{event['parameters']:,} parameters")
    parts += [f"{key} {event[key]}" for key in ("gear", "device", "precision", "form") if key in event]
    return "  ".join(parts)


class Progress:
    """Shows the events of a run as they come. · 显示训练事件。

    Use as a context manager and pass it as `on_event`; see `runs/log.py` for what the events hold.
    """

    def __init__(self) -> None:
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> "Progress":
        if on_terminal():
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (TextColumn("epoch {task.fields[epoch]}"), BarColumn(), MofNCompleteColumn())
            figures = TextColumn("loss {task.fields[loss]}"), TimeRemainingColumn()
            self.bar = Bar(*columns, *figures, console=console(), transient=True)
            self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, event: dict[str, Any]) -> None:
        show = {"start": self._start, "resume": self._start, "step": self._step, "epoch": self._epoch}
        show.get(event.get("event", ""), self._other)(event)

    def _line(self, text: str) -> None:
        if self.bar is None:
            say(text)
        else:
            self.bar.console.print(text, markup=False, highlight=False)

    def _start(self, event: dict[str, Any]) -> None:
        self._line(start_line(event))
        if self.bar is not None and event.get("steps"):
            self.task = self.bar.add_task("", total=event["steps"], completed=event.get("step", 0), epoch="", loss="")

    def _step(self, event: dict[str, Any]) -> None:
        if self.task is not None:
            epoch, loss = f"{event.get('epoch', 0):.2f}", number(event.get("loss", ""))
            self.bar.update(self.task, completed=event.get("step", 0), epoch=epoch, loss=loss)

    def _epoch(self, event: dict[str, Any]) -> None:
        self._line(epoch_line(event))

    def _other(self, event: dict[str, Any]) -> None:
        if event.get("text"):
            self._line(str(event["text"]))
        elif event.get("event") == "stop":
            self._line(f"stopped: {event.get('reason', 'asked to')}")
