"""Learning from tables: training, baselines beside it, resuming, prediction, and what is refused."""

import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from killing import killed

import chainrule
from chainrule.cli.main import main
from chainrule.errors import UserError
from chainrule.learn.tables.kind import TableFacts
from chainrule.runs import checkpoint

SHARED = Path(os.environ.get("CHAINRULE_SHARED", Path(__file__).parents[3] / "shared")) / "data"


def rows(n: int = 400, seed: int = 0) -> list[str]:
    """Classes that a curve and a category decide: no line tells them apart."""
    chance = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        a, b, shop = chance.normal(), chance.normal(), "xyz"[chance.integers(3)]
        y = "in" if (a * a + b * b < 1.4) != (shop == "z") else "out"
        out.append(f"{a:.4f},{'' if chance.random() < 0.05 else f'{b:.4f}'},{shop},{y}")
    return out


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("tables")
    (home / "rings.csv").write_text("a,b,shop,y\n" + "\n".join(rows()))
    chance = np.random.default_rng(1)
    curve = [(x, s) for x, s in zip(chance.uniform(-2, 2, 300), chance.integers(0, 2, 300), strict=True)]
    (home / "curve.csv").write_text("x,s,y\n" + "\n".join(f"{x},{s},{1000 + 50 * x * x + 30 * s}" for x, s in curve))
    return home


def train(home: Path, table: str = "rings.csv", **values):
    given = {
        "epochs": 10,
        "lr": 1e-2,
        "batch_size": 32,
        "runs": str(home / "runs"),
        "data": {"target": "y"},
        "device": "cpu",
    }
    return chainrule.train("tabular", home / table, **{**given, **values})


def test_decimal_commas_between_semicolons_are_numbers(tmp_path):
    from chainrule.data.tables.files import read_table

    (tmp_path / "a.csv").write_text("a;b;c\n1,5;x,y;7\n-20;z;8\n,;z;9\n".replace("\n,;", "\n;"))
    columns = read_table(str(tmp_path / "a.csv"), {}).columns
    assert columns == {"a": ["1.5", "-20", None], "b": ["x,y", "z", "z"], "c": ["7", "8", "9"]}


def test_the_report_of_numbers_shows_what_was_foretold(home):
    run = train(home, "curve.csv", epochs=2)
    assert (run.path / "report" / "foretold.png").stat().st_size > 5000
    assert "![foretold.png](foretold.png)" in (run.path / "report" / "report.md").read_text()


def test_a_class_of_a_few_rows_is_told(home, capsys):
    (home / "rare.csv").write_text("a,b,shop,y\n" + "\n".join([*rows(60), "1,1,x,never"]))
    words = ["data.target=y", "epochs=1", f"runs={home / 'runs'}"]
    assert main(["train", "tabular", str(home / "rare.csv"), *words]) == 0
    assert "target y: fewer than 5 rows of class never: not in every part" in capsys.readouterr().out


@pytest.fixture(scope="module")
def run(home):
    return train(home, name="rings")


@pytest.fixture(scope="module")
def numbers(home):
    return train(home, "curve.csv", name="curve", epochs=15, batch_size=8)


def test_a_network_learns_what_no_line_can_and_the_baselines_say_so(run):
    beside = run.finished["baselines"]
    assert set(beside) == {"majority", "logistic"}
    assert run.metrics["test_accuracy"] > 0.8 > 0.75 > beside["logistic"]["test_accuracy"]
    assert beside["majority"]["test_accuracy"] == max(_shares(run))
    report = (run.path / "report" / "report.md").read_text()
    assert "majority" in report and "logistic" in report and "confusion.png" in report


def _shares(run) -> list[float]:
    targets = run.part(None, "test").targets
    return (targets.bincount().double() / len(targets)).tolist()


def test_numbers_are_judged_in_their_own_units(numbers):
    figures = numbers.metrics
    beside = numbers.finished["baselines"]
    assert figures["test_r2"] > 0.95 and beside["linear"]["test_r2"] < 0.5
    assert 40 < math.sqrt(beside["mean"]["test_mse"]) < 90
    assert math.isclose(figures["test_mse"], figures["test_loss"] * numbers.facts.std**2, rel_tol=1e-4)


def test_what_was_measured_lies_in_the_run(run):
    facts = run.facts
    assert TableFacts.from_json(json.loads(json.dumps(facts.to_json()))) == facts
    assert facts.titles == ("a", "b", "shop", "y") and facts.columns[1].gaps and facts.classes == ("in", "out")
    assert run.evaluate() == pytest.approx({k[5:]: v for k, v in run.metrics.items() if k.startswith("test_")})


