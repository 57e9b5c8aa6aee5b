"""Runs that begin with weights from elsewhere, and runs made of nothing else."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from chainrule.catalog import build_model
from chainrule.cli.main import main
from chainrule.errors import UserError
from chainrule.learn.imported import import_weights
from chainrule.learn.run import open_run, resume, train
from chainrule.learn.start import kept, source
from chainrule.runs.folder import RunFolder
from chainrule.runs.log import read
from chainrule.zoo.weights import NORMS, load_weights

QUICK = {"epochs": 1, "batch_size": 256, "device": "cpu", "overfit": 1, "lr": 1e-9}


@pytest.fixture(scope="module")
def lenet(tmp_path_factory):
    """A file of LeNet-5's weights."""
    torch.manual_seed(5)
    path = tmp_path_factory.mktemp("weights") / "lenet.safetensors"
    save_file(build_model("lenet5").state_dict(), path)
    return path


def begun(tmp_path, name="a", model="lenet5", **values):
    return train(model, "digits", runs=str(tmp_path), name=name, **{**QUICK, **values})


def close(a, b):
    return all(torch.allclose(a[key], b[key], atol=1e-5) for key in b)


def test_a_run_begins_with_the_weights_of_a_file_and_keeps_their_sha256(tmp_path, lenet):
    run = begun(tmp_path, weights=str(lenet))
    assert close(run.network.state_dict(), load_file(lenet))
    assert run.begun["sha256"] == source(str(lenet)).sha256
    assert "loaded  10 tensors, 61,706 parameters" in [event.get("text") for event in read(run.folder.log)]


def test_a_run_begins_with_the_weights_of_another_run(tmp_path, lenet):
    first = begun(tmp_path, weights=str(lenet))
    second = begun(tmp_path, "b", weights="a", seed=9)
    assert close(second.network.state_dict(), first.network.state_dict())
    assert (
        second.begun["lines"][0]
        == "weights tensors.safetensors; torchvision's names, which are ours; step 1 of run 'a'"
    )


def test_a_file_s_name_alone_is_found_where_published_weights_are_kept(tmp_path, lenet, monkeypatch):
    home = tmp_path / "data" / "weights"
    home.mkdir(parents=True)
    (home / "mine.safetensors").write_bytes(lenet.read_bytes())
    monkeypatch.setenv("CHAINRULE_DATA", str(home.parent))
    monkeypatch.chdir(tmp_path)
    assert source("mine.safetensors").sha256 == source(str(lenet)).sha256
    for absent in ("other.safetensors", "weights/mine.safetensors"):
        with pytest.raises(UserError, match="no such file"):
            source(absent)


def test_norms_of_the_weights_are_set_again_on_resume_and_in_a_run_that_begins_with_the_run(tmp_path, monkeypatch):
    monkeypatch.setitem(NORMS, "akamaster", (1e-3, 0.05))
    weights = {
        k.replace("fc.", "linear."): v for k, v in build_model("resnet8", {"in_channels": 3}).state_dict().items()
    }
    torch.save(weights, tmp_path / "w.th")
    run = begun(tmp_path, model="resnet8", weights=str(tmp_path / "w.th"), batch_size=16)
    (tmp_path / "w.th").unlink()
    monkeypatch.undo()
    longer = resume(run.path, ["epochs=2"])
    after = begun(tmp_path, "c", model="resnet8", weights="a", batch_size=16)
    for made in (run, longer, after, open_run(run.path)):
        assert (made.network.bn1.eps, made.network.bn1.momentum) == (1e-3, 0.05)


def test_a_resumed_run_is_told_of_a_file_that_has_changed(tmp_path, lenet):
    torch.save(load_file(lenet), tmp_path / "w.pth")
    run = begun(tmp_path, weights=str(tmp_path / "w.pth"))
    kept_weights = run.network.state_dict()
    torch.save({k: v + 1 for k, v in load_file(lenet).items()}, tmp_path / "w.pth")
    heard = []
    again = resume(run.path, ["epochs=2"], on_event=heard.append)
    assert any("not the file the run began with" in event.get("text", "") for event in heard)
    assert close(again.network.state_dict(), kept_weights)


def test_a_damaged_record_of_the_weights_is_one_line(tmp_path, lenet):
    run = begun(tmp_path, weights=str(lenet))
    for text in ("{", "{}", '{"norm": ["a"]}', '{"norm": 3}', "[]"):
        (run.path / "weights.json").write_text(text)
        with pytest.raises(UserError, match=r"weights\.json is damaged"):
            kept(run.folder)


def test_first_weights_come_from_one_place(tmp_path, lenet):
    with pytest.raises(UserError, match="init=he: the first weights come from weights="):
        begun(tmp_path, weights=str(lenet), init="he")


# ---- weights alone --------------------------------------------------------------------------------------------------


