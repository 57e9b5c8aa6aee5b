"""Reports and pictures of whatever a run may hold, without a warning. · 任何运行都能出报告与图，且无警告。"""

import math
import random
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from chainrule.runs import fonts, plots, report
from chainrule.runs.compare import compare
from chainrule.runs.curves import lines_of
from chainrule.runs.durable import WriteFailed
from chainrule.runs.folder import RunFolder
from chainrule.runs.log import RunLog

TOML = 'schema = 1\nmodel = "lenet5"\ndata = "digits"\n\n[settings]\nepochs = 3\nlr = 0.001\ncompile = false\n'
NAMES = {
    "chinese": ["猫", "狗狗", "汽车"],
    "mixed": ["a\nb", "$x$ $", ""],
    "emoji": ["😀", "👨‍👩‍👧", "\u202eabc"],
    "broken": ["\ud800", "\0", "x" * 500],
    "markup": ["[red]", "<b>|`*", "_{^\\frac"],
}


def events(epochs: int = 3, per_epoch: int = 4, metric: str = "accuracy") -> list[dict]:
    found: list[dict] = [{"event": "start", "step": 0, "metric": f"val_{metric}"}]
    for step in range(1, epochs * per_epoch + 1):
        at = step / per_epoch
        found.append({"event": "step", "step": step, "epoch": at, "loss": 2.5 * math.exp(-at), "lr": 0.01 / step})
        if step % per_epoch == 0:
            loss = {"train_loss": math.exp(-at), "val_loss": 1.1 * math.exp(-at)}
            good = {f"train_{metric}": 1 - 0.5 / at, f"val_{metric}": 1 - 0.6 / at}
            found.append({"event": "epoch", "step": step, "epoch": int(at), **loss, **good})
    return found


def make_run(root: Path, name: str, logged: list[dict], toml: str = TOML) -> RunFolder:
    run = RunFolder.create(root, name, toml)
    with RunLog(run.log) as log:
        for event in logged:
            log.write(**event)
    return run


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB")).astype(int)


def has(image: np.ndarray, colour: str) -> bool:
    wanted = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    return bool((abs(image - wanted).sum(-1) < 12).any())


def test_a_whole_report(tmp_path):
    run = make_run(tmp_path, "a b", [*events(), {"event": "finish", "step": 12}])
    metrics = {"loss": 0.123456, "accuracy": 0.95, "count": 1360.0, "bad": math.nan}
    with run.lock():
        files = report.write(run, metrics, torch.tensor([[9, 1], [0, 0]]), ["cat|", "<dog>"])
    assert [path.name for path in files] == ["report.md", "metrics.json", "curves.png", "confusion.png"]
    assert sorted(path.name for path in run.report.iterdir()) == sorted(path.name for path in files)
    text = files[0].read_text(encoding="utf-8")
    for part in (
        "# a b\n", "lenet5 on digits · 3 epochs · 12 steps · finished", "| accuracy | 95 % |", "| loss | 0.1235 |",
        "| count | 1,360 |", "| bad | nan |", "![confusion.png](confusion.png)",
        "| cat\\| | 10 | 100 % | 90 % | 94.74 % |",
        "| &lt;dog> | 0 | 0 % | – | 0 % |", "| cat\\| | &lt;dog> | 1 |", "epochs = 3",
    ):  # fmt: skip
        assert part in text, part
    back = report.metrics_of(run)
    assert math.isnan(back.pop("bad")) and back == {"loss": 0.123456, "accuracy": 0.95, "count": 1360.0}


def test_a_report_without_anything(tmp_path):
    run = RunFolder.create(tmp_path, "new", TOML)
    assert [path.name for path in report.write(run, {})] == ["report.md", "metrics.json", "curves.png"]
    assert "0 epochs · 0 steps · new" in (run.report / "report.md").read_text(encoding="utf-8")


def test_a_second_report_replaces_the_first(tmp_path):
    run = make_run(tmp_path, "a", events())
    report.write(run, {"accuracy": 0.5})
    report.write(run, {"accuracy": 0.75})
    assert report.metrics_of(run) == {"accuracy": 0.75} and len(list(run.report.iterdir())) == 3


def test_a_failing_disk_keeps_the_old_report(tmp_path, monkeypatch):
    run = make_run(tmp_path, "a", events())
    report.write(run, {"accuracy": 0.5})

    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", refuse)
    with pytest.raises(WriteFailed, match="no space left"):
        report.write(run, {"accuracy": 0.75})
    monkeypatch.undo()
    assert report.metrics_of(run) == {"accuracy": 0.5} and len(list(run.report.iterdir())) == 3


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"metrics": 3}', '{"metrics": {"a": "b"}}', "\0"])
def test_metrics_that_cannot_be_read_are_none(tmp_path, text):
    run = RunFolder.create(tmp_path, "a", TOML)
    (run.report / "metrics.json").write_text(text)
    assert report.metrics_of(run) == {}


