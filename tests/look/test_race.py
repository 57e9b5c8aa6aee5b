"""A race: surfaces with their minima, the same noise for all, honest counts, pictures that are pictures."""

import numpy as np
import pytest
import torch
from PIL import Image

from chainrule.cli.main import main
from chainrule.cli.race import planned
from chainrule.errors import UserError
from chainrule.learn import build
from chainrule.look import contours
from chainrule.look.field import OPTIONS, SETTINGS
from chainrule.look.race import Evaluated, noise, on_surface, race, running, target_of, tuned
from chainrule.look.racers import DEFAULT, GRID, NETWORKS, TRACKS, Racer
from chainrule.look.surfaces import SURFACES
from chainrule.methods import OPTIMIZERS, WRAPPERS
from chainrule.settings import make

FAST = ("momentum", "adam", "lbfgs")


def named(*names):
    return [Racer.named(name) for name in names]


# ---- surfaces -------------------------------------------------------------------------------------------------------


def test_every_track_but_the_network_is_a_surface():
    assert [*TRACKS] == [*SURFACES, "digits"]


@pytest.mark.parametrize("name", SURFACES)
def test_a_minimum_is_a_minimum(name):
    surface = SURFACES[name]
    quiet = (0.0, 0.0) if surface.noise else ()
    for x, y in surface.minima:
        value, dx, dy = surface.slope(x, y, *quiet)
        assert value == surface.least
        assert dx == dy == 0.0
        point = [torch.tensor(v, dtype=torch.float64) for v in (x, y)]
        hessian = torch.autograd.functional.hessian(lambda a, b: surface.mean(a, b), tuple(point))
        matrix = torch.stack([torch.stack(row) for row in hessian])
        assert (torch.linalg.eigvalsh(matrix) > 0).all()
    x, y = (torch.linspace(low, high, 201, dtype=torch.float64) for low, high in (surface.view[:2], surface.view[2:]))
    assert surface.mean(*torch.meshgrid(x, y, indexing="xy")).min() >= 0


@pytest.mark.parametrize("name", SURFACES)
def test_plain_numbers_give_what_autograd_gives(name):
    surface = SURFACES[name]
    extra = (0.3, -0.7) if surface.noise else ()
    x, y = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in surface.start)
    surface.of(x, y, *(torch.tensor(v, dtype=torch.float64) for v in extra)).backward()
    assert surface.slope(*surface.start, *extra)[1:] == pytest.approx((x.grad.item(), y.grad.item()), rel=1e-14)


@pytest.mark.parametrize("name", SURFACES)
def test_start_and_minima_are_in_the_picture(name):
    left, right, bottom, top = SURFACES[name].view
    for x, y in (SURFACES[name].start, *SURFACES[name].minima):
        assert left < x < right and bottom < y < top


def test_the_ravine_is_a_hundred_times_steeper_across():
    zero = torch.zeros((), dtype=torch.float64)
    hessian = torch.autograd.functional.hessian(lambda a, b: SURFACES["ravine"].mean(a, b), (zero, zero))
    assert torch.linalg.eigvalsh(torch.tensor(hessian)).tolist() == pytest.approx([1.0, 100.0])


# ---- the race -------------------------------------------------------------------------------------------------------


WRAPPED = [f"{around}+{base}" for around in WRAPPERS for base in ("sgd", "adam")]


@pytest.mark.parametrize("name", [*OPTIMIZERS, *WRAPPED, "lookahead+lbfgs"])
def test_every_optimizer_goes_down_every_surface(name):
    for track in SURFACES:
        (lap,) = race(track, named(name), {Racer.named(name): 1.0 if "lbfgs" in name else 3e-3}, steps=25)
        assert len(lap.path) == len(lap.values) == len(lap.evaluations) == 26
        assert not lap.lost
        assert min(lap.values) < lap.values[0]
        assert lap.evaluations[0] == 0 and all(
            b > a for a, b in zip(lap.evaluations, lap.evaluations[1:], strict=False)
        )


def test_sam_evaluates_twice_a_step_and_a_line_search_as_often_as_it_must():
    plain, sam, ahead, search = race(
        "beale",
        named("sgd", "sam", "lookahead", "lbfgs"),
        dict.fromkeys(named("sgd", "sam", "lookahead"), 0.01),
        steps=20,
    )
    assert plain.evaluations[-1] == ahead.evaluations[-1] == 20
    assert sam.evaluations[-1] == 40
    assert search.evaluations[-1] > 20


