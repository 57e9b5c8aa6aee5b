"""Help, completion and argument errors never import torch: how fast they answer, `make bench` measures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from chainrule.catalog import OPTIMIZERS
from chainrule.cli.complete import formula_rooms
from chainrule.cli.main import COMMANDS, main

COMMAND = [sys.executable, "-c", "from chainrule.cli.main import main; raise SystemExit(main())"]
HELPS = [["--help"], ["--version"], *[[name, "--help"] for name in COMMANDS]]
HELPS += [["data", "check", "--help"], ["runs", "compare", "--help"], ["data"], ["data", "show", "mnist"], ["runs"]]
HELPS += [["models"], ["reproduce"], ["schedule"], ["schedule", "cosine", "plateau", "epochs=20"], ["race", "--list"]]
ERRORS = [
    ["trane"],
    ["--nothing"],
    ["train"],
    ["train", "lenet", "digit", "epoch=3", "lr=nan"],
    ["train", "lenet5", "digits", "batch_size=0"],
    ["train", "lenet5", "no/such/folder"],
    ["train", "none.toml"],
    ["resume", "no-run"],
    ["evaluate", "no-run"],
    ["predict", "no-run"],
    ["predict", "no-run", "no-file.png"],
    ["models", "lenet"],
    ["models", "lenet5", "classes=3"],
    ["data", "shwo"],
    ["data", "show", "mnits"],
    ["data", "check", "no/such/folder"],
    ["data", "fetch", "mnits"],
    ["runs", "show", "no-run"],
    ["runs", "compare", "no-run", "no-other"],
    ["check", "linera"],
    ["check", "os:Net", "--input", "2y3"],
    ["check", "os:Net", "--args", "f(3)", "--input", "2x3"],
    ["bench", "linera"],
    ["reproduce", "lenet"],
    ["schedule", "cosin", "epoch=3"],
    ["find-lr", "lenet", "digit"],
    ["race", "rosenbroc", "optimizers=adm", "lr=0"],
    ["find-lr", "mlp", "digits", "--low", "2", "--high", "1"],
    ["schedule", "linear", "gamma=0.5"],
    ["signal", "mlp"],
    ["signal", "mlp", "digits", "init=he,hee"],
]

PROBE = """
import contextlib, io, json, sys
from chainrule.cli.main import main
out = []
for argv in json.load(sys.stdin):
    with contextlib.redirect_stdout(io.StringIO()) as a, contextlib.redirect_stderr(io.StringIO()) as b:
        code = main(argv)
    heavy = [m for m in ("torch", "numpy", "matplotlib", "PIL") if m in sys.modules]
    out.append([argv, code, len(a.getvalue()), b.getvalue().count("\\n"), heavy])
