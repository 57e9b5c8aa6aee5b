"""Settings: words and values become checked settings, or all that is wrong with them."""

import string
from dataclasses import fields

import pytest

from chainrule.errors import UserError
from chainrule.fields import DEFAULTS, RESUMABLE, SPECS
from chainrule.runfile import from_toml, to_toml
from chainrule.settings import NESTED, Settings, accept, hint, make, parse


def errors(*words):
    with pytest.raises(UserError) as caught:
        parse(words)
    return caught.value.lines


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("epochs=3", 3),
        ("epochs=1e3", 1000),
        ("epochs=+4", 4),
        ("--epochs=3", 3),
        ("-epochs=3", 3),
        ("epochs=3,", 3),
        ("epochs = 3", 3),
        ("batch-size=8", 8),
        ("seed=9223372036854775807", 2**63 - 1),
        ("lr=1e-3", 1e-3),
        ("lr=.5", 0.5),
        ("lr=none", None),
        ("clip=None", None),
        ("compile=yes", True),
        ("compile=ON", True),
        ("compile=0", False),
        ("betas=(0.8,0.9)", (0.8, 0.9)),
        ("betas=[0.8, 0.9]", (0.8, 0.9)),
        ("betas=0.8,0.9", (0.8, 0.9)),
        ("betas=0.8,0.9,", (0.8, 0.9)),
        ("init=xavier-uniform", "xavier_uniform"),
        ("optimizer=AdamW", "adamw"),
        ("augment=none", "none"),
        ("augment=crop + Flip", "crop+flip"),
        ("name=first try", "first try"),
        ("runs=/data/runs=old", "/data/runs=old"),
        ("precision=BF16", "bf16"),
    ],
)
def test_a_word_becomes_a_value(word, value):
    key = word.partition("=")[0].strip(" -").replace("-", "_")
    read = getattr(parse([word]), key)
    assert read == value and type(read) is type(value)


@pytest.mark.parametrize(
    "word",
    [
        "epochs=0",
        "epochs=-1",
        "epochs=2.5",
        "epochs=nan",
        "epochs=inf",
        "epochs=1e400",
        "epochs=three",
        "epochs=1_000",
        "epochs=٣",
        "epochs=none",
        "epochs=0x10",
        "epochs=True",
        "batch_size=0",
        "seed=-1",
        "seed=9223372036854775808",
        "seed=1e30",
        "lr=0",
        "lr=-1",
        "lr=nan",
        "lr=inf",
        "lr=-inf",
        "lr=1e999",
        "lr=fast",
        "lr=1,2",
        "lr=__import__('os')",
        "clip=0",
        "ema=1",
        "ema=1.5",
        "val=1",
        "val=-.1",
        "gamma=0",
        "gamma=1.1",
        "keep=1",
        "keep=0",
        "accumulate=0",
        "topk=0",
        "seeds=0",
        "threads=-1",
        "workers=-2",
        "warmup=-1",
        "save_every=nan",
        "betas=0.9",
        "betas=(0.9,0.99,0.999)",
        "betas=(0.9,1)",
        "betas=(0.9,nan)",
        "betas=()",
        "eps=-1",
        "weight_decay=-1e-3",
        "compile=maybe",
        "compile=2",
        "nesterov=none_at_all",
        "optimizer=adamm",
        "optimizer=none",
        "device=gpu",
        "gear=fast",
        "precision=fp8",
        "schedule=lineal",
        "milestones=0",
        "milestones=()",
        "milestones=5,nan",
        "floor=1.5",
        "etas=0.5",
        "beta2_decay=0.5",
        "graph=3",
        "augment=rotated",
        "augment=crop(4",
        "augment=jitter(strength=x)",
        "augment=crop+crop",
        "augment=none+crop",
        "augment=crop+",
        "loss=ce",
        "init=zeros",
        "name=../up",
        "name=.hidden",
        "name=a/b",
        "label_smoothing=1",
        "patience=-1",
        "overfit=-1",
        "decay=some",
    ],
)
def test_a_wrong_value_is_one_line_that_starts_with_it(word):
    lines = errors(word)
    assert len(lines) == 1
    assert lines[0].startswith(word.partition("=")[0] + "=")
    assert "expected" in lines[0]


def test_numbers_are_one_or_more():
    assert parse(["schedule=multistep", "milestones=3,5.5"]).milestones == (3.0, 5.5)
    assert make({"schedule": "multistep", "milestones": [4]}).milestones == (4.0,)
    assert accept("milestones", "(4,)") == (4.0,)
    made = parse(["optimizer=rprop", "etas=(0.5,1.3)", "schedule=multistep", "milestones=3,5"])
    assert from_toml(to_toml("mlp", "digits", made))[2] == made