def test_a_lap_is_what_the_optimizer_does():
    (lap,) = race("rosenbrock", named("sgd"), {Racer.named("sgd"): 1e-3}, steps=50)
    x, y = SURFACES["rosenbrock"].start
    for there in lap.path[1:]:
        _, dx, dy = SURFACES["rosenbrock"].slope(x, y)
        x, y = x - 1e-3 * dx, y - 1e-3 * dy
        assert there == pytest.approx((x, y), rel=1e-12)


def test_known_orders_hold():
    laps = {str(lap.racer): lap for lap in race("ravine", named(*DEFAULT), steps=400)}
    assert laps["lbfgs"].reached < laps["nag"].reached < laps["sgd"].reached
    assert laps["momentum"].reached < laps["sgd"].reached


def test_the_noise_is_normal_and_a_function_of_seed_and_step():
    drawn = noise(3, 20000)
    assert drawn.mean(0).abs().max() < 0.03
    assert (drawn.std(0) - 1).abs().max() < 0.03
    assert abs(float(torch.corrcoef(drawn.T)[0, 1])) < 0.03
    assert torch.equal(noise(3, 7), drawn[:7])
    assert not torch.equal(noise(4, 7), drawn[:7])


def test_all_see_the_same_noise_and_another_seed_is_another_race():
    run = on_surface(SURFACES["noisy"], seed=1)
    one, two = run(Racer.named("sgd"), 1e-12, 5), run(Racer.named("momentum"), 1e-12, 5)
    first = [tuple(1e12 * (b - a) for a, b in zip(lap.path[0], lap.path[1], strict=True)) for lap in (one, two)]
    assert first[0] == pytest.approx(first[1], rel=1e-3)
    again = on_surface(SURFACES["noisy"], seed=1)(Racer.named("adam"), 0.1, 30)
    assert again == on_surface(SURFACES["noisy"], seed=1)(Racer.named("adam"), 0.1, 30)
    assert again != on_surface(SURFACES["noisy"], seed=2)(Racer.named("adam"), 0.1, 30)


def test_a_rate_is_the_best_of_the_grid():
    run, racer = on_surface(SURFACES["beale"], 0), Racer.named("adam")
    best = tuned(run, racer, racer.rates, 80)
    alone = {lr: run(racer, lr, 80) for lr in GRID}
    assert best.order[0] == min(lap.order[0] for lap in alone.values())
    assert best.values == alone[best.lr].values
    assert set(best.tried) == set(GRID)


def test_who_goes_to_infinity_is_lost_and_ranks_last():
    laps = race(
        "rosenbrock", named("sgd", "momentum"), {Racer.named("sgd"): 1.0, Racer.named("momentum"): 1e-4}, steps=60
    )
    assert laps[0].lost and laps[0].reached is None
    assert min(laps, key=lambda lap: lap.order) is laps[1]
    assert len(laps[0].path) < 61


def test_a_mean_runs_over_what_noise_moves():
    assert running([4.0, 0.0], kept=0.5) == pytest.approx([4.0, 4 / 3])
    loss = Evaluated(lambda: torch.zeros(()))
    assert [loss() is not None for _ in range(3)] and loss.count == 3


def test_the_network_race_starts_from_the_same_weights_and_learns():
    laps = race(
        "digits", named("sgd", "adam", "lbfgs"), dict(zip(named("sgd", "adam"), (0.1, 3e-3), strict=True)), steps=60
    )
    assert len({lap.values[0] for lap in laps}) == 1
    assert laps[1].reached and laps[1].extra["val_accuracy"] > 0.9
    assert laps[2].evaluations[-1] > laps[0].evaluations[-1] == 59
    assert laps == race("digits", [lap.racer for lap in laps], {lap.racer: lap.lr for lap in laps}, steps=60)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_networks_are_small(name):
    settings = make({**SETTINGS, "model": OPTIONS[name]})
    model = build.network(name, settings, build.dataset(name, "digits", settings))
    assert build.count(model) < 65_000
    laps = race("digits", named("sgd"), {Racer.named("sgd"): 0.1}, steps=2, network=name)
    assert len(laps[0].values) == 2


