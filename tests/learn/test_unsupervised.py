"""Unsupervised learning: figures, baselines, pictures, resuming, samples and codes, and what is refused."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from killing import killed
from PIL import Image

import chainrule
from chainrule.cli.main import main
from chainrule.errors import UserError
from chainrule.learn.unsupervised.latent import clustered, noisy, pixels
from chainrule.runs import checkpoint

SMALL = {"latent": 4, "hidden": (64,)}


def train(home: Path, network: str = "vae", **values):
    given = {"epochs": 2, "lr": 3e-3, "batch_size": 64, "size": 8, "runs": str(home), "device": "cpu", "model": SMALL}
    return chainrule.train(network, "digits", **{**given, **values})


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("codes")


@pytest.fixture(scope="module")
def drawn(home):
    return train(home, name="vae", epochs=5, batch_size=16, lr=5e-3)


@pytest.fixture(scope="module")
def plain(home):
    return train(home, "denoising_autoencoder", name="plain", epochs=5, batch_size=16, lr=5e-3)


def test_figures_stand_beside_pca_and_k_means(drawn, plain):
    told, beside = drawn.metrics, drawn.finished["baselines"]
    assert told["test_elbo"] == pytest.approx(-told["test_reconstruction"] - told["test_kl"])
    assert told["test_loss"] == pytest.approx(-told["test_elbo"]) and told["test_kl"] > 0.5
    assert 0.2 < told["test_explained"] < 1 and 0.1 < beside["PCA"]["test_explained"] < 1
    for who in (told, beside["PCA"], beside["pixels"]):
        assert 0.3 < who["test_cluster_accuracy"] <= 1 and 0.2 < who["test_nmi"] <= 1
    assert "test_mse" not in beside["pixels"] and "elbo" not in "".join(plain.metrics)
    assert plain.verdict is not None and "PCA" in plain.verdict[0]
    curve = [event["val_explained"] for event in _epochs(plain)]
    assert curve[-1] > curve[0] and max(curve) > 0.3


def test_a_denoising_network_and_pca_are_judged_through_the_same_noise(plain):
    told, beside = plain.metrics, plain.finished["baselines"]
    x = pixels(plain.part(None, "test"), 10_000)[0]
    seen = noisy(plain.network, x.unflatten(1, plain.facts.shape))
    assert beside["untouched"]["test_mse"] == pytest.approx(float((seen.clamp(0, 1).flatten(1) - x).square().mean()))
    made = plain.decode(plain.encode(seen)).flatten(1)
    assert told["test_mse"] == pytest.approx(float((made - x).square().mean()), rel=1e-5)
    assert told["test_mse"] < beside["untouched"]["test_mse"]
    clean = float((plain.decode(plain.encode(x.unflatten(1, plain.facts.shape))).flatten(1) - x).square().mean())
    assert told["test_mse"] > clean


def _epochs(run) -> list[dict]:
    events = [json.loads(line) for line in (run.path / "log.jsonl").read_text().splitlines()]
    return [event for event in events if event["event"] == "epoch"]


def test_pictures_lie_in_the_report_and_show_something(drawn, plain):
    for run, names in (
        (drawn, ("reconstructions", "codes", "between", "samples", "traversal")),
        (plain, ("reconstructions", "codes", "between")),
    ):
        text = (run.path / "report" / "report.md").read_text()
        for name in names:
            assert f"{name}.png" in text
            with Image.open(run.path / "report" / f"{name}.png") as image:
                assert min(image.size) > 150 and np.asarray(image.convert("L")).std() > 10
    assert not (plain.path / "report" / "samples.png").exists()


def test_clusters_are_held_against_classes_under_any_names():
    codes = torch.cat([torch.randn(30, 2) * 0.1 + 5 * k for k in range(3)])
    found = clustered(codes, torch.tensor([2] * 30 + [0] * 30 + [1] * 30), 3)
    assert found == {"cluster_accuracy": 1.0, "nmi": pytest.approx(1.0), "ari": 1.0}
    assert clustered(torch.full((5, 2), torch.nan), torch.zeros(5, dtype=torch.int64), 2) == {}


def test_codes_of_files_and_samples(drawn, plain, tmp_path, capsys):
    x, _ = drawn.part(None, "test").batch(torch.arange(3))
    for i, image in enumerate(x):
        Image.fromarray((image[0] * 255).round().byte().numpy()).save(tmp_path / f"{i}.png")
    found = drawn.predict(tmp_path)
    assert np.allclose([one.code for one in found], drawn.encode(x).numpy(), atol=1e-2)
    assert len(found[0].code) == 4 and 0 < found[0].mse < 0.2
    assert torch.equal(drawn.sample(5, seed=1), drawn.sample(5, seed=1)) and drawn.sample(5).shape == (5, 1, 8, 8)
    out = tmp_path / "codes.csv"
    assert main(["predict", str(drawn.path), str(tmp_path), "--csv", str(out)]) == 0
    with out.open() as file:
        lines = list(csv.reader(file))
    assert lines[0] == ["file", "mse", "z1", "z2", "z3", "z4"] and len(lines) == 4
    assert main(["predict", str(plain.path), str(tmp_path / "0.png")]) == 0
    assert main(["sample", str(drawn.path), "--count", "6", "--columns", "3", "--out", str(tmp_path / "s.png")]) == 0
    with Image.open(tmp_path / "s.png") as image:
        assert image.width > image.height > 200
    assert main(["evaluate", str(drawn.path)]) == 0 and "elbo" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sample", "{plain}"], "codes of no known distribution: expected a variational"),
        (["sample", "{drawn}", "--out", "x.jpg"], "expected a file name that ends in .png"),
        (["sample", "{drawn}", "--out", "no/where/x.png"], "there is no folder"),
        (["sample", "{drawn}", "--count", "0"], "0 is not in the range"),
        (["predict", "{drawn}", "{here}/none.png"], "no such file"),
        (["predict", "{drawn}", "{here}/text.png"], "text.png"),
        (["predict", "{drawn}"], "no image given"),
        (["predict", "{drawn}", "a.png", "--tta", "flip"], "expected none of them"),
        (["explain", "{drawn}", "{here}/text.png"], "cannot explain"),
        (["export", "{drawn}", "--fold-bn"], "vae has no batch norm"),
    ],
)
def test_a_wrong_use_is_one_line(drawn, plain, tmp_path, capsys, words, says):
    (tmp_path / "text.png").write_text("no picture")
    given = [word.format(plain=plain.path, drawn=drawn.path, here=tmp_path) for word in words]
    assert main(given) == 2
    told = capsys.readouterr().err
    assert says in told and "Traceback" not in told


@pytest.mark.parametrize(
    ("model", "values", "says"),
    [
        ("vae", {"loss": "mse"}, "loss=mse: vae has no use for it"),
        ("vae", {"overfit": 1}, "overfit=1: vae has no use for it"),
        ("vae", {"folds": 3, "fold": 1}, "folds=3: vae has no use for it"),
        ("vae", {"freeze": "backbone"}, "freeze=backbone"),
        ("vae", {"model": {"shape": (1, 8, 8)}}, "model.shape: the data say it, 1×8×8"),
        ("vae", {"model": {"noise": 0.3}}, "model.noise: vae does not take it"),
        ("vae", {"model": {"latent": 0}}, "latent=0"),
        ("conv_vae", {"model": {}, "size": 6}, "images of 6×6 with 2 layers that halve them"),
        ("autoencoder", {"model": {"hidden": ("a",)}}, "could not be made"),
    ],
)
def test_a_wrong_setting_leaves_no_folder(home, model, values, says):
    with pytest.raises(UserError) as caught:
        train(home, model, name="never", **values)
    assert says in str(caught.value) and not (home / "never").exists()


@pytest.mark.parametrize(
    ("model", "values"),
    [
        ("conv_vae", {"model": {"latent": 2, "channels": (8,), "likelihood": "gaussian", "beta": 4.0}, "ema": 0.9}),
        ("conv_autoencoder", {"model": {"latent": 2, "channels": (8,)}, "augment": "shift", "accumulate": 2}),
        ("autoencoder", {"model": {**SMALL, "noise": 0.2, "corruption": "gaussian"}, "optimizer": "lion", "val": 0.0}),
    ],
)
def test_forms_and_settings_learn(home, model, values):
    run = train(home, model, epochs=1, **values)
    assert np.isfinite(list(run.metrics.values())).all()


@pytest.mark.parametrize("model", ["vae", "denoising_autoencoder"])
def test_a_run_goes_on_to_the_same_bits(home, model):
    whole, part = (train(home, model, name=f"{model}-{n}", epochs=n, ema=0.9) for n in (2, 1))
    chainrule.resume(part.path, epochs=2)
    one, other = (checkpoint.load(Path(r.path) / "checkpoints").tensors for r in (whole, part))
    assert not [k for k in one if not torch.equal(one[k], other[k]) and not k.startswith("random/")]


@pytest.mark.slow
def test_a_compiled_step_learns_the_same(home):
    eager, compiled = (train(home, compile=flag) for flag in (False, True))
    assert compiled.metrics["test_loss"] == pytest.approx(eager.metrics["test_loss"], rel=1e-3)


def kill(folder: Path, kills: int) -> str:
    words = ["vae", "epochs=2", "size=8", "model.latent=2", "model.hidden=(32,)", "batch_size=128", "ema=0.9"]
    return killed(folder, kills, *words)


def test_final_weights_are_the_same_bits_after_kills(tmp_path):
    assert kill(tmp_path, 1)


@pytest.mark.slow
def test_20_kills(tmp_path):
    assert kill(tmp_path, 20).startswith("2")