print(json.dumps(out))
"""


def probe(lines, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROBE], input=json.dumps(lines), capture_output=True, text=True, cwd=tmp_path, check=True
    )
    return json.loads(done.stdout)


def test_no_help_imports_torch(tmp_path):
    for argv, code, said, errors, heavy in probe(HELPS, tmp_path):
        assert (code, errors, heavy) == (0, 0, []), argv
        assert said, argv


def test_no_argument_error_imports_torch(tmp_path):
    for argv, code, said, errors, heavy in probe(ERRORS, tmp_path):
        assert (code, said, heavy) == (2, 0, []), argv
        assert errors >= 1, argv


def complete(tmp_path, *words, cword=None, shell="bash"):
    """What the shell is told for the last word; in bash the words are torn at "=" as readline does it."""
    torn = ["chainrule", *words]
    env = {**os.environ, "_CHAINRULE_COMPLETE": f"{shell}_complete", "COMP_WORDS": " ".join(torn)}
    env["COMP_CWORD"] = str(cword or len(torn) - 1) if shell == "bash" else words[-1]
    env["PYTHONPROFILEIMPORTTIME"] = "1"
    done = subprocess.run(COMMAND, capture_output=True, text=True, env=env, cwd=tmp_path, check=False)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert imported and "torch" not in imported
    rest = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert rest == []
    lines = done.stdout.splitlines()
    return [line.partition(",")[2] for line in lines] if shell == "bash" else lines


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["tr"], ["train", "translate"]),
        (["train", "len"], ["lenet5", "lenet1998"]),
        (["train", "lenet5", "fash"], ["fashion-mnist"]),
        (["train", "lenet5", "digits", "save"], ["save_every="]),
        (
            ["train", "lenet5", "digits", "optimizer", "=", "ad"],
            ["adagrad", "adadelta", "adam", "adamw", "adamax", "adafactor"],
        ),
        (["train", "lenet5", "digits", "optimizer", "="], [*OPTIMIZERS]),
        (["train", "lenet5", "digits", "epochs", "=", "3", "compile", "=", "t"], ["true"]),
        (["train", "run.toml", "see"], ["seed=", "seeds="]),
        (["resume", "first", "e"], ["epochs="]),
        (["resume", ""], ["first", "second"]),
        (["models", "ml"], ["mlp"]),
        (["data", "sh"], ["show"]),
        (["data", "show", "mn"], ["mnist"]),
        (["data", "show", "tr"], ["trec"]),
        (["train", "text_lstm", "s"], ["sst2", "sst5"]),
        (["train", "ppo", "c"], ["cartpole"]),
        (["check", "linea"], ["linear"]),
        (["reproduce", "lenet-m"], ["lenet-mnist"]),
        (["schedule", "cos"], ["cosine", "cosine_restarts"]),
        (["schedule", "cosine", "wa"], ["warmup="]),
        (["find-lr", "mlp", "dig"], ["digits"]),
        (["race", "ro"], ["rosenbrock"]),
        (["race", "beale", "opt"], ["optimizers="]),
    ],
    ids=lambda words: " ".join(words),
)
def test_bash_completes(words, expected, tmp_path):
    for name in ("first", "second"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "run.toml").touch()
    assert complete(tmp_path, *words) == expected


def test_fish_completes_the_whole_word(tmp_path):
    told = complete(tmp_path, "train", "lenet5", "digits", "optimizer=ad", shell="fish")
    assert "plain,optimizer=adam" in "\n".join(told)


def test_every_command_stands_in_the_help(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    for name, (target, text) in COMMANDS.items():
        assert text in shown
        assert (Path(main.__code__.co_filename).parent / f"{target.partition(':')[0]}.py").is_file(), name


def test_the_scan_of_the_source_finds_what_is_registered():
    from importlib import import_module

    rooms = formula_rooms()
    for room in set(rooms.values()):
        import_module(room)
    from chainrule.formula import REGISTRY

    found = {n: c.room for n, c in REGISTRY.items() if c.room.startswith(("chainrule.nn", "chainrule.look"))}
    assert found == rooms


def test_nothing_is_coloured_in_a_pipe(tmp_path):
    env = {**os.environ, "FORCE_COLOR": "1", "CLICOLOR_FORCE": "1"}
    for argv in (["--help"], ["models"], ["data"], ["train", "lenet"]):
        done = subprocess.run([*COMMAND, *argv], capture_output=True, env=env, cwd=tmp_path, check=False)
        assert b"\x1b" not in done.stdout + done.stderr


def test_a_closed_pipe_is_no_error(tmp_path):
    line = f"{sys.executable} -c 'from chainrule.cli.main import main; raise SystemExit(main())' train --help | true"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stderr == ""


def test_a_terminal_without_chinese_still_shows_the_rest(tmp_path):
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, env=env, cwd=tmp_path, check=True)
    assert b"Train MODEL on DATA" in done.stdout


def test_the_bare_command_shows_its_help(capsys):
    assert main([]) == 0
    assert "Start here" in capsys.readouterr().out
