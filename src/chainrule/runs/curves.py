"""What of a log is drawn: the lines of loss, metric and learning rate. · 从日志取出要画的曲线。"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .listing import best_figure, lower_is_better, number
from .log import Event

_POINTS = 1000  # more than the pixels of a plot show nothing more
_DIVERGED = 1e30  # drawn like inf: not at all
_SHARES = (
    *("accuracy", "precision", "recall", "f1", "map", "micro_f1", "macro_f1", "exact"),
    *("span_precision", "span_recall", "span_f1"),
)
_COLOURS = {"train": "#0072B2", "val": "#D55E00"}


@dataclass(frozen=True)
class Curve:
    """One line of a plot. · 图中的一条线。

    x in `unit` (epoch or step), y of `figure` ("loss"), kind train or val; solid lines are named, others lie behind
    """

    figure: str
    kind: str
    unit: str
    x: list[float]
    y: list[float]
    colour: str = "#333333"
    dash: str = "-"
    solid: bool = True
    label: str = ""

    @property
    def lower(self) -> bool:
        return lower_is_better(self.figure)

    def relabelled(self, label: str, colour: str, dash: str) -> "Curve":
        """The same line as one run's among several. · 用于多次运行的对比。"""
        return replace(self, label=label, colour=colour, dash=dash)


def is_share(figure: str) -> bool:
    """Whether a figure is a share of one, shown in per cent. · 是否为比例。

    >>> is_share("accuracy"), is_share("val_top5"), is_share("loss")
    (True, True, False)
    """
    name = figure.removeprefix("val_").removeprefix("train_").removeprefix("test_")
    return name in _SHARES or (name.startswith("top") and name[3:].isdigit())


def share(value: float) -> str:
    """A share in per cent. · 百分数。

    >>> share(0.98611), share(1.0)
    ('98.61 %', '100 %')
    """
    return f"{100 * value:.4g} %"


def lines_of(history: Sequence[Event]) -> tuple[list[Curve], list[Curve], list[Curve], str]:
    """Lines of the loss, of the metric, of the learning rate, and the unit of x. · 三组曲线与横轴单位。

    The last line of loss and metric is the one to judge by: validation where there is one.
    """
    epochs = [event for event in history if event["event"] == "epoch" and number(event.get("epoch")) is not None]
    steps = [event for event in history if event["event"] == "step" and number(event.get("step")) is not None]
    in_epochs = bool(epochs) or (bool(steps) and all(number(event.get("epoch")) is not None for event in steps))
    unit = "epoch" if in_epochs else "step"
    length = _steps_per_epoch(epochs)

    def line(events: Sequence[Event], key: str, figure: str, kind: str, solid: bool = True) -> list[Curve]:
        pairs = [(_place(event, in_epochs, length), number(event.get(key))) for event in events]
        points = [(x, y) for x, y in pairs if x is not None and y is not None and abs(y) < _DIVERGED]
        colour = _COLOURS.get(kind, "#333333")
        return [Curve(figure, kind, unit, *_thin(points), colour, solid=solid, label=kind)] if points else []

    loss = [*line(epochs, "train_loss", "loss", "train"), *line(epochs, "val_loss", "loss", "val")]
    loss = [*line(steps, "loss", "loss", "train", solid=not loss), *loss]
    metric, _ = best_figure(list(history))
    metric = metric.removeprefix("val_").removeprefix("train_")
    judged: list[Curve] = []
    if metric not in ("", "loss"):
        judged = [*line(epochs, f"train_{metric}", metric, "train"), *line(epochs, f"val_{metric}", metric, "val")]
        judged = judged or line(epochs, metric, metric, "")
    rate = line(steps, "lr", "lr", "") or line(epochs, "lr", "lr", "")
    return loss, judged, rate, unit


def _steps_per_epoch(epochs: Sequence[Event]) -> float | None:
    for event in epochs:
        step, epoch = number(event.get("step")), number(event.get("epoch"))
        if step and epoch:
            return step / epoch
    return None


def _place(event: Event, in_epochs: bool, length: float | None) -> float | None:
    step, epoch = number(event.get("step")), number(event.get("epoch"))
    if not in_epochs:
        return step
    if epoch is None and step is not None and length:
        return step / length
    return epoch


def _thin(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Means over neighbours where there are more points than can be seen."""
    size = -(-len(points) // _POINTS)
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [sum(x for x, _ in g) / len(g) for g in groups], [sum(y for _, y in g) / len(g) for g in groups]
