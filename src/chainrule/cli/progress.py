"""How far a training is: a moving bar on a terminal, a line an epoch in a pipe. · 训练进度。"""

from typing import Any

from .show import console, number, on_terminal, say

SHOWN = (
    "lr",
    "train_loss",
    "val_loss",
    "val_accuracy",
    "val_r2",
    "train_return",
    "val_return",
    "val_elbo",
    "val_explained",
    "words_per_second",
)  # the report has the rest


def epoch_line(event: dict[str, Any], epochs: int) -> str:
    """An epoch in one line: learning rate, losses, the figure that decides, time so far. · 一轮一行。

    >>> epoch_line({"event": "epoch", "epoch": 2, "lr": 0.001, "val_accuracy": 0.5, "seconds": 1.25}, 10)
    'epoch  2/10  lr 0.001  val_accuracy 50.00 %  1.2 s'
    """
    parts = [f"epoch {event.get('epoch', 0):>{len(str(epochs))}g}/{epochs}"]
    parts += [f"{key} {number(event[key], key)}" for key in SHOWN if key in event]
    if "seconds" in event:
        parts.append(f"{event['seconds']:.1f} s")
    return "  ".join(parts)


def start_line(event: dict[str, Any]) -> str:
    """What begins: model, data, size, where it runs. · 开始时的一行。

    >>> start_line({"event": "start", "model": "mlp", "data": "digits", "parameters": 1234, "gear": "formula"})
    'mlp on digits  1,234 parameters  gear formula'
    """
    parts = [f"{event.get('model', 'model')} on {event.get('data', 'data')}"]
    if event.get("event") == "resume":
        parts.append(f"resumed at step {event.get('step', 0)}")
    if "parameters" in event:
        parts.append(f"{event['parameters']:,} parameters")
    keys = ("seed", "gear", "device", *(["precision"] if event.get("precision") != "fp32" else []), "form")
    parts += [f"{key} {event[key]}" for key in keys if key in event]
    return "  ".join(parts)


class Progress:
    """Shows the events of a run as they come. · 显示训练事件。

    Use as a context manager and pass it as `on_event`; see `runs/log.py` for what the events hold.
    """

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.bar: Any = None
        self.task: Any = None

    def __enter__(self) -> "Progress":
        if on_terminal():
            from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("epoch {task.completed:.1f}/{task.total}"),
                BarColumn(),
                TextColumn("{task.fields[loss]}"),
            )
            self.bar = Bar(*columns, TimeRemainingColumn(), console=console(), transient=True)
            self.task = self.bar.add_task("", total=self.epochs, loss="")
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

    def _step(self, event: dict[str, Any]) -> None:
        if self.bar is not None:
            self.bar.update(self.task, completed=event.get("epoch", 0), loss=f"loss {number(event.get('loss', ''))}")

    def _epoch(self, event: dict[str, Any]) -> None:
        self._line(epoch_line(event, self.epochs))

    def _other(self, event: dict[str, Any]) -> None:
        if event.get("text"):
            self._line(str(event["text"]))
        elif event.get("event") == "stop":
            self._line(f"stopped: {event.get('reason', 'asked to')}")
