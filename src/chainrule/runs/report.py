"""The report of a run: figures, table and pictures, from its log and its metrics. · 运行报告。

report/report.md, report/metrics.json, report/curves.png and, for classes, report/confusion.png. matplotlib is imported
only when something is drawn.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .curves import is_share, share
from .durable import replace
from .folder import RunFolder
from .listing import number, outcome, summarize
from .log import dumps, history, loads, read

Matrix = Sequence[Sequence[int]]
_MOST_CLASSES = 30
_MOST_MISTAKES = 10


def write(
    run: RunFolder,
    metrics: Mapping[str, float],
    confusion: Any = None,
    classes: Sequence[str] = (),
    title: str | None = None,
    baselines: Mapping[str, Mapping[str, float]] | None = None,
    verdict: tuple[str, str] | None = None,
    more: Sequence[str] = (),
) -> list[Path]:
    """Write the whole report; returns its files, report.md first. · 写出整份报告。

    metrics    name → figure; a share of one (accuracy, precision, recall, f1, topK) is shown in per cent
    confusion  [C, C] counts, rows are the true classes; lists or a tensor
    classes    C names; numbers stand in for missing ones
    baselines  name → figures of what one has without the network, shown beside it
    verdict    in both languages, which of them it beats
    more       pictures that lie in the folder already

    Raises `WriteFailed` or `DiskFull` when the disk refuses; an older report is then intact.
    """
    from . import plots

    title = title or run.name
    matrix = as_matrix(confusion)
    names = class_names(classes, len(matrix))
    run.report.mkdir(parents=True, exist_ok=True)
    plots.curves(history(read(run.log)), run.report / "curves.png", title)
    pictures = ["curves.png"]
    if matrix:
        plots.confusion(matrix, names, run.report / "confusion.png", title)
        pictures.append("confusion.png")
    stored = {"metrics": dict(metrics), "classes": names, "confusion": matrix}
    replace(run.report / "metrics.json", dumps(stored).encode("utf-8", "backslashreplace"))
    pictures += more
    text = _markdown(run, title, (metrics, baselines or {}, verdict), matrix, names, pictures)
    replace(run.report / "report.md", text.encode("utf-8", "replace"))
    return [run.report / name for name in ("report.md", "metrics.json", *pictures)]


def metrics_of(run: RunFolder) -> dict[str, float]:
    """The metrics in a run's report; nothing when there is none that can be read. · 读取报告中的指标。"""
    try:
        found = loads((run.report / "metrics.json").read_bytes())["metrics"]
        return {str(name): float(value) for name, value in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def show(name: str, value: float) -> str:
    """A figure for people. · 便于阅读的数值。

    >>> show("accuracy", 0.98611), show("loss", 0.123456), show("test_count", 10000.0)
    ('98.61 %', '0.1235', '10,000')
    """
    if is_share(name) and number(value) is not None:
        return share(value)
    whole = name.endswith("count") or (isinstance(value, int) and not isinstance(value, bool))
    return f"{value:,.0f}" if whole and number(value) is not None else f"{value:.4g}"


def as_matrix(confusion: Any) -> list[list[int]]:
    """Counts as lists of ints, from lists or a tensor. · 转为整数列表。

    >>> as_matrix([[1, 0], [0, 2.0]])
    [[1, 0], [0, 2]]
    """
    rows = confusion.tolist() if hasattr(confusion, "tolist") else confusion or []
    matrix = [[int(count) for count in row] for row in rows]
    if any(len(row) != len(matrix) for row in matrix):
        raise ValueError(f"confusion matrix of {len(matrix)} rows: expected as many columns in each")
    return matrix


def class_names(classes: Sequence[str], size: int) -> list[str]:
    """A name for each of `size` classes, its number where there is none. · 补全类别名。

    >>> class_names(["cat"], 2)
    ['cat', '1']
    """
    return [str(classes[i]) if i < len(classes) else str(i) for i in range(size)]


def class_figures(matrix: Matrix) -> list[tuple[int, float, float, float]]:
    """Per class: samples, precision, recall, F1; nan where nothing can be said. · 各类的精确率、召回率与 F1。

    >>> class_figures([[3, 1], [0, 4]])[0]
    (4, 1.0, 0.75, 0.8571428571428571)
    """
    figures = []
    for i, row in enumerate(matrix):
        right, occurs, predicted = row[i], sum(row), sum(other[i] for other in matrix)
        precision = right / predicted if predicted else float("nan")
        recall = right / occurs if occurs else float("nan")
        f1 = 2 * right / (occurs + predicted) if occurs + predicted else float("nan")
        figures.append((occurs, precision, recall, f1))
    return figures


def mistakes(matrix: Matrix, most: int = _MOST_MISTAKES) -> list[tuple[int, int, int]]:
    """The most frequent mistakes as (true, predicted, count). · 最常见的混淆。

    >>> mistakes([[3, 1, 0], [2, 4, 0], [0, 0, 9]])
    [(1, 0, 2), (0, 1, 1)]
    """
    found = [(i, j, count) for i, row in enumerate(matrix) for j, count in enumerate(row) if i != j and count]
    return sorted(found, key=lambda entry: (-entry[2], entry[:2]))[:most]


_CLASS_HEAD = ("class · 类别", "samples · 样本", "precision · 精确率", "recall · 召回率", "F1")


def _class_rows(matrix: Matrix, names: Sequence[str]) -> list[tuple[str, ...]]:
    figures = list(zip(names, class_figures(matrix), strict=True))
    if len(figures) > _MOST_CLASSES:
        figures = sorted(figures, key=lambda entry: entry[1][3])[:_MOST_CLASSES]
    return [
        (name, str(samples), *("–" if value != value else share(value) for value in values))
        for name, (samples, *values) in figures
    ]


def _markdown(
    run: RunFolder,
    title: str,
    figures: tuple[Mapping[str, float], Mapping[str, Mapping[str, float]], tuple[str, str] | None],
    matrix: Matrix,
    names: Sequence[str],
    pictures: Sequence[str],
) -> str:
    about = summarize(run)
    # The process that writes the report holds the run: "running" would stand there for ever.
    state = outcome(history(read(run.log, skip="step"))) if about.state == "running" else about.state
    what = " on ".join(filter(None, (about.model, about.data)))
    parts = [
        f"# {escape(title)}",
        escape(f"{what} · {about.epoch:g} epochs · {about.step} steps · {state}".lstrip(" ·")),
    ]
    metrics, baselines, verdict = figures
    if baselines:
        parts += ["## Results beside the baselines · 结果与基线", beside(metrics, baselines)]
        parts += [escape(line) for line in verdict or ()]
    elif metrics:
        parts += ["## Results · 结果", rows(("figure", "value"), [(n, show(n, v)) for n, v in metrics.items()])]
    parts += [f"![{picture}]({picture})" for picture in pictures]
    if matrix:
        heading = "## Classes · 各类" + (f" (the {_MOST_CLASSES} worst)" if len(matrix) > _MOST_CLASSES else "")
        parts += [heading, rows(_CLASS_HEAD, _class_rows(matrix, names))]
        wrong = [(names[i], names[j], str(count)) for i, j, count in mistakes(matrix)]
        if wrong:
            head = ("true · 真实", "taken for · 误判为", "times · 次数")
            parts += ["## Most frequent mistakes · 最常见的混淆", rows(head, wrong)]
    settings = run.run_toml.read_text(encoding="utf-8", errors="replace") if run.run_toml.is_file() else ""
    parts += ["## Settings · 设置", f"```toml\n{settings.strip()}\n```"]
    return "\n\n".join(parts) + "\n"


def beside(metrics: Mapping[str, float], baselines: Mapping[str, Mapping[str, float]]) -> str:
    """The figures of the network, and a column for each baseline. · 网络与各基线并列。

    >>> print(beside({"test_accuracy": 0.9}, {"majority": {"test_accuracy": 0.5}}).splitlines()[-1])
    | test\\_accuracy | 90 % | 50 % |
    """
    cells = [
        (name, show(name, value), *(show(name, b[name]) if name in b else "" for b in baselines.values()))
        for name, value in metrics.items()
    ]
    return rows(("figure", "network · 网络", *baselines), cells)


def rows(head: Sequence[str], cells: Sequence[Sequence[str]], others: str = "---:") -> str:
    """A markdown table: the first column left, the others right; `others="---"`: left too. · Markdown 表格。"""
    lines = [head, ["---", *[others] * (len(head) - 1)], *([escape(cell) for cell in row] for row in cells)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape(text: str) -> str:
    """Names are text, not markdown or HTML. · 转义标记符号。"""
    text = " ".join(text.split())
    for letter in "\\`*_[]|$#":
        text = text.replace(letter, f"\\{letter}")
    return text.replace("<", "&lt;")
