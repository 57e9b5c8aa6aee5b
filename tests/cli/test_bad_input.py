"""Bad input: one clear line for each thing wrong, exit code 2, no traceback, and nothing on disk is touched."""

import gzip
import hashlib
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chainrule.cli.main import main
from chainrule.runs.folder import RunFolder

NETS = """
import torch
class Net(torch.nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.layer = torch.nn.Linear(1024, width)
    def forward(self, x):
        return self.layer(x.flatten(1))
class Few(Net):
    def __init__(self):
        super().__init__(3)
class Plain: ...
class Failing(torch.nn.Module):
    def __init__(self):
        raise RuntimeError("two\\nlines")
class Still(torch.nn.Module):
    def forward(self, x):
        return x.flatten(1)[:, :10]
class Odd(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 10)
    def forward(self, x):
        return self.layer(x)
"""


def picture(path, side=8, value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((side, side), value, np.uint8)).save(path)


def folder_of_images(root, classes=("cat", "dog"), count=4):
    for c, name in enumerate(classes):
        for i in range(count):
            picture(root / name / f"{i}.png", value=40 * c + i)


def idx(array):
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


def idx_folder(root, labels=None, images=None, test_labels=None):
    root.mkdir()
    plain = np.arange(4 * 64).reshape(4, 8, 8) % 256
    for part, given in (("train", labels), ("t10k", test_labels)):
        y = given if given is not None else idx(np.array([0, 1, 0, 1]))
        (root / f"{part}-labels-idx1-ubyte").write_bytes(y)
        x = images if images is not None and part == "train" else idx(plain)
        (root / f"{part}-images-idx3-ubyte").write_bytes(x)