HISTORIES = {
    "none": [],
    "start_only": events()[:1],
    "first_epoch": events()[:3],
    "one_epoch": events(1),
    "loss_only": [e for e in events(metric="loss") if e["event"] != "start"],
    "no_epoch_field": [{k: v for k, v in e.items() if k != "epoch"} for e in events() if e["event"] == "step"],
    "nan_and_inf": [{**e, "loss": math.nan, "val_loss": math.inf} for e in events()],
    "half_nan": [{**e, "loss": math.nan} if e["step"] % 2 else e for e in events()],
    "wrong_types": [{**e, "loss": "x", "lr": None, "epoch": []} for e in events()],
    "constant": [{"event": "step", "step": s, "loss": 0.0, "lr": 0.0} for s in range(3)],
    "negative": [{"event": "step", "step": s, "loss": -s} for s in range(3)],
    "huge": [{"event": "step", "step": s, "loss": 10.0 ** (s * 100 - 300)} for s in range(7)],
    "single": [{"event": "step", "step": 5, "loss": 1e-300}],
    "many": events(40, 300),
    "regression": events(metric="r2"),
}


@pytest.mark.parametrize("kind", HISTORIES)
def test_curves_of_any_log(tmp_path, kind):
    plots.curves(HISTORIES[kind], tmp_path / "curves.png", "a title " * 20)
    image = picture(tmp_path / "curves.png")
    assert image.shape[1] == 1008 and 400 < image.shape[0] < 1000
    assert has(image, plots.BLUE) == (kind not in ("none", "start_only", "wrong_types"))


def test_curves_show_training_blue_and_validation_orange():
    loss, metric, rate, unit = lines_of(events())
    assert [(line.kind, line.solid, len(line.x)) for line in loss] == [
        ("train", False, 12), ("train", True, 3), ("val", True, 3),
    ]  # fmt: skip
    assert [(line.figure, line.kind, line.colour) for line in metric] == [
        ("accuracy", "train", plots.BLUE), ("accuracy", "val", plots.ORANGE),
    ]  # fmt: skip
    assert unit == "epoch" and loss[0].x[3] == 1 == loss[1].x[0] and len(rate[0].y) == 12


def test_steps_without_epochs_are_placed_by_the_length_of_one():
    logged = [{k: v for k, v in e.items() if e["event"] != "step" or k != "epoch"} for e in events()]
    assert lines_of(logged)[0][0].x == lines_of(events())[0][0].x


def test_a_long_log_is_thinned_to_means():
    logged = [{"event": "step", "step": s, "loss": float(s % 2)} for s in range(1, 100_001)]
    (line,) = lines_of(logged)[0]
    assert len(line.x) == 1000 and set(line.y) == {0.5}


