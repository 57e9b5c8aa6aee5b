"""`chainrule schedule`: the curve that is drawn is the one a run follows, and mistakes are told in one line."""

import numpy as np
import pytest
import torch
from PIL import Image

from chainrule.cli import canvas
from chainrule.cli.main import main
from chainrule.cli.schedule import drawn, sort
from chainrule.errors import UserError
from chainrule.learn import build
from chainrule.methods import SCHEDULES
from chainrule.optim import SGD
from chainrule.settings import make

UPDATES, EPOCHS = 7, 12


@pytest.mark.parametrize("name", SCHEDULES)
def test_what_is_drawn_is_what_a_run_follows(name):
    warmup = 0 if name == "onecycle" else 2  # it has a rise of its own, and refuses another
    words = [name, f"epochs={EPOCHS}", f"updates={UPDATES}", "lr=0.5", f"warmup={warmup}"]
    words += ["plateau_epochs=2", "gamma=0.3"] if name == "plateau" else []
    (one,) = drawn(*sort(words))
    own = {"gamma": 0.3, "plateau_epochs": 2} if name == "plateau" else {}
    settings = make({"schedule": name, "epochs": EPOCHS, "lr": 0.5, "warmup": warmup, **own})
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
    schedule, followed = build.schedule(optimizer, settings, UPDATES), []
    for t in range(EPOCHS * UPDATES):
        followed.append(optimizer.param_groups[0]["lr"])
        schedule.step()
        if (t + 1) % UPDATES == 0 and (t + 1) // UPDATES <= len(one.metric):
            schedule.epoch(one.metric[t // UPDATES])
    assert one.rates == [*followed, followed[-1]]
    assert one.epochs == [t / UPDATES for t in range(EPOCHS * UPDATES + 1)]


def test_a_plateau_falls_on_the_example_and_follows_a_series_that_is_given():
    (made_up,) = drawn(*sort(["plateau"]))
    assert len(set(made_up.rates)) == 2
    (given,) = drawn(*sort(["plateau", "metric=3,2,2,2,1", "plateau_epochs=1", "gamma=0.5", "updates=1"]))
    assert given.rates == [1, 1, 1, 1, 0.5, 0.5]


def test_a_long_run_is_thinned_and_keeps_its_top():
    (one,) = drawn(*sort(["noam", "epochs=100000", "updates=1000", "warmup=3333"]))
    assert len(one.rates) < 2100
    assert max(one.rates) == 1.0


def test_the_picture_in_a_pipe_has_axes_names_and_no_colour(capsys):
    assert main(["schedule", "cosine", "step", "epochs=20"]) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    lines = shown.splitlines()
    assert any(line.startswith("  1 ┤") for line in lines)
    assert any(line.strip().startswith("└") for line in lines)
    assert "a cosine   b step" in shown
    assert max(map(len, lines)) <= 80


def test_alone_it_lists_every_schedule_with_its_shape(capsys):
    assert main(["schedule"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1 : len(SCHEDULES) + 1]] == list(SCHEDULES)
    assert "█▇" in "".join(lines)


@pytest.mark.parametrize("words", [["cosine"], ["plateau", "noam", "lr=0.1", "--log"], [*SCHEDULES]])
def test_the_png_is_a_picture(words, tmp_path, capsys):
    assert main(["schedule", *words, "--png", str(tmp_path / "rates.png")]) == 0
    with Image.open(tmp_path / "rates.png") as image:
        image.load()
        assert image.size[0] == 1008
        assert np.asarray(image.convert("L")).std() > 5


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["cosin"], "unknown schedule 'cosin'"),
        (["cosine", "floor=2"], "floor=2: expected a number in [0, 1]"),
        (["linear", "gamma=0.5"], "gamma=0.5: not taken by linear; gamma is for step"),
        (["cosine", "metric=1,2"], "metric=1,2: only schedule plateau heeds it"),
        (["plateau", "metric=1,2", "epochs=3"], "metric: 2 figures, expected one for each of the 3 epochs"),
        (["plateau", "gamma=1"], "gamma=1.0: schedule=plateau expects a number below 1"),
        (["cosine", "warmup=5", "epochs=3"], "warmup=5.0: expected at most the 3 epochs"),
        (["cosine", "batch_size=3"], "it does not shape the learning rate"),
        (["cosine", "updates=0"], "updates=0: expected an integer in [1, 1000000]"),
        (["cosine", "--png", "no/such/folder/x.png"], "x.png was not saved in no/such/folder"),
        (["--png", "x.png"], "--png draws schedules by name"),
    ],
)
def test_a_mistake_is_one_line(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["schedule", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert told in shown.err
    assert not list(tmp_path.iterdir())


def test_several_mistakes_are_told_at_once():
    with pytest.raises(UserError) as caught:
        sort(["cosin", "lr=nan", "epoch=3"])
    assert len(caught.value.lines) == 3


# ---- the canvas -----------------------------------------------------------------------------------------------------


def test_a_line_lies_where_its_points_are(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    canvas.draw([canvas.Trace("line", [0.0, 10.0], [0.0, 1.0])], "x", rows=8)
    rows = [line.partition("│")[2] or line.partition("┤")[2] for line in capsys.readouterr().out.splitlines()[:8]]
    ends = [len(row) for row in rows]
    assert ends == sorted(ends, reverse=True)
    assert rows[-1][0] != " " and rows[0][0] == " "


def test_plain_characters_where_dots_cannot_be_shown(monkeypatch, capsys):
    monkeypatch.setattr(canvas, "shows", lambda letters: False)
    canvas.draw([canvas.Trace("line", [1e-3, 1.0], [0.0, 1.0])], "x", log_x=True, mark=0.1)
    assert capsys.readouterr().out.isascii()
    assert canvas.spark([0.0, 1.0], 2) == ".@"


@pytest.mark.parametrize(
    ("low", "high", "log", "most", "expected"),
    [
        (0.0, 1.0, False, 5, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (2.0, 31.0, False, 4, [10.0, 20.0, 30.0]),
        (1e-7, 10.0, True, 4, [1e-7, 1e-4, 1e-1]),
        (0.02, 0.5, True, 4, [0.1]),
        (-1.0, 1.0, False, 2, [-1.0, 0.0, 1.0]),
    ],
)
def test_ticks_are_round_and_inside(low, high, log, most, expected):
    assert canvas.Axis(low, high, log).ticks(most) == pytest.approx(expected)


def test_flat_curves_and_the_zero_of_a_logarithm_have_a_place():
    flat = canvas.Axis.around([0.5, 0.5])
    assert flat.low < flat.high
    power = canvas.Axis.around([0.0, 1e-3, 1.0], logarithmic=True)
    assert power.place(0.0) == 0.0