def test_another_table_is_foretold_with_its_columns_in_any_order(run, home):
    given = [line.split(",") for line in rows(60, seed=7)]
    (home / "new.csv").write_text("shop,extra,y,b,a\n" + "\n".join(f"{s},1,{y},{b},{a}" for a, b, s, y in given))
    found = run.predict(home / "new.csv")
    assert len(found) == 60 and found.figures["accuracy"] == run.evaluate(home / "new.csv")["accuracy"] > 0.8
    first = next(found.rows())
    assert list(first) == ["shop", "extra", "y", "b", "a", "predicted y", "probability"]
    assert first["predicted y"] in ("in", "out") and 0.5 <= first["probability"] <= 1
    assert "columns that training did not have are not looked at: extra" in found.lines[0]


def test_a_category_and_a_gap_that_training_never_saw_are_answered(run, home):
    (home / "odd.csv").write_text("a,b,shop\n,0.1,moon\n0.2,,\n")
    found = run.predict(home / "odd.csv")
    assert len(found) == 2 and found.shares is not None and np.isfinite(found.shares).all() and not found.figures
    assert found.lines == (
        "column shop: 1 rows with categories that training never saw (moon): taken as none of those it knows",
    )


def test_the_place_of_what_was_never_seen_stays_zero(run):
    assert not run.network.embeddings[0].weight[0].any()
    assert run.network.embeddings[0].weight[2:].any(1).all()


def test_a_file_without_titles_has_the_columns_of_the_training(numbers, home):
    (home / "bare.csv").write_text("0.5,1\n-1,0\n")
    found = numbers.predict(home / "bare.csv")
    assert found.answers == pytest.approx((1042.5, 1050.0), abs=15)
    (home / "bare3.csv").write_text("0.5,1,1042.5\n-1,0,1050\n")
    assert numbers.predict(home / "bare3.csv").figures["count"] == 2


def test_a_table_of_one_column_is_foretold_where_one_was_learned_from(home):
    (home / "lone.csv").write_text("shop,y\n" + "x,in\ny,out\n" * 10)
    one = train(home, "lone.csv", epochs=1, batch_size=8)
    (home / "shops.csv").write_text("shop\nx\ny\n")
    assert len(one.predict(home / "shops.csv")) == 2


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,shop\n1,x\n", "no column b: expected those that were learned from; it has a, shop"),
        ("a,b,shop\nu,1,x\nv,2,x\n", "column a holds 'u': expected a number, as in training"),
        ("a,b,shop\n1,1,x\n2,2\n", "line 3: 2 cells: expected 3"),
        ("1,2\n3,4\n", "2 columns without titles: expected the 4 of the training, or the 3 without y"),
        ("a,b,shop\n1,inf,x\n", "inf in column b"),
        ("", "an empty file"),
    ],
)
def test_a_wrong_table_to_foretell_is_one_line(run, home, text, says):
    (home / "wrong.csv").write_text(text)
    with pytest.raises(UserError) as caught:
        run.predict(home / "wrong.csv")
    assert says in str(caught.value)


def test_other_data_without_a_usable_target_is_not_judged(run, home):
    (home / "blind.csv").write_text("a,b,shop\n1,2,x\n")
    with pytest.raises(UserError, match="no column y: expected the target"):
        run.evaluate(home / "blind.csv")
    (home / "other.csv").write_text("a,b,shop,y\n1,2,x,maybe\n")
    with pytest.raises(UserError, match=r"classes that training never saw \(maybe\): expected in, out"):
        run.evaluate(home / "other.csv")
    assert "not judged" in run.predict(home / "other.csv").lines[-1]


def test_a_run_goes_on_to_the_same_bits(home):
    whole = train(home, name="whole", epochs=3, ema=0.9)
    part = train(home, name="part", epochs=1, ema=0.9)
    chainrule.resume(part.path, epochs=3)
    one, other = (checkpoint.load(Path(r.path) / "checkpoints").tensors for r in (whole, part))
    different = [k for k in one if not torch.equal(one[k], other[k]) and not k.startswith("random/")]
    assert not different
    (home / "rings.csv").write_text((home / "rings.csv").read_text() + "\n1,1,x,in")
    try:
        with pytest.raises(UserError, match="is not what run 'part' was trained on"):
            chainrule.resume(part.path, epochs=4)
    finally:
        (home / "rings.csv").write_text("a,b,shop,y\n" + "\n".join(rows()))


@pytest.mark.slow  # half a minute of tracing
def test_a_compiled_step_learns_the_same(home, monkeypatch):
    backend = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **named: backend(f, **{**named, "backend": "aot_eager"}))
    eager, compiled = (train(home, epochs=2, compile=flag, gear="formula") for flag in (False, True))
    assert compiled.metrics["test_loss"] == pytest.approx(eager.metrics["test_loss"], rel=1e-4)
    assert "compiled" in next(e for e in _events(compiled) if e["event"] == "start")["form"]
    assert not [e for e in _events(compiled) if "does not work here" in e.get("text", "")]


