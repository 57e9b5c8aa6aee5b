"""Runs of tables, series, codes and agents, exported: the same answers elsewhere and by the script."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import chainrule
from chainrule.cli.main import main
from chainrule.errors import UserError

ort = pytest.importorskip("onnxruntime", reason="the extra `export` is not installed")
pytest.importorskip("onnxscript", reason="the extra `export` is not installed")

TABLE = """size,colour,when,fresh,price,kind
1.5,red,2020-01-05,yes,10.5,a
,blue,2020-02-05 12:00,no,20,b
2.5,,2020/03/05,yes,30,a
3.5,red,2021-01-05,,40,b
"""
NEW = "colour,fresh,when,size\nred,no,2022-01-05,9.25\ngreen,,,\n?,yes,2020-01-06 06:30:30,0\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("parcels")
    head, *rows = TABLE.splitlines()
    (root / "t.csv").write_text("\n".join([head, *rows * 8]) + "\n")
    (root / "only.csv").write_text("colour,form,kind\n" + "red,round,a\nblue,long,b\n" * 10)
    (root / "new.csv").write_text(NEW)
    numbers = [f"{i},{np.sin(i / 3):.4f},{i % 5}" for i in range(90)]
    (root / "s.csv").write_text("\n".join(["day,wave,beside", *numbers]) + "\n")
    (root / "g.csv").write_text("\n".join(["day,size", *(f"{i},{1.05**i:.4f}" for i in range(90))]) + "\n")
    return root


def trained(place, network, source, **values):
    few = {"epochs": 1, "threads": 1, "runs": str(place), "name": f"{network}-{len(list(place.iterdir()))}"}
    return chainrule.train(network, source, **{**few, **values})


def said_by(script, *words):
    """What a script prints, where chainrule cannot be imported."""
    block = "import sys; sys.modules['chainrule'] = None; import runpy; sys.argv = sys.argv[1:]; "
    block += "runpy.run_path(sys.argv[0], run_name='__main__')"
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    command = [sys.executable, "-W", "error::UserWarning", "-c", block, str(script), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def named(made):
    return {path.name: path for path in made.files}


def table(place, target):
    skip = {"price": "kind", "kind": "price"}[target]
    return trained(place, "tabular", str(place / "t.csv"), data={"target": target, "skip": skip}, batch_size=8)


@pytest.mark.parametrize("to", ["onnx", pytest.param("torch", marks=pytest.mark.slow)])
def test_a_table_of_classes_goes_in_as_it_is_written(place, to):
    run = table(place, "kind")
    assert [column.kind for column in run.facts.columns] == ["number", "category", "date", "boolean"]
    made = run.export(to)
    said, own = said_by(named(made)[f"use_{to}.py"], place / "new.csv"), run.predict(place / "new.csv")
    assert made.lines[0].startswith("checked") and own.shares is not None
    assert [label for label, _ in said] == list(own.answers)
    assert [float(share) for _, share in said] == pytest.approx(own.shares.max(1).tolist(), abs=1e-4)


@pytest.mark.slow
def test_a_table_of_numbers_answers_in_its_units(place):
    run = table(place, "price")
    said, own = said_by(run.export().files[-1], place / "new.csv"), run.predict(place / "new.csv")
    assert [float(value) for (value,) in said] == pytest.approx(list(own.answers), rel=1e-5)


@pytest.mark.slow
def test_a_table_of_categories_alone_has_no_numbers_to_put_in(place):
    run = trained(place, "tabular", str(place / "only.csv"), data={"target": "kind"}, batch_size=8)
    made = run.export()
    session = ort.InferenceSession(made.files[0])
    assert [entry.name for entry in session.get_inputs()] == ["categories"]
    (place / "few.csv").write_text("form,colour\nround,blue\nlong,red\n,pink\n")
    assert [label for label, _ in said_by(made.files[-1], place / "few.csv")] == list(
        run.predict(place / "few.csv").answers
    )


@pytest.mark.parametrize(
    ("model", "file", "data"),
    [
        ("series_mlp", "g.csv", {"column": "size", "window": 6, "log": True}),
        *(
            pytest.param(model, "s.csv", data, marks=pytest.mark.slow)
            for model, data in (
                ("series_gru", {"column": "wave", "beside": "beside", "window": 6, "horizon": 2}),
                ("series_rnn", {"column": "wave", "window": 6}),
                ("series_peephole", {"column": "wave", "window": 6}),
                ("series_lstm", {"column": 1, "window": 4}),
                ("series_transformer", {"column": "wave", "window": 4}),
            )
        ),
    ],
)
def test_a_series_goes_in_and_comes_out_in_its_own_units(place, model, file, data):
    run = trained(place, model, str(place / file), data=data)
    own = run.predict(place / file)
    for to in ("onnx", "torch"):
        (said,) = said_by(named(run.export(to))[f"use_{to}.py"], place / file)
        assert said[0] == str(place / file) and [float(v) for v in said[1:]] == pytest.approx(own, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("model", ["vae", pytest.param("conv_autoencoder", marks=pytest.mark.slow)])
def test_codes_go_out_and_images_come_back(place, model):
    small = {"latent": 3, **({"hidden": (8,)} if model == "vae" else {"channels": (4, 4)})}
    run = trained(place, model, "digits", model=small, size=16)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 19), dtype=np.uint8)).save(place / "one.png")
    own, made = run.predict(place / "one.png")[0], run.export()
    assert sorted(named(made)) == ["decoder.onnx", "model.onnx", "use_onnx.py"]
    ((_, error, *code),) = said_by(named(made)["use_onnx.py"], place / "one.png")
    assert float(error) == pytest.approx(own.mse, abs=1e-5)
    assert [float(v) for v in code] == pytest.approx(list(own.code), abs=1e-4)
    z = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
    shown = ort.InferenceSession(named(made)["decoder.onnx"]).run(None, {"code": z.numpy()})[0]
    assert np.allclose(shown, run.decode(z).numpy(), atol=1e-5)
    ((_, again, *_),) = said_by(named(run.export("torch"))["use_torch.py"], place / "one.png")
    assert again == error


FEW = {"hidden": (8,), "steps": 100, "envs": 2, "episodes": 1}


@pytest.mark.parametrize(
    ("model", "world", "to"),
    [
        ("ppo", "cartpole", "onnx"),
        pytest.param("dqn", "gym:FrozenLake-v1", "torch", marks=pytest.mark.slow),
        pytest.param("ppo", "gym:Pendulum-v1", "onnx", marks=pytest.mark.slow),
        pytest.param("reinforce", "gym:Acrobot-v1", "torch", marks=pytest.mark.slow),
    ],
)
def test_an_agent_acts_elsewhere_as_it_does_here(place, model, world, to):
    gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    run = trained(place, model, world, model=FEW)
    made = run.export(to)
    (seed, said), *_ = said_by(named(made)[f"use_{to}.py"], 1)
    name = "CartPole-v1" if world == "cartpole" else world.removeprefix("gym:")
    env, total, over = gymnasium.make(name), 0.0, False
    state, _ = env.reset(seed=0)
    while not over:
        row = np.eye(run.facts.states)[state] if np.ndim(state) == 0 else state
        act = run.act(torch.tensor(np.array(row), dtype=torch.float32)[None])[0].numpy()
        state, reward, terminated, truncated, _ = env.step(act if np.ndim(act) else int(act))
        total, over = total + float(reward), terminated or truncated
    assert (seed, float(said.split()[1])) == ("seed 0", pytest.approx(total, rel=1e-4))


@pytest.mark.slow
def test_the_actions_of_a_box_lie_within_it(place):
    pytest.importorskip("gymnasium", reason="gymnasium is not installed")
    run = trained(place, "ppo", "gym:Pendulum-v1", model=FEW)
    session = ort.InferenceSession(run.export(out=place / "box").files[0])
    (action,) = session.run(None, {"state": np.random.default_rng(0).normal(0, 1e4, (50, 3)).astype(np.float32)})
    assert [entry.name for entry in session.get_outputs()] == ["action"] and np.abs(action).max() <= 2


def test_weights_come_with_what_is_known(place, capsys):
    run = table(place, "kind")
    assert main(["export", str(run.path), "--to", "safetensors", "--out", str(place / "weights")]) == 0
    assert "no script: without chainrule nothing builds tabular as it is here" in capsys.readouterr().out
    known = json.loads((place / "weights" / "model.json").read_text())
    assert known["classes"] == ["a", "b"] and known["columns"][1]["categories"] == ["blue", "red"]
    assert sorted(path.name for path in (place / "weights").iterdir()) == ["model.json", "model.safetensors"]


def test_what_cannot_be_is_one_line(place):
    run = table(place, "kind")
    with pytest.raises(UserError, match="fold_bn: tabular has no batch norm"):
        run.export(fold_bn=True)
    with pytest.raises(UserError, match="did you mean onnx"):
        run.export("onx")


@pytest.mark.parametrize(("model", "data", "use"), [("gcn", "karate", "[GRAPH]"), ("gin", "motifs", "[SET|FILE]")])
def test_a_run_on_graphs_says_why_it_is_not_exported_and_what_answers(place, capsys, model, data, use):
    run = trained(place, model, data)
    assert main(["export", str(run.path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "cannot export: an export takes numbers of one shape, and this network reads a graph; use " in line
    assert f"`chainrule predict {run.path} {use}" in line