# ---- pictures and command -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def laps():
    return race("rosenbrock", named(*FAST, "sgd"), {Racer.named("sgd"): 1.0, Racer.named("adam"): 0.1}, steps=60)


def test_the_contours_are_a_picture_with_every_colour(laps, tmp_path):
    contours.contours(SURFACES["rosenbrock"], laps, tmp_path / "a.png", "rosenbrock")
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (1320, 648)
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24)}
    for number in range(len(FAST)):
        colour = contours.look_of(number)["color"]
        assert tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) in colours


@pytest.mark.parametrize("kind", ["gif", "png"])
def test_the_animation_grows(laps, kind, tmp_path):
    path = tmp_path / f"a.{kind}"
    contours.animation(SURFACES["rosenbrock"], laps, path, "rosenbrock")
    with Image.open(path) as image:
        assert image.n_frames > 20 and image.info["loop"] == 0
        frames = []
        for at in (0, image.n_frames // 2, image.n_frames - 1):
            image.seek(at)
            frames.append(np.asarray(image.convert("RGB")).astype(int))
    assert all(frame.shape == (480, 480, 3) for frame in frames)
    assert (np.abs(frames[0] - frames[1]).sum(-1) > 30).sum() > 200
    assert (np.abs(frames[1] - frames[2]).sum(-1) > 30).sum() > 20


def test_more_curves_than_colours_are_told_apart():
    looks = [tuple(sorted(contours.look_of(i).items())) for i in range(len(OPTIMIZERS) + 1)]
    assert len(set(looks)) == len(looks)


def test_the_command_prints_tables_and_writes_pictures(tmp_path, capsys):
    words = [
        "saddle",
        "digits",
        "optimizers=adam,sam+sgd,lbfgs",
        "lr=0.05",
        "steps=30",
        "--out",
        str(tmp_path / "a" / "b"),
    ]
    assert main(["race", *words]) == 0
    shown = capsys.readouterr().out
    assert shown.count("optimizer  ") == 2 and "val_accuracy" in shown and "sam+sgd" in shown and "–" in shown
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == ["digits.png", "saddle.gif", "saddle.png"]
    assert f"target {target_of('saddle'):g}" in shown


def test_a_race_that_is_lost_at_once_is_told_and_drawn(tmp_path, capsys):
    words = ["ravine", "optimizers=sgd", "lr=1e9", "steps=5", "animation=none", "--out", str(tmp_path)]
    assert main(["race", *words]) == 0
    assert "lost" in capsys.readouterr().out
    assert [p.name for p in tmp_path.iterdir()] == ["ravine.png"]


def test_the_list_names_tracks_and_optimizers(capsys):
    assert main(["race", "--list"]) == 0
    shown = capsys.readouterr().out
    assert all(f"{name} " in shown for name in [*TRACKS, *OPTIMIZERS]) and "sam+…" in shown


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["rosenbroc"], "unknown surface 'rosenbroc'"),
        (["surfaces=beale,ravin"], "unknown surface 'ravin'"),
        (["optimizers=adm"], "unknown optimizer 'adm'"),
        (["optimizers=foo+adam"], "expected lookahead or sam before the +"),
        (["optimizers=sam+lbfgs"], "lbfgs searches a line"),
        (["lr=0"], "lr=0: expected a number above 0"),
        (["lr=adam:x"], "lr of adam=x: expected a number above 0"),
        (["optimizers=adam", "lr=sgd:0.1"], "sgd does not race; expected one of adam"),
        (["lr=adam:0.1,0.2"], "expected one rate, or NAME:RATE"),
        (["steps=0"], "steps=0: expected an integer in [1, 100000]"),
        (["sead=3"], "did you mean seed?"),
        (["animation=mp4"], "animation=mp4: expected one of gif, png, none"),
        (["ravine", "--out", "taken"], "taken: is already there"),
        (["ravine", "--out", "taken/below"], "taken/below: is a file, and a folder was expected"),
    ],
)
def test_a_mistake_is_one_line(words, told, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("")
    assert main(["race", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and shown.err.count("\n") == 1
    assert told in shown.err


def test_several_mistakes_are_told_at_once():
    with pytest.raises(UserError) as caught:
        planned(["ravin", "optimizers=adm", "seed=-1"])
    assert len(caught.value.lines) == 3