@pytest.mark.parametrize("size", [1, 2, 3, 10, 11, 40, 41, 200])
def test_confusion_of_any_size(tmp_path, size):
    generator = random.Random(size)
    matrix = [[generator.randrange(50) if i != j else 50 * size for j in range(size)] for i in range(size)]
    plots.confusion(matrix, [f"class {i}" for i in range(size)], tmp_path / "c.png", "a title " * 20)
    image = picture(tmp_path / "c.png")
    assert 200 < image.shape[0] <= 1100 and 200 < image.shape[1] <= 1100
    inner = image[image.shape[0] // 4 : -image.shape[0] // 4]
    assert (inner[..., 2] - inner[..., 0] > 100).any()  # blue


def test_right_is_blue_and_wrong_is_orange():
    tint = plots._tint(np.array([[5, 5], [0, 0]]))
    (red, _, blue), (wrong_red, _, wrong_blue) = tint[0]
    assert blue > red and wrong_red > wrong_blue and (tint[1] == 1).all()


@pytest.mark.parametrize("kind", NAMES)
def test_odd_class_names_neither_crash_nor_warn(tmp_path, kind, capsys):
    run = make_run(tmp_path, "名", events())
    names = NAMES[kind]
    report.write(run, {"accuracy": 0.5}, [[3, 1, 0], [0, 2, 0], [1, 0, 5]], names, title=names[0])
    assert picture(run.report / "confusion.png").any()
    assert capsys.readouterr().err == ""


def test_too_few_class_names_are_completed(tmp_path):
    assert report.class_names(["a"], 3) == ["a", "1", "2"]
    with pytest.raises(ValueError, match="expected as many columns"):
        report.as_matrix([[1, 2]])


def test_a_name_no_font_can_draw_becomes_its_number():
    assert fonts.labels(["cat", "猫", " "], [fonts.BASE]) == ["cat", "#1", "#2"]
    assert fonts.drawable("a猫b\nc", [fonts.BASE]) == "a?b c"


def test_an_installed_font_with_the_glyphs_is_chosen(monkeypatch):
    glyphs = {
        "base": frozenset(map(ord, "abc")),
        "half": frozenset(map(ord, "猫")),
        "full": frozenset(map(ord, "猫狗")),
    }
    monkeypatch.setattr(fonts, "_path", lambda family: {"DejaVu Sans": "base"}.get(family, family))
    monkeypatch.setattr(fonts, "_glyphs", lambda path: glyphs[path])
    monkeypatch.setattr(fonts, "_candidates", lambda: [("half", "half"), ("full", "full")])
    assert fonts.families(["abc"]) == ["DejaVu Sans"]
    assert fonts.families(["猫狗a"]) == ["DejaVu Sans", "full"]
    assert fonts.families(["鸟"]) == ["DejaVu Sans"]
    fonts._covered.cache_clear()
    assert fonts.labels(["猫狗", "鸟"], ["DejaVu Sans", "full"]) == ["猫狗", "#1"]
    fonts._covered.cache_clear()


def test_plots_leave_no_global_state(tmp_path):
    code = (
        "import sys, pathlib, matplotlib; before = matplotlib.rcParams.copy()\n"
        "from chainrule.runs import plots\n"
        "plots.confusion([[1]], ['a'], pathlib.Path(sys.argv[1]))\n"
        "assert matplotlib.rcParams.copy() == before and not {'matplotlib.pyplot', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, tmp_path / "a.png"], check=True)


def test_mistakes_and_class_figures():
    matrix = [[3, 1, 0], [2, 4, 0], [0, 0, 0]]
    assert report.mistakes(matrix) == [(1, 0, 2), (0, 1, 1)] and report.mistakes(matrix, 1) == [(1, 0, 2)]
    assert report.class_figures(matrix)[1] == (6, 4 / 5, 4 / 6, 8 / 11)
    assert all(math.isnan(value) for value in report.class_figures(matrix)[2][1:])


def test_the_worst_of_many_classes_are_shown(tmp_path):
    matrix = [[10 if i == j else 0 for j in range(50)] for i in range(50)]
    matrix[33][33], matrix[33][34] = 1, 9
    text = report.write(make_run(tmp_path, "many", events()), {}, matrix)[0].read_text()
    rows = [line for line in text.splitlines() if re.match(r"\| \d+ \| 1\d? \|", line)]
    assert "Classes · 各类 (the 30 worst)" in text
    assert len(rows) == 30 and rows[0].startswith("| 33 |")


def test_compare_shows_what_differs(tmp_path):
    first = make_run(tmp_path, "first", [*events(), {"event": "finish", "step": 12}])
    second = make_run(tmp_path, "second", events(5), TOML.replace("0.001", "0.01") + '\n[model_options]\nwidth = "2"\n')
    third = RunFolder.create(tmp_path, "third", TOML)
    report.write(first, {"accuracy": 0.75})
    found = compare([first, second, third], tmp_path / "compare.png")
    assert found.names == ["first", "second", "third"]
    assert found.settings == [("lr", "0.001", "0.01", "0.001"), ("model_options.width", "–", "2", "–")]
    assert found.results == [
        ("state", "finished", "stopped", "new"), ("epochs", "3", "5", "0"), ("steps", "12", "20", "0"),
        ("best val_accuracy", "80 %", "88 %", "–"), ("accuracy", "75 %", "–", "–"),
    ]  # fmt: skip
    assert has(picture(tmp_path / "compare.png"), plots.BLUE) and has(picture(tmp_path / "compare.png"), plots.ORANGE)


def test_compare_without_a_plot_or_a_difference(tmp_path):
    runs = [make_run(tmp_path / root, "same", events()) for root in ("a", "b")]
    found = compare(runs)
    assert found.plot is None and found.settings == []
    assert found.names == [str(run.path) for run in runs]


@pytest.mark.parametrize("count", [1, 2, 7, 12])
def test_compare_any_number_of_runs(tmp_path, count):
    histories = {f"run {i} 名": events(i + 1) if i != 1 else [] for i in range(count)}
    plots.comparison(histories, tmp_path / "c.png")
    assert picture(tmp_path / "c.png").shape[1] == 1008


@pytest.mark.parametrize("toml", ["", "not toml = = ", "\0"])
def test_compare_runs_with_damaged_settings(tmp_path, toml):
    good, bad = make_run(tmp_path, "good", events()), make_run(tmp_path, "bad", events(), toml)
    assert ("model", "lenet5", "–") in compare([good, bad]).settings