def test_imported_weights_are_a_run_that_evaluates_and_predicts(tmp_path, lenet, capsys):
    run = import_weights(lenet, "lenet5", "digits", name="a", runs=str(tmp_path))
    assert torch.equal(run.network.get_parameter("0.weight"), load_file(lenet)["0.weight"])
    assert run.facts.classes == tuple("0123456789")
    assert 0 <= run.evaluate()["accuracy"] <= 1
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(tmp_path / "black.png")
    assert main(["predict", str(run.path), str(tmp_path / "black.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["label"] == run.predict(tmp_path / "black.png")[0].label
    assert main(["runs", "show", str(run.path)]) == 0
    assert main(["resume", str(run.path)]) == 2
    assert "was never trained" in capsys.readouterr().err


def test_without_data_the_file_says_how_many_classes(tmp_path, lenet):
    run = import_weights(lenet, "lenet5", name="a", runs=str(tmp_path))
    assert (run.facts.classes, run.facts.shape) == (tuple("0123456789"), (1, 32, 32))
    named = import_weights(lenet, "lenet5", classes=list("abcdefghij"), name="b", runs=str(tmp_path))
    assert named.facts.classes == tuple("abcdefghij")


def test_colour_is_normalised_as_imagenet_unless_told_otherwise(tmp_path):
    save_file(build_model("resnet8").state_dict(), tmp_path / "w.safetensors")
    means = [
        import_weights(tmp_path / "w.safetensors", "resnet8", name=how, normalise=how, runs=str(tmp_path)).facts.mean
        for how in ("auto", "half")
    ]
    assert means == [(0.485, 0.456, 0.406), (0.5, 0.5, 0.5)]


IMPORTS = {
    "another model": (["--model", "mlp"], "not weights of mlp"),
    "an unknown model": (["--model", "lenet"], "unknown model"),
    "no such data": (["--model", "lenet5", "--data", "no/where"], "no such path"),
    "other classes": (["--model", "lenet5", "--classes", "two"], "2 names, and the file answers for 10"),
    "a class twice": (["--model", "lenet5", "--classes", "twice"], "stands there twice"),
    "no classes": (["--model", "lenet5", "--classes", "none"], "it is empty"),
    "classes that are no text": (["--model", "lenet5", "--classes", "bytes"], "a text file"),
    "other channels": (["--model", "lenet5", "model.in_channels=3"], "it takes 1 channels, here 3"),
    "another size": (["--model", "lenet5", "size=28,28"], "does not take inputs"),
    "a normalisation for colour": (["--model", "lenet5", "--normalise", "imagenet"], "three channels"),
    "an unknown normalisation": (["--model", "lenet5", "--normalise", "imagnet"], "did you mean imagenet"),
    "a taken name": (["--model", "lenet5", "--name", "taken"], "exists already"),
    "no setting": (["--model", "lenet5", "siez=3"], "unknown setting"),
}


@pytest.mark.parametrize("what", IMPORTS)
def test_what_does_not_fit_together_is_one_line_and_leaves_no_run(what, tmp_path, lenet, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "two").write_text("cat\ndog\n")
    (tmp_path / "twice").write_text("\n".join("abcdefghii"))
    (tmp_path / "none").write_text("\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xfd")
    (tmp_path / "runs" / "taken").mkdir(parents=True)
    words, expected = IMPORTS[what]
    assert main(["models", "import-weights", str(lenet), *words]) == 2
    err = capsys.readouterr().err
    assert expected in err
    assert err.count("\n") == 1
    assert [p.name for p in (tmp_path / "runs").iterdir() if not p.name.startswith(".")] == ["taken"]


def test_weights_go_through_files_of_others_and_back_on_the_command_line(tmp_path, capsys):
    pth, own = str(tmp_path / "w.pth"), str(tmp_path / "w.safetensors")
    assert main(["models", "export-weights", "resnet8", pth, "--to", "timm"]) == 0
    assert main(["models", "export-weights", "resnet8", own, "--from", pth]) == 0
    run = import_weights(own, "resnet8", name="a", runs=str(tmp_path))
    assert main(["models", "export-weights", str(run.path), str(tmp_path / "again.safetensors")]) == 0
    first, last = torch.load(pth, weights_only=True), load_file(tmp_path / "again.safetensors")
    assert all(torch.equal(first[key], last[key]) for key in last)
    assert "loaded  47 tensors" in capsys.readouterr().out
    assert main(["models", "export-weights", str(run.path), str(tmp_path / "b.pth"), "--from", pth]) == 2
    assert main(["models", "fetch"]) == 0
    assert "0676ba61" not in capsys.readouterr().out  # the default ones of today


# ---- published weights ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(shared_data):
    path = shared_data / "weights" / "resnet20-12fca82f.th"
    if not path.is_file():
        pytest.skip("no published weights here")
    return path


def test_published_weights_recognise_the_first_test_images(published, shared_data):
    mosaic = Image.open(shared_data / "cifar10" / "test_batch.webp").convert("RGB").crop((0, 0, 3200, 128))
    tiles = np.asarray(mosaic).reshape(4, 32, 100, 32, 3).transpose(0, 2, 4, 1, 3).reshape(-1, 3, 32, 32)
    labels = np.fromfile(shared_data / "cifar10" / "labels.u8", np.uint8)[50_000:50_400]
    network = build_model("resnet20")
    report = load_weights(network, published, "resnet20")
    assert report.naming == "akamaster"
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    x = (torch.from_numpy(tiles.copy()) / 255 - mean[:, None, None]) / std[:, None, None]
    with torch.no_grad():
        right = (network.eval()(x).argmax(1).numpy() == labels).mean()
    assert right >= 0.90  # 91.73 % of all 10,000; four deviations of 400 draws are 5.5 %


@pytest.mark.slow
def test_published_weights_score_91_73_per_cent_on_the_whole_test_set(published, shared_data, tmp_path, capsys):
    data = str(shared_data / "cifar10")
    words = ["--model", "resnet20", "--data", data, "--name", "published", f"runs={tmp_path}"]
    assert main(["models", "import-weights", str(published), *words]) == 0
    capsys.readouterr()
    assert main(["evaluate", str(tmp_path / "published"), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert (figures["count"], round(figures["accuracy"], 6)) == (10_000, 0.9173)


def test_open_run_of_an_imported_folder_has_no_training(tmp_path, lenet):
    run = import_weights(lenet, "lenet5", name="a", runs=str(tmp_path))
    assert RunFolder.open(run.path).name == "a"
    assert run.begun["imported"] is True