def make_data(root):
    (root / "empty").mkdir()
    (root / "text" / "cat").mkdir(parents=True)
    (root / "text" / "cat" / "note.txt").write_text("no picture")
    (root / "a-file").write_text("words")
    for name in ("good", "truncated", "no-image", "hollow", "one-class"):
        folder_of_images(root / name, ("cat",) if name == "one-class" else ("cat", "dog"))
    whole = (root / "truncated/cat/0.png").read_bytes()
    (root / "truncated/cat/0.png").write_bytes(whole[: len(whole) // 2])
    (root / "no-image/cat/0.png").write_text("<html>404</html>")
    (root / "hollow/cat/0.png").write_bytes(b"")
    good = idx(np.zeros((4, 8, 8)))
    idx_folder(root / "idx-magic", images=b"\x01\x02\x03\x04" + good[4:])
    idx_folder(root / "idx-short", images=good[:-5])
    idx_folder(root / "idx-long", images=good + b"x")
    idx_folder(root / "idx-count", labels=idx(np.array([0, 1, 0])))
    idx_folder(root / "idx-labels", test_labels=idx(np.array([0, 1, 9, 1])))
    idx_folder(root / "idx-empty", images=b"")
    idx_folder(root / "idx-cut")
    (root / "idx-cut/train-images-idx3-ubyte").unlink()
    (root / "idx-cut/train-images-idx3-ubyte.gz").write_bytes(gzip.compress(good)[:-9])
    idx_folder(root / "idx-half")
    (root / "idx-half/train-labels-idx1-ubyte").unlink()


def make_runs(root):
    """One real run, and copies of it that are broken in one way each."""
    assert main(["train", "mlp", "digits", "epochs=1", "batch_size=512", "model.hidden=(4,)", "name=done"]) == 0
    for name in (
        "other-model",
        "empty-checkpoints",
        "foreign",
        "flipped",
        "no-toml",
        "bad-toml",
        "locked",
        "other-data",
    ):
        shutil.copytree(root / "runs/done", root / "runs" / name)
    toml = (root / "runs/done/run.toml").read_text()
    (root / "runs/other-model/run.toml").write_text(toml.replace('"(4,)"', '"(5,)"'))
    (root / "runs/other-data/run.toml").write_text(toml.replace('data = "digits"', 'data = "good"'))
    (root / "runs/bad-toml/run.toml").write_text(toml.replace("epochs = 1", 'epochs = "many"'))
    (root / "runs/no-toml/run.toml").unlink()
    for path in (root / "runs/empty-checkpoints/checkpoints").iterdir():
        shutil.rmtree(path)
    for path in (root / "runs/flipped/checkpoints").rglob("*.safetensors"):
        raw = bytearray(path.read_bytes())
        raw[len(raw) // 2] ^= 1
        path.write_bytes(raw)
    for path in (root / "runs/foreign/checkpoints").rglob("*"):
        if path.is_file():
            path.write_bytes(b"\x80\x04cos\nsystem\n" if path.suffix == ".safetensors" else b"<html>404</html>")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    root = tmp_path_factory.mktemp("bad")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.syspath_prepend(str(root))
        patch.setenv("CHAINRULE_DATA", str(root / "nothing-here"))
        patch.setenv("XDG_CACHE_HOME", str(root / "nothing-here"))
        (root / "nets_for_tests.py").write_text(NETS)
        (root / "broken_net_for_tests.py").write_text("def (:")
        make_data(root)
        make_runs(root)
        (root / "words.toml").write_text("schema = 1\nmodel = [")
        (root / "newer.toml").write_text('schema = 9\nmodel = "mlp"\ndata = "digits"\n')
        (root / "typo.toml").write_text('schema = 1\nmodel = "mlp"\ndata = "digits"\n[settings]\nepoch = 3\n')
        (root / "latin.toml").write_bytes(b"model = '\xe9'")
        (root / "empty.toml").write_text("")
        yield root


TRAIN = ["train", "mlp", "digits"]
CASES = {
    # what is trained
    "no model": (["train"], "no model given", "no data given"),
    "no data": (["train", "mlp"], "no data given"),
    "unknown model": (["train", "lenet", "digits"], "unknown model 'lenet'"),
    "data where the model stands": (
        ["train", "good", "mlp"],
        "'good' stands where the model is expected",
        "data 'mlp'",
    ),
    "a third word": ([*TRAIN, "extra"], "'extra': expected key=value"),
    "own: no module": (["train", "absent_net:Net", "digits"], "there is no module 'absent_net'"),
    "own: no class": (["train", "nets_for_tests:Nett", "digits"], "has no class 'Nett'; did you mean Net?"),
    "own: no network": (["train", "nets_for_tests:Plain", "digits"], "expected a class made from torch.nn.Module"),
    "own: syntax": (["train", "broken_net_for_tests:Net", "digits"], "failed: SyntaxError"),
    "own: constructor": (["train", "nets_for_tests:Failing", "digits"], "RuntimeError: two lines"),
    "own: option": (["train", "nets_for_tests:Net", "digits", "model.widht=3"], "could not be made: TypeError"),
    "own: odd name": (["train", "nets for tests:Net", "digits"], "expected package.module:Class"),
    "own: no parameter": (["train", "nets_for_tests:Still", "digits"], "has no parameter to learn"),
    "own: other input": (["train", "nets_for_tests:Odd", "digits"], "does not take inputs of shape"),
    "own: too few answers": (["train", "nets_for_tests:Few", "digits"], "expected [batch, 10]"),
    "model option": ([*TRAIN, "model.hiden=(3,)"], "model.hiden: mlp does not take it"),
    "model option's value": ([*TRAIN, "model.hidden=(0,)"], "hidden"),
    "model option's type": ([*TRAIN, "model.activation=softplus3"], "activation"),
    # settings
    "typo": ([*TRAIN, "epoch=3"], "epoch=3: unknown setting; did you mean epochs?"),
    "no value": ([*TRAIN, "epochs="], "epochs=: no value"),
    "twice": ([*TRAIN, "seed=1", "seed=2"], "seed=2: given twice"),
    "a flag": ([*TRAIN, "--compile"], "'--compile': expected key=value"),
    "epochs=0": ([*TRAIN, "epochs=0"], "expected an integer of at least 1"),
    "epochs=1.5": ([*TRAIN, "epochs=1.5"], "expected an integer of at least 1"),
    "lr=nan": ([*TRAIN, "lr=nan"], "expected a number above 0"),
    "lr=-1": ([*TRAIN, "lr=-1"], "expected a number above 0"),
    "val=1": ([*TRAIN, "val=1"], "expected a number in [0, 1)"),
    "optimizer=adm": ([*TRAIN, "optimizer=adm"], "did you mean adam?"),
    "gear=fast": ([*TRAIN, "gear=fast"], "expected one of auto, formula, kernel, twin"),
    "not the optimizer's": ([*TRAIN, "momentum=0.9"], "optimizer=adam does not take it"),
    "not around anything": (
        [*TRAIN, "sam_adaptive=true", "lookahead_alpha=0.3"],
        "sam_adaptive=true: only sam takes it, and sam is off; add sam=0.05",
        "lookahead_alpha=0.3: only lookahead takes it, and lookahead is off; add lookahead=5",
    ),
    "sam=-1": ([*TRAIN, "sam=-1"], "sam=-1: expected a number of at least 0"),
    "lookahead=2.5": ([*TRAIN, "lookahead=2.5"], "lookahead=2.5: expected an integer of at least 0"),
    "lookahead_alpha=2": ([*TRAIN, "lookahead=5", "lookahead_alpha=2"], "expected a number in [0, 1]"),
    "lbfgs: momentum": ([*TRAIN, "optimizer=lbfgs", "momentum=0.9"], "optimizer=lbfgs does not take it"),
    "lbfgs: search": ([*TRAIN, "optimizer=lbfgs", "line_search_fn=wolfe"], "expected one of strong_wolfe, none"),
    "lbfgs: line_search": ([*TRAIN, "line_search=none"], "did you mean line_search_fn?"),
    "lbfgs: max_iter=0": ([*TRAIN, "optimizer=lbfgs", "max_iter=0"], "expected an integer of at least 1"),
    "adam: history": ([*TRAIN, "history_size=5", "line_search_fn=none"], "is for lbfgs", "is for lbfgs"),
    "betas": ([*TRAIN, "betas=0.9,1"], "betas=0.9,1: expected two numbers (a,b), each in [0, 1), or none"),
    "etas": ([*TRAIN, "optimizer=rprop", "etas=1.5,0.5"], "etas=1.5,0.5: expected one number below 1 and one"),
    "step sizes": ([*TRAIN, "optimizer=rprop", "step_sizes=5,1"], "step_sizes=5,1: expected the shorter step first"),
    "fp16 and sam": ([*TRAIN, "sam=0.1", "precision=fp16"], "precision=fp16: sam=0.1 evaluates the loss several"),
    "nonfinite=ignore": ([*TRAIN, "nonfinite=ignore"], "nonfinite=ignore: expected one of stop, skip"),
    "skips without skip": ([*TRAIN, "skips=3"], "skips=3: only nonfinite=skip takes it"),
    "skips=0": ([*TRAIN, "nonfinite=skip", "skips=0"], "expected an integer of at least 1"),
    "name=../up": ([*TRAIN, "name=../up"], "it contains a slash"),
    "name taken": ([*TRAIN, "name=done"], "exists already"),
    "runs is a file": ([*TRAIN, "runs=a-file"], "a-file"),
    "no cuda": ([*TRAIN, "device=cuda"], "device=cuda"),
    "loss of numbers": ([*TRAIN, "loss=huber"], "loss=huber: expected"),
    "five at once": (
        ["train", "lenet", "digit", "epoch=3", "lr=x", "seed=-1"],
        "epoch=3",
        "lr=x",
        "seed=-1",
        "unknown model",
        "data 'digit'",
    ),
    # run.toml
    "toml: none": (["train", "none.toml"], "none.toml: no such file"),
    "toml: broken": (["train", "words.toml"], "words.toml: not TOML"),
    "toml: newer": (["train", "newer.toml"], "schema 9"),
    "toml: typo": (["train", "typo.toml"], "typo.toml: epoch=3: unknown setting"),
    "toml: latin-1": (["train", "latin.toml"], "not UTF-8"),
    "toml: empty": (["train", "empty.toml"], "expected `schema = 1`"),
    # data
    "data: no path": (["train", "mlp", "no/such"], "data 'no/such': expected one of digits"),
    "data: typo": (["train", "mlp", "digit"], "did you mean digits?"),
    "data: not here": (["train", "mlp", "mnist"], "mnist is not on this machine"),
    "data: a file": (["train", "mlp", "a-file"], "a-file"),
    "data: empty folder": (["train", "mlp", "empty"], "empty"),
    "data: no images": (["train", "mlp", "text"], "text"),
    "data: truncated image": (["train", "mlp", "truncated"], "truncated/cat/0.png"),
    "data: no image inside": (["train", "mlp", "no-image"], "no-image/cat/0.png"),
    "data: empty image": (["train", "mlp", "hollow"], "hollow/cat/0.png"),
    "data: one class": (["train", "mlp", "one-class"], "one-class"),
    "idx: magic": (["train", "mlp", "idx-magic"], "idx-magic/train-images-idx3-ubyte"),
    "idx: too short": (["train", "mlp", "idx-short"], "idx-short/train-images-idx3-ubyte"),
    "idx: too long": (["train", "mlp", "idx-long"], "idx-long/train-images-idx3-ubyte"),
    "idx: counts differ": (["train", "mlp", "idx-count"], "idx-count"),
    "idx: label out of range": (["train", "mlp", "idx-labels"], "idx-labels/t10k-labels-idx1-ubyte"),
    "idx: empty file": (["train", "mlp", "idx-empty"], "idx-empty/train-images-idx3-ubyte"),
    "idx: gzip cut": (["train", "mlp", "idx-cut"], "idx-cut/train-images-idx3-ubyte.gz"),
    "idx: labels missing": (["train", "mlp", "idx-half"], "idx-half"),
    "check: no path": (["data", "check", "no/such"], "no/such: no such folder"),
    "check: truncated": (["data", "check", "truncated"], "truncated/cat/0.png"),
    "check: magic": (["data", "check", "idx-magic"], "idx-magic/train-images-idx3-ubyte"),
    "show: unknown": (["data", "show", "mnits"], "did you mean mnist?"),
    "fetch: unknown": (["data", "fetch", "mnits"], "did you mean mnist?"),
    "data: no command": (["data", "lst"], "did you mean list?"),
    # runs
    "resume: no run": (["resume", "dne"], "no run 'dne'"),
    "resume: a folder": (["resume", "good"], "good is not a run"),
    "resume: empty folder": (["resume", "empty"], "the folder is empty"),
    "resume: a file": (["resume", "a-file"], "it is a file"),
    "resume: no run.toml": (["resume", "no-toml"], "it has no run.toml"),
    "resume: broken run.toml": (["resume", "bad-toml"], "epochs=many"),
    "resume: in use": (["resume", "locked"], "run 'locked' is in use by process"),
    "resume: another lr": (["resume", "done", "lr=1"], "lr=1: a run keeps its lr; resume takes epochs"),
    "resume: typo": (["resume", "done", "epoch=3"], "did you mean epochs?"),
    "resume: another model": (["resume", "other-model", "epochs=2"], "this checkpoint is of another model"),
    "resume: other data": (["resume", "other-data", "epochs=2"], "good"),
    "resume: no checkpoint": (["resume", "empty-checkpoints", "epochs=2"], "empty-checkpoints"),
    "evaluate: no run": (["evaluate", "dne"], "no run 'dne'"),
    "evaluate: no data": (["evaluate", "done", "digit"], "did you mean digits?"),
    "evaluate: other classes": (["evaluate", "done", "good"], "expected those of the run"),
    "evaluate: no average": (
        ["evaluate", "done", "--weights", "average"],
        "run 'done' keeps no average of its weights",
    ),
    "evaluate: no such part": (["evaluate", "done", "--split", "all"], "invalid value for '--split'"),
    "evaluate: another model": (["evaluate", "other-model"], "this checkpoint is of another model"),
    "predict: no run": (["predict", "dne", "good"], "no run 'dne'"),
    "predict: no average": (
        ["predict", "done", "good", "--weights", "average"],
        "run 'done' keeps no average of its weights",
    ),
    "predict: no picture given": (["predict", "done"], "no image given: expected files"),
    "predict: no file": (["predict", "done", "x.png", "y.png"], "x.png: no such file", "y.png: no such file"),
    "predict: no image": (["predict", "done", "no-image/cat/0.png"], "no-image/cat/0.png"),
    "predict: truncated": (["predict", "done", "truncated/cat/0.png"], "truncated/cat/0.png"),
    "predict: empty folder": (["predict", "done", "empty"], "empty: no image in this folder"),
    "predict: two at once": (["predict", "done", "hollow", "no-image"], "hollow/cat/0.png", "no-image/cat/0.png"),
    "predict: topk": (["predict", "done", "good", "--topk", "0"], "invalid value for '--topk'"),
    "runs: no run": (["runs", "show", "dne"], "no run 'dne'; expected"[:12]),
    "runs: compare": (["runs", "compare", "done", "dne"], "no run 'dne'"),
    # the rest
    "no command": (["trian"], "unknown command 'trian'; did you mean train?"),
    "no option": (["--verbose"], "no such option"),
    "models: unknown": (["models", "lenett5"], "did you mean lenet5?"),
    "models: size": (["models", "mlp", "--size", "axb"], "size 'axb': expected whole numbers"),
    "models: no size": (["models", "torch.nn:Identity", "--diagram"], "needs the size of its input: --size C,H,W"),
    "models: no folder": (["models", "mlp", "--diagram", "--out", "no/where"], "where.svg was not saved in no"),
    "models: other size": (["models", "lenet5", "--size", "1,9,9"], "the network does not take input of 1×9×9"),
    "check: unknown": (["check", "linaer"], "unknown formula 'linaer'; did you mean linear?"),
    "check: args": (["check", "nets_for_tests:Net", "--args", "open('x')", "--input", "2x3"], "expected literals"),
    "check: input": (["check", "nets_for_tests:Net", "--input", "2x3:int7"], "unknown dtype 'int7'"),
    "check: no input": (["check", "nets_for_tests:Net"], "expected --input SHAPE"),
    "check: two": (["check", "nets_for_tests:Net", "linear", "--input", "2"], "is checked alone"),
    "bench: unknown": (["bench", "linaer"], "unknown formula 'linaer'"),
    "reproduce: unknown": (["reproduce", "lenet-mnits"], "did you mean lenet-mnist?"),
}


def contents(root):
    """Every file with the hash of its bytes; locks come and go."""
    return {
        path: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".lock" and "__pycache__" not in path.parts
    }


def test_there_are_at_least_sixty_cases():
    assert len(CASES) >= 60


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_line_for_each_error(name, place, capsys):
    argv, *expected = CASES[name]
    before = contents(place)
    with RunFolder.open("locked").lock():
        code = main(argv)
    shown = capsys.readouterr()
    lines = shown.err.splitlines()
    assert code == 2, shown.err
    assert len(lines) == len(expected), shown.err
    for line, part in zip(lines, expected, strict=True):
        assert line.startswith("error: ") and part in line
    assert "Traceback" not in shown.err and "internal error" not in shown.err
    assert contents(place) == before


@pytest.mark.parametrize("run", ["foreign", "flipped"])
def test_a_checkpoint_that_is_not_ours_is_never_read(run, place, capsys):
    """Every generation is refused with a line of its own, then the run with one."""
    before = contents(place)
    for argv in (["resume", run, "epochs=2"], ["evaluate", run], ["predict", run, "good/cat/0.png"]):
        assert main(argv) == 2
        lines = capsys.readouterr().err.splitlines()
        assert lines[-1].startswith("error: ") and "Traceback" not in "".join(lines)
        assert all(run in line for line in lines)
    assert {k: v for k, v in contents(place).items() if k.name != "log.jsonl"} == {
        k: v for k, v in before.items() if k.name != "log.jsonl"
    }


def test_path_of_a_folder_without_rights(place, capsys, monkeypatch):
    """As root every folder can be written, so the refusal is made here."""

    def refuse(*_args, **_named):
        raise PermissionError(13, "Permission denied", "runs")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert main([*TRAIN, "epochs=1", "runs=new"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