def _events(run) -> list[dict]:
    return [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]


@pytest.mark.parametrize(
    "values",
    [
        {"overfit": 1, "epochs": 40, "lr": 0.05, "batch_size": 8, "model": {"dropout": 0.0}},
        {"balance": "loss", "label_smoothing": 0.1, "epochs": 1},
        {"balance": "sampler", "init": "he", "epochs": 1, "accumulate": 2},
        {"optimizer": "lbfgs", "batch_size": 512, "epochs": 1},
        {"model": {"hidden": 8, "embedding_dim": 3, "activation": "gelu"}, "epochs": 1, "val": 0.0},
    ],
)
def test_settings_of_a_run_work_for_tables(home, values):
    run = train(home, **values)
    assert np.isfinite(list(run.metrics.values())).all()
    if "overfit" in values:
        assert run.metrics["train_accuracy"] == 1.0


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"size": (8, 8)}, "size=(8, 8): tabular has no use for it"),
        ({"freeze": "backbone"}, "freeze=backbone: tabular has no use for it"),
        ({"model": {"numbers": 3}}, "model.numbers: the table says it, 3; leave it out"),
        ({"data": {"target": "y", "test": 1.0}}, "data.test=1.0: expected the share"),
        ({"data": {"target": "y", "split": -1}}, "data.split=-1: expected an integer"),
        ({"data": {"tarqet": "y"}}, "did you mean target?"),
        ({"loss": "l1"}, "loss=l1: expected"),
        ({"model": {"activation": "rely"}}, "unknown activation 'rely'"),
    ],
)
def test_a_wrong_setting_leaves_no_folder(home, values, says):
    with pytest.raises(UserError) as caught:
        train(home, name="never", **values)
    assert says in str(caught.value) and not (home / "runs" / "never").exists()


def test_words_on_the_command_line(run, home, capsys, tmp_path):
    (home / "two.csv").write_text("a,b,shop\n0,0,x\n3,3,x\n")
    out = tmp_path / "out.csv"
    assert main(["predict", str(run.path), str(home / "two.csv"), "--csv", str(out)]) == 0
    assert out.read_text().splitlines()[0] == "a,b,shop,predicted y,probability"
    assert [line.split(",")[3] for line in out.read_text().splitlines()[1:]] == ["in", "out"]
    assert main(["predict", str(run.path), str(home / "two.csv")]) == 0
    assert main(["predict", str(run.path), str(home / "two.csv"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out.partition("[")[2].join(["[", ""]))[1]["predicted y"] == "out"
    assert main(["evaluate", str(run.path)]) == 0 and "accuracy" in capsys.readouterr().out
    assert main(["predict", str(run.path), str(home / "two.csv"), "--sheet", "x.png"]) == 2
    assert "learned from a table" in capsys.readouterr().err
    assert main(["export", str(run.path), "--to", "safetensors"]) == 0
    assert main(["train", "tabular", str(home), "data.target=y"]) == 2
    assert "a folder: expected a table" in capsys.readouterr().err


def test_without_scikit_learn_the_commonest_answer_still_stands_beside(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    assert set(train(home, epochs=1).finished["baselines"]) == {"majority"}


@pytest.mark.skipif(not (SHARED / "tabular").is_dir(), reason="the real tables are not here")
@pytest.mark.parametrize("name", ["abalone", "banknote", "boston", "california", "wine-red", "wine-white"])
def test_known_tables_are_found_by_name(name, monkeypatch):
    from chainrule.data.held import Held
    from chainrule.data.tables.reading import load_table

    monkeypatch.setenv("CHAINRULE_DATA", str(SHARED))
    table = load_table(name, {}, Held())
    count = {
        "abalone": 4177,
        "banknote": 1372,
        "boston": 506,
        "california": 20640,
        "wine-red": 1599,
        "wine-white": 4898,
    }
    parts = (table.train, table.val, table.test)
    assert sum(len(part) for part in parts if part is not None) == count[name]
    assert (table.task == "regression") == (name in ("abalone", "boston", "california"))


def test_a_known_table_that_is_not_here_says_where_it_belongs(tmp_path, monkeypatch):
    monkeypatch.setenv("CHAINRULE_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UserError, match=r"boston is not on this machine: put housing.csv \(Harrison"):
        chainrule.train("tabular", "boston", runs=str(tmp_path))


def kill(home: Path, folder: Path, kills: int) -> str:
    words = [f"tabular@{home / 'rings.csv'}", "data.target=y", "epochs=2", "batch_size=100", "ema=0.9"]
    return killed(folder, kills, *words)


def test_final_weights_are_the_same_bits_after_kills(home, tmp_path):
    assert kill(home, tmp_path, 2)


@pytest.mark.slow
def test_20_kills(home, tmp_path):
    assert kill(home, tmp_path, 20).startswith("2")
