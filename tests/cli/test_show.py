"""Tables, lines and progress on a terminal and in a pipe."""

import pytest

from chainrule.cli import progress, show, words
from chainrule.errors import UserError

EVENTS = [
    {"event": "start", "model": "mlp", "data": "digits", "parameters": 1234, "gear": "formula", "form": "eager"},
    {"event": "step", "step": 1, "epoch": 0.5, "loss": 2.5, "lr": 0.1},
    {"event": "note", "text": "measured [a] step"},
    {"event": "epoch", "epoch": 1, "lr": 0.1, "train_loss": 2.0, "val_accuracy": 0.25, "val_f1": 0.2, "seconds": 1.0},
    {"event": "stop", "reason": "asked to"},
    {"event": "finish", "metrics": {}},
]
LINES = [
    "mlp on digits  1,234 parameters  gear formula  form eager",
    "measured [a] step",
    "epoch 1/2  lr 0.1  train_loss 2  val_accuracy 25.00 %  1.0 s",
    "stopped: asked to",
]


@pytest.fixture
def terminal(monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    for room in (show, progress):
        monkeypatch.setattr(room, "on_terminal", lambda: True)


def follow():
    with progress.Progress(2) as shown:
        for event in EVENTS:
            shown(event)


def test_progress_in_a_pipe_is_a_line_an_epoch(capsys):
    follow()
    assert capsys.readouterr().out.splitlines() == LINES


def test_progress_on_a_terminal_says_the_same_above_a_bar(terminal, capsys):
    follow()
    out = capsys.readouterr().out
    assert all(line in out for line in LINES)
    assert "\x1b[" in out and "loss 2.5" in out


def test_a_table_on_a_terminal_keeps_brackets_as_they_are(terminal, capsys):
    show.table(["name", ">size"], [["[red]a[/red]", 1]], title="all")
    out = capsys.readouterr().out
    assert "[red]a[/red]" in out and "all" in out


def test_a_name_with_control_characters_cannot_paint_the_terminal(capsys):
    show.table(["file", "class"], [["a\x1b[31m\nb.png", "猫"], ["c", "狗"]])
    assert capsys.readouterr().out.splitlines() == ["file          class", "a?[31m b.png  猫", "c             狗"]


def test_a_style_shows_on_a_terminal_only(terminal, monkeypatch, capsys):
    show.say("[fine]", style="green")
    assert "[fine]" in (painted := capsys.readouterr().out) and "\x1b[32m" in painted
    monkeypatch.setattr(show, "on_terminal", lambda: False)
    show.say("[fine]", style="green")
    assert capsys.readouterr().out == "[fine]\n"


@pytest.mark.parametrize(
    ("line", "model", "data", "epochs"),
    [
        ("mlp digits epochs=3", "mlp", "digits", 3),
        ("epochs=3 mlp digits", "mlp", "digits", 3),
        ("mlp --epochs 3 digits", "mlp", "digits", 3),
        ("mlp digits epochs = 3 seed=1", "mlp", "digits", 3),
        ("model=mlp data=digits", "mlp", "digits", 10),
        ("lenet5 mnist model=mlp data=digits", "mlp", "digits", 10),
        ("mlp data=.", "mlp", ".", 10),
    ],
)
def test_the_words_of_train_may_stand_in_any_order(line, model, data, epochs):
    made = words.plan(line.split())
    assert (made.model, made.data, made.settings.epochs) == (model, data, epochs)


def test_resume_takes_only_what_does_not_change_the_past():
    assert words.changes(["--epochs=5", "patience", "=", "2"]) == (["--epochs=5", "patience=2"], None)
    assert words.changes(["data=digits", "keep=3"]) == (["keep=3"], "digits")
    with pytest.raises(UserError) as caught:
        words.changes(["lr=1", "epohcs=3"])
    assert len(caught.value.lines) == 2
