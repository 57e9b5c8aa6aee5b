"""`chainrule signal`: tables, JSON and the picture, one or several first weights."""

import json

import pytest

from chainrule.cli.main import main

NET = ["signal", "mlp", "digits", "model.hidden=12", "model.depth=3", "batch_size=32"]


def said(capsys, *argv):
    assert main(list(argv)) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_one_kind_of_first_weights_with_all_four_figures(capsys):
    lines = said(capsys, *NET, "init=he").splitlines()
    assert lines[0].split() == ["layer", "kind", *["mean", "z", "var", "z", "mean", "δ", "var", "δ"]]
    assert [line.split()[:2] for line in lines[1:5]] == [[str(i), "Linear"] for i in (1, 3, 5, 7)]
    assert all(len(line.split()) == 6 for line in lines[1:5])
    assert lines[-1].startswith("he ") and lines[-1].count("×") == 4 and lines[-1].count("保持") == 2


def test_several_stand_side_by_side(capsys):
    lines = said(capsys, *NET, "init=normal,he", "--all").splitlines()
    assert lines[1].split() == ["layer", "kind", "normal", "z", "δ", "he", "z", "δ"]
    assert [line.split()[1] for line in lines[2:10]] == ["Flatten", *["Linear", "ReLU"] * 3, "Linear"]
    assert lines[-2].startswith("normal ") and "fades · 衰减" in lines[-2]
    assert lines[-1].startswith("he ") and "fades" not in lines[-1]


def test_json_has_every_layer_and_means(capsys):
    told = json.loads(said(capsys, *NET, "init=xavier,default", "--json"))
    assert (told["schema"], told["model"], told["data"]) == (1, "mlp", "digits")
    assert list(told["inits"]) == ["xavier", "default"]
    layers = told["inits"]["xavier"]["layers"]
    assert [s["gives"] for s in layers if s["weighted"]] == [[12], [12], [12], [10]]
    assert all(s["delta_var"] > 0 for s in layers)
    hidden = [s["var"] for s in layers if s["weighted"]][:-1]
    assert told["inits"]["xavier"]["factor"]["forward"] == pytest.approx((hidden[-1] / hidden[0]) ** 0.5)


TABLES = {
    "texts.csv": ["text,label", *["a fine film,good", "a dull film,bad"] * 20],
    "sales.csv": ["month,sales", *[f"{i},{i * 7 % 11}" for i in range(60)]],
    "wine.csv": ["a,b,y", *[f"{i * 7 % 11},{i * 5 % 13},{i % 4}" for i in range(60)]],
}


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (["text_gru", "texts.csv", "model.width=4", "model.pool=last"], ["Embedding", "GRU", "Linear"]),
        (
            ["text_cnn", "texts.csv", "model.width=4", "model.windows=(1,2)"],
            ["Embedding", "Conv1d", "Conv1d", "Linear"],
        ),
        (["series_gru", "sales.csv", "data.column=sales", "data.window=6"], ["GRU", "Linear"]),
        (["tabular", "wine.csv", "data.target=y", "model.hidden=(4,)"], ["Linear", "Linear"]),
    ],
)
def test_networks_of_other_kinds_have_a_signal_too(words, kinds, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name, lines in TABLES.items():
        (tmp_path / name).write_text("\n".join(lines))
    layers = json.loads(said(capsys, "signal", *words, "--json"))["inits"]["default"]["layers"]
    heavy = [s for s in layers if s["weighted"]]
    assert [s["kind"] for s in heavy] == kinds
    assert all(s["var"] > 0 and s["delta_var"] > 0 for s in heavy)


def test_what_is_no_number_is_null(capsys):
    told = json.loads(said(capsys, "signal", "mlp", "digits", "model.hidden=12", "--json"))
    assert told["inits"]["default"]["factor"] == {"forward": None, "backward": None}


def test_the_picture(capsys, tmp_path):
    path = tmp_path / "signal.png"
    assert said(capsys, *NET, "init=xavier,he", "--png", str(path)) == f"wrote {path}\n"
    assert path.read_bytes().startswith(b"\x89PNG")
    other = tmp_path / "spread.png"
    told = said(capsys, *NET, "init=xavier", "--histograms", str(other), "--json")
    assert other.read_bytes().startswith(b"\x89PNG")
    layers = json.loads(told)["inits"]["xavier"]["layers"]
    assert all(len(s["values"]["counts"]) == len(s["deltas"]["counts"]) == 80 for s in layers)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["mlp"], "expected chainrule signal MODEL DATA"),
        (["mlp", "digits", "init=he,hee"], "init=hee: expected one of default, xavier"),
        (["mlp", "digits", "init=he,he"], "init=he,he: he is given twice"),
        (["mlp", "digits", "init=he,normal", "init_gain=2"], "init=normal does not take it"),
        (["mlp", "digits", "model.depth=0"], "depth=0: expected at least 1"),
        (["ppo", "cartpole"], "ppo does not learn batch by batch, and the signal is that of a first batch"),
    ],
)
def test_mistakes_are_one_line(words, line, capsys):
    assert main(["signal", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and line in shown.err and "Traceback" not in shown.err and shown.err.count("\n") == 1