@pytest.mark.parametrize(
    ("word", "meant"),
    [("encoding=gbk", "data.encoding"), ("tokens=chars", "data.tokens"), ("hidden=3", "model.hidden")],
)
def test_what_belongs_to_the_data_or_the_model_is_sent_there(word, meant):
    (line,) = errors(word)
    assert line == f"{word}: unknown setting; did you mean {meant}?"


def test_everything_wrong_is_said_at_once():
    words = ["what", "epoch=3", "lr=nan", "lr=1", "seed=", "batch_size=0", "optimizer=sgd", "eps=1e-8"]
    assert errors(*words) == [
        "'what': expected key=value",
        "lr=1: given twice, before as lr=nan",
        "seed=: no value; write seed=VALUE",
        "epoch=3: unknown setting; did you mean epochs?",
        "lr=nan: expected a number above 0, or none",
        "batch_size=0: expected an integer of at least 1",
        "eps=1e-08: optimizer=sgd does not take it, it takes lr, momentum, dampening, weight_decay, nesterov; "
        "eps is for adagrad or adadelta or rmsprop or adam or adamw or adamax or nadam or radam",
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["momentum=0.9"], "optimizer=adam does not take it"),
        (["optimizer=sgd", "nesterov=true"], "expected momentum above 0"),
        (["optimizer=sgd", "nesterov=true", "momentum=0.9", "dampening=0.1"], "no dampening"),
        (["gamma=0.5"], "only schedule=step or multistep or exponential or plateau takes it, and schedule=constant"),
        (["floor=0.5", "schedule=step"], "only schedule=linear or cosine or cosine_restarts or plateau takes it"),
        (["warmup_start=0.1"], "warmup_start=0.1: only a warmup takes it, and warmup=0; add warmup=1"),
        (["warmup_shape=constant"], "warmup_shape=constant: only a warmup takes it"),
        (["schedule=noam"], "it rises during warmup, and warmup=0; add warmup=1"),
        (["schedule=plateau", "gamma=1"], "schedule=plateau expects a number below 1"),
        (["init_gain=tanh"], "init=default does not take it; it is for xavier"),
        (["init=normal", "init_mode=fan_in"], "init=normal does not take it; it is for kaiming"),
        (["init=he", "init_gain=tahn"], "or a number above 0, or none; did you mean tanh?"),
        (["optimizer=rprop", "rho=0.9"], "optimizer=rprop does not take it, it takes lr, etas, step_sizes; rho is for"),
        (["label_smoothing=0.1", "loss=mse"], "only loss=cross_entropy takes it"),
        (["model.=3"], "expected model.NAME=VALUE"),
        (["model.a.b=3"], "expected model.NAME=VALUE"),
        (["learning_rate=1"], "did you mean lr?"),
        (["xyzzy=1"], "`chainrule train --help` lists the settings"),
        (["=3"], "expected key=value"),
        (["3=epochs"], "expected key=value"),
        (["--nesterov"], "expected key=value"),
    ],
)
def test_what_no_single_value_can_tell(words, says):
    lines = errors(*words)
    assert len(lines) == 1 and says in lines[0]


def test_spaces_and_dashes_are_forgiven():
    made = parse(["lr", "=", "0.1", "epochs=", "3", "seed", "=4", "--batch-size", "8", "--ema", "0.5,", ","])
    assert (made.lr, made.epochs, made.seed, made.batch_size, made.ema) == (0.1, 3, 4, 8, 0.5)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(64, 32)", (64, 32)),
        ("64,32", (64, 32)),
        ("[1]", [1]),
        ("relu", "relu"),
        ("'3'", "3"),
        ("none", None),
        ("TRUE", True),
        ("{'a': 1}", {"a": 1}),
        ("-1e-3", -1e-3),
        ("__import__('os').getcwd()", "__import__('os').getcwd()"),
        ("(" * 500, "(" * 500),
    ],
)
def test_model_options_are_literals_and_survive_toml(text, value):
    made = parse([f"model.thing={text}", "model.größe=2"])
    assert made.model == {"thing": value, "größe": 2} and type(made.model["thing"]) is type(value)
    assert from_toml(to_toml("mlp", "digits", made))[2] == made


def typos(word):
    letters = string.ascii_lowercase + "_"
    yield from (word[:i] + word[i + 1 :] for i in range(len(word)))
    yield from (word[:i] + word[i + 1] + word[i] + word[i + 2 :] for i in range(len(word) - 1))
    for c in letters:
        yield from (word[:i] + c + word[i + 1 :] for i in range(len(word)))
        yield from (word[:i] + c + word[i:] for i in range(len(word) + 1))


