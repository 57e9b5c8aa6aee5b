"""Forecasts of time series: split by time, judged beside honest rivals, and what is refused."""

import inspect
from pathlib import Path

import numpy as np
import pytest
import torch
from killing import killed

import chainrule
from chainrule.catalog import MODELS
from chainrule.cli.main import main
from chainrule.data.series import period_of
from chainrule.errors import UserError
from chainrule.learn.run import open_run
from chainrule.learn.series.data import Reading, SeriesFacts, read
from chainrule.learn.series.rivals import rivals
from chainrule.runs import checkpoint

NAMES = [name for name, entry in MODELS.items() if entry.kind == "series"]
FEW = {"epochs": 3, "lr": 0.01, "batch_size": 32, "threads": 1}


def wave(n=160, noise=0.0):
    t = np.arange(n)
    return 10 + 3 * np.sin(t * 2 * np.pi / 12) + noise * np.random.default_rng(0).normal(size=n)


def table(path: Path, *columns: np.ndarray, heads="day,rain,wind") -> Path:
    rows = [
        ",".join([str(i), *(f"{v!r}" for v in map(float, row))]) for i, row in enumerate(zip(*columns, strict=True))
    ]
    path.write_text("\n".join([",".join(heads.split(",")[: len(columns) + 1]), *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("series")
    table(root / "wave.csv", wave())
    table(root / "two.csv", wave(), wave(noise=1.0))
    return root


def trained(place, network="series_gru", file="wave.csv", /, **values):
    return chainrule.train(network, place / file, runs=str(place / "runs"), **{**FEW, **values})


@pytest.fixture(scope="module")
def run(place):
    return trained(place, name="wave", data={"window": 12}, epochs=30, model={"hidden": 16})


@pytest.mark.parametrize("name", NAMES)
def test_the_options_beside_it_are_its_constructors_and_every_layer_is_ours(name):
    signature = inspect.signature(MODELS[name].load()).parameters
    assert {k: p.default for k, p in list(signature.items())[1:]} == dict(MODELS[name].options)
    strange = {type(m).__name__ for m in MODELS[name].load()().modules() if "chainrule" not in type(m).__module__}
    assert strange <= {"ModuleList", "Identity"}


def test_nothing_of_the_future_is_in_the_training_part(place):
    data = read(str(place / "two.csv"), Reading(column="rain", beside="wind", window=12, horizon=3, test=0.25), 0.2)
    val, test = data.begins
    assert (val, test) == (96, 120) and data.val is not None and data.test is not None
    assert data.train.at.max() + 3 <= val <= data.val.at.min() and data.val.at.max() + 3 <= test <= data.test.at.min()
    z, at = data.facts.standardised(data.series.values), int(data.train.at[5])
    assert torch.equal(data.train.x[5], z[at - 12 : at]) and torch.equal(data.train.y[5], z[at : at + 3, 0])
    past = data.series.values[:val]
    assert np.allclose(data.facts.mean, past.mean(0)) and np.allclose(data.facts.std, past.std(0))
    assert SeriesFacts.from_json(data.facts.to_json()) == data.facts
    changed = table(place / "later.csv", *(np.where(np.arange(160) < test, c, 99.0) for c in data.series.values.T))
    later = read(str(changed), Reading(column="rain", beside="wind", window=12, horizon=3, test=0.25), 0.2)
    assert later.facts.mean == data.facts.mean and torch.equal(later.train.x, data.train.x)
    assert later.fingerprint != data.fingerprint


def test_the_network_is_judged_beside_what_costs_nothing(run):
    assert set(run.finished["baselines"]) == {"persistence", "season of 12", "AR(12)"}
    assert run.metrics["test_rmse"] < run.finished["baselines"]["persistence"]["test_rmse"]
    assert run.verdict[0].startswith("test rmse") and "does not beat" in run.verdict[0] and "AR(12)" in run.verdict[0]
    text = (run.path / "report" / "report.md").read_text()
    assert "does not beat season of 12" in text and "未胜过" in text and "forecast.png" in text
    assert (run.path / "report" / "forecast.png").stat().st_size > 10_000


def test_a_forecast_goes_on_behind_the_end(run, place):
    said = run.predict(wave())
    assert len(said) == 1 and abs(said[0] - wave(161)[-1]) < 1.5
    assert run.predict(place / "wave.csv") == said
    with pytest.raises(UserError, match="a series of 5 rows: expected at least 12, the window of the run"):
        run.predict(wave(5))
    with pytest.raises(UserError, match="a series that holds nan or inf: expected finite numbers"):
        run.predict(np.full(20, np.nan))
    with pytest.raises(UserError, match=r"a series of shape \(20, 2\): expected \[rows, 1\]"):
        run.predict(np.zeros((20, 2)))


def test_several_steps_and_columns(place):
    run = trained(place, "series_transformer", "two.csv", data={"column": "rain", "beside": ("wind",), "horizon": 13})
    assert len(run.predict(place / "two.csv")) == 13 and run.facts.columns == ("rain", "wind")
    assert "season of 12" in run.finished["baselines"] and run.finished["baselines"]["season of 12"]["test_rmse"] < 1e-9


@pytest.mark.parametrize("name", ["series_lstm", "series_rnn", "series_peephole", "series_mlp"])
def test_other_readers_learn_too(place, name):
    run = trained(place, name, data={"window": 12}, epochs=8, model={"hidden": 8})
    assert run.metrics["test_r2"] > 0.5


def test_it_begins_as_persistence_unless_told_otherwise():
    net = MODELS["series_mlp"].load()()
    for p in net.parameters():
        torch.nn.init.zeros_(p)
    x = torch.randn(3, 24, 1)
    assert torch.equal(net(x), x[:, -1]) and not MODELS["series_mlp"].load()(residual=False).residual


def test_logarithms_are_undone(place, tmp_path):
    grows = table(tmp_path / "grows.csv", np.exp(np.arange(90) / 20))
    data = read(str(grows), Reading(window=3, log=True), 0.1)
    assert data.test is not None
    truth = data.series.values[data.test.at, 0]
    assert np.allclose(data.facts.units(data.test.y)[:, 0].numpy(), truth, rtol=1e-5)
    assert rivals(data)["AR(3)"]["test_rmse"] < 1e-3 < rivals(data)["persistence"]["test_rmse"]
    table(tmp_path / "falls.csv", np.arange(90) - 5.0)
    with pytest.raises(UserError, match=r"data.log=true: falls holds -5: expected numbers above 0"):
        read(str(tmp_path / "falls.csv"), Reading(window=3, log=True), 0.1)


def test_the_rivals_are_those_of_the_literature_on_real_series(shared_data):
    """Measured before with numpy alone: persistence 48.0, season 41.9, AR(12) 20.95; 18.40, 16.82; 2.62, 2.34."""
    home = shared_data / "timeseries"
    wanted = {
        "airline-passengers": (12, {"persistence": 48.04, "season of 12": 41.85, "AR(12)": 20.95}),
        "monthly-sunspots": (24, {"persistence": 18.40, "AR(24)": 16.82}),
        "daily-min-temperatures": (14, {"persistence": 2.62, "AR(14)": 2.34}),
    }
    for name, (window, figures) in wanted.items():
        found = rivals(read(str(home / f"{name}.csv"), Reading(window=window), 0.0))
        for rival, value in figures.items():
            assert found[rival]["test_rmse"] == pytest.approx(value, rel=3e-3), (name, rival)


def test_a_period_is_found_where_there_is_one():
    rng = np.random.default_rng(0)
    assert period_of(wave(noise=0.3)) == 12 and period_of(wave() + np.arange(160)) == 12
    assert period_of(rng.normal(size=200)) == period_of(np.ones(30)) == period_of(np.arange(3.0)) == 0


def test_a_run_goes_on_where_it_was_and_refuses_other_numbers(place, run):
    short = trained(place, name="short", data={"window": 12}, epochs=20, model={"hidden": 16})
    longer = chainrule.resume(short.path, epochs=30)
    one, other = (checkpoint.load(r.folder.checkpoints).tensors for r in (run, longer))
    assert all(torch.equal(v, other[k]) for k, v in one.items() if k.startswith("model/"))
    with pytest.raises(UserError, match="is not what run 'wave' was trained on"):
        chainrule.resume(run.path, data=table(place / "else.csv", wave(noise=0.1)), epochs=31)


WRONG = {
    "a gap": ("t,x\n1,2\n2,\n", {}, r"line 3: nothing in column x"),
    "nan": ("t,x\n1,2\n2,nan\n", {}, r"a.csv line 3, column x: 'nan': expected a finite number; fill gaps"),
    "inf": ("t,x\n1,inf\n2,3\n", {}, r"line 2, column x: 'inf': expected a finite number"),
    "a word": ("t,x\n1,2\n2,cold\n", {}, r"line 3, column x: 'cold': expected a finite number"),
    "ragged": ("t,x\n1,2\n2\n", {}, r"line 3: 1 columns: expected 2"),
    "empty": ("", {}, r"a.csv: an empty file"),
    "constant": (
        "t,x\n" + "1,2\n" * 60,
        {"window": 3},
        r"column 'x' is constant in the training part: expected numbers",
    ),
    "too short": ("t,x\n1,2\n2,3\n3,4\n", {}, r"3 rows leave 1 for training: expected at least 26 for data.window=24"),
    "no such column": ("t,x\n1,2\n", {"column": "y"}, r"unknown column of .*a.csv 'y': expected one of t, x"),
    "a column twice": ("t,x\n1,2\n", {"column": "x", "beside": "x"}, r"column 'x' is named twice: expected each once"),
    "no window": ("t,x\n1,2\n", {"window": 0}, r"data.window=0: expected an integer of at least 1"),
    "no horizon": ("t,x\n1,2\n", {"horizon": 1.5}, r"data.horizon=1.5: expected an integer of at least 1"),
    "a long season": (
        "t,x\n" + "".join(f"{i},{i % 7}\n" for i in range(60)),
        {"window": 3, "period": 40},
        r"data.period=40: expected less than the 36 rows of the training part",
    ),
    "logarithm of what": ("t,x\n1,2\n", {"log": 3}, r"data.log=3: expected true or false"),
    "a share of one": ("t,x\n1,2\n", {"test": 1}, r"data.test=1: expected a share in \[0, 1\)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_with_a_series_is_one_line_and_leaves_no_run(tmp_path, name):
    text, data, message = WRONG[name]
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(UserError, match=message) as caught:
        chainrule.train("series_mlp", tmp_path / "a.csv", runs=str(tmp_path / "runs"), data=data)
    assert len(caught.value.lines) == 1 and not (tmp_path / "runs").exists()


def test_other_mistakes_are_one_line(place, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=r"a folder of 0 tables: expected one .csv or .tsv"):
        chainrule.train("series_mlp", tmp_path / "empty", runs=str(tmp_path))
    with pytest.raises(UserError, match=r"heads=3: expected a divisor of model.width=8"):
        trained(place, "series_transformer", model={"width": 8, "heads": 3})
    with pytest.raises(UserError, match="balance=loss: series_mlp has no use for it"):
        trained(place, "series_mlp", balance="loss")
    with pytest.raises(UserError, match=r"model.residual='maybe': expected true or false"):
        trained(place, "series_mlp", model={"residual": "maybe"})


def test_the_command_line_forecasts(run, place, capsys):
    assert main(["predict", str(run.path)]) == 0
    shown = capsys.readouterr().out.split()
    assert shown[:3] == ["steps", "ahead", "rain"]
    assert main(["predict", str(run.path), str(place / "wave.csv"), "--csv", "-"]) == 0
    assert capsys.readouterr().out.split()[0] == "step,rain"
    assert main(["predict", str(run.path), "--json"]) == 0
    assert '"column": "rain"' in capsys.readouterr().out
    assert main(["predict", str(run.path), "a.csv", "b.csv"]) == 2
    assert (
        capsys.readouterr().err == "error: 2 tables: expected one, or none for the series that the run was trained on\n"
    )
    assert main(["predict", str(run.path), "nowhere.csv"]) == 2
    assert "data 'nowhere.csv': expected the path of a table" in capsys.readouterr().err
    assert main(["predict", str(run.path), "--tta", "flip"]) == 2
    assert main(["evaluate", str(run.path)]) == 0 and "rmse" in capsys.readouterr().out
    assert open_run(run.path).evaluate(split="val")["rmse"] > 0


def kill(place, folder, kills):
    words = ["epochs=2", "batch_size=16", "model.hidden=8", "model.num_layers=2", "model.dropout=0.2", "ema=0.9"]
    return int(killed(folder, kills, f"series_lstm@{place / 'wave.csv'}", *words, seconds=600).split()[0])


@pytest.mark.slow
def test_20_kills(place, tmp_path):
    assert kill(place, tmp_path, 20) >= 20