def test_nine_of_ten_typos_find_their_setting():
    pairs = [(typo, key) for key in SPECS for typo in list(typos(key))[::7] if typo and typo not in SPECS]
    found = sum(f"did you mean {key}?" in hint(typo) for typo, key in pairs)
    assert found / len(pairs) >= 0.9


def test_every_setting_has_a_spec_and_a_default_that_passes_it():
    assert set(SPECS) == {f.name for f in fields(Settings)} - set(NESTED)
    for key, spec in SPECS.items():
        assert spec.en and any("\u4e00" <= c <= "\u9fff" for c in spec.zh), key
        assert accept(key, DEFAULTS[key]) == DEFAULTS[key]
        assert spec.expected


def test_toml_round_trip_of_everything():
    words = ["optimizer=sgd", "lr=0.1", "momentum=0.9", "nesterov=true", "clip=1", "schedule=step", "gamma=0.5"]
    made = parse([*words, 'name=a "b" c', "runs=C:\\runs", "compile=on"])
    model, data, again = from_toml(to_toml("pkg.mod:Net", 'path/with "quotes" and ünïcode', made))
    assert (model, data, again) == ("pkg.mod:Net", 'path/with "quotes" and ünïcode', made)
    assert from_toml(to_toml("mlp", "digits", parse(["betas=(0.8,0.9)"])))[2].betas == (0.8, 0.9)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("model = [", "x.toml: not TOML"),
        ("schema = 1\nschema = 1", "not TOML"),
        ("", "expected `schema = 1`"),
        ("schema = 2\nmodel = 'mlp'\ndata = 'digits'", "schema 2, and this version reads up to 1"),
        ("schema = 0\nmodel = 'mlp'\ndata = 'digits'", "schema 0"),
        ("schema = true", "expected `schema = 1`"),
        ("schema = 1\nmodel = 'mlp'", "expected `model` and `data`"),
        ("schema = 1\nmodel = 3\ndata = 'digits'", "expected `model` and `data`"),
        (
            "schema = 1\nmodel = 'mlp'\ndata = 'digits'\nsettings = 3",
            "expected [settings], [options] and [reading] as tables",
        ),
        ("schema = 1\nmodel = 'mlp'\ndata = 'digits'\n[settings]\nepoch = 3", "epoch=3: unknown setting"),
        ("schema = 1\nmodel = 'mlp'\ndata = 'digits'\n[settings.model]\nhidden = 3", "[settings] model: expected it"),
        ("schema = 1\nmodel = 'mlp'\ndata = 'digits'\n[settings]\nlr = nan", "lr=nan: expected a number"),
        ("schema = 1\nmodel = 'mlp'\ndata = 'digits'\n[settings]\nlr = true", "lr=True: expected a number"),
        ("schema = 1\nmodel = 'mlp'\ndata = 'digits'\n[settings]\nname = 3", "name=3: expected a word"),
        ("schema = 1\nmodel = 'mlp'\ndata = 'digits'\n[settings]\nbetas = 'x'", "betas=x: expected two numbers"),
        ("schema = 1\nmodel = 'mlp'\ndata = 'digits'\n[settings]\nepochs = []", "epochs=[]: expected an integer"),
    ],
)
def test_a_wrong_toml_is_one_line_with_its_path(text, says):
    with pytest.raises(UserError) as caught:
        from_toml(text, "x.toml")
    assert len(caught.value.lines) == 1
    assert caught.value.lines[0].startswith("x.toml: ") and says in caught.value.lines[0]


def test_python_values_are_checked_as_words_are():
    assert make({"epochs": 3.0, "betas": [0.8, 0.9], "model": {"hidden": (3,)}}).model == {"hidden": (3,)}
    with pytest.raises(UserError) as caught:
        make({"epochs": True, "lr": "0", "betas": 3, "model": 4, "compile": 2} | {"model": {}})
    assert len(caught.value.lines) == 4
    with pytest.raises(UserError, match="constructor's arguments by name"):
        make({"model": 4})


def test_words_stand_on_a_base():
    base = parse(["epochs=3", "optimizer=sgd", "momentum=0.9", "model.hidden=(8,)"])
    assert parse(["epochs=5"], base) == parse(["epochs=5", "optimizer=sgd", "momentum=0.9", "model.hidden=(8,)"])
    assert set(RESUMABLE) == {"epochs", "patience", "nonfinite", "skips", "save_every", "keep", "workers", "cache"}
