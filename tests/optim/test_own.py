"""What torch has not: Lion by its paper, Muon on filters, Adafactor's memory."""

import pytest
import torch
from cases import apart, descend, params

import chainrule
from chainrule.optim import NAG, Adafactor, HeavyBall, Lion, Momentum, Muon, MuonSGD
from chainrule.optim.matrix import orthogonal


def test_lion_is_algorithm_2_of_its_paper():
    made = Lion(params(), lr=0.01, betas=(0.9, 0.99), weight_decay=0.1, maximize=True)
    by_hand, averages = params(), [torch.zeros_like(θ) for θ in params()]
    descend(made, 20)
    for t in range(20):
        source = torch.Generator().manual_seed(t)
        for i, θ in enumerate(by_hand):
            noise = torch.randn(θ.shape, generator=source, dtype=θ.dtype)
            g = -(θ.detach().sin() + noise)
            if i == 3 and t < 3:
                continue
            with torch.no_grad():
                c = 0.9 * averages[i] + 0.1 * g
                θ.sub_(0.01 * (c.sign() + 0.1 * θ))
                averages[i] = 0.99 * averages[i] + 0.01 * g
    for θ, expected in zip(made.param_groups[0]["params"], by_hand, strict=True):
        assert torch.allclose(θ, expected, rtol=0, atol=1e-12)


def test_muon_takes_filters_as_the_matrix_that_torch_takes():
    """Filters [out, in, h, w] move as the matrix [out, in·h·w] does under torch's."""
    start = torch.randn(6, 2, 3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    filters, flat = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.reshape(6, -1).clone())
    ours, torchs = Muon([filters], lr=0.1), torch.optim.Muon([flat], lr=0.1)
    for t in range(10):
        g = torch.randn(6, 18, generator=torch.Generator().manual_seed(t + 1), dtype=torch.float64)
        filters.grad, flat.grad = g.reshape(filters.shape), g
        ours.step()
        torchs.step()
    assert torch.allclose(filters.reshape(6, -1), flat, rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="only supports 2D"):
        torch.optim.Muon([filters])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("nesterov", [True, False])
def test_muon_lends_torch_s_function_what_it_takes_and_its_text_says_the_same(dtype, nesterov):
    """Matrices and filters in torch's order of memory go by torch's function; vectors and channels_last by the text."""
    source = torch.Generator().manual_seed(0)
    shapes = [(4, 6), (6, 2, 3, 3), (5,), (4, 3, 2, 2)]
    starts = [torch.randn(shape, generator=source, dtype=torch.float64).to(dtype) for shape in shapes]
    starts[3] = starts[3].contiguous(memory_format=torch.channels_last)
    made = {}
    for way in ("auto", "formula"):
        θs = [torch.nn.Parameter(start.clone(memory_format=torch.preserve_format)) for start in starts]
        made[way] = Muon(θs, lr=0.1, nesterov=nesterov, adjust_lr_fn="match_rms_adamw")
        for t in range(5):
            draw = torch.Generator().manual_seed(t + 1)
            grads = [torch.randn(θ.shape, generator=draw, dtype=torch.float64).to(dtype) for θ in θs]
            given = [g.clone() for g in grads]
            for θ, g in zip(θs, given, strict=True):
                θ.grad = g
            with chainrule.gear(way):
                made[way].step()
            assert all(map(torch.equal, given, grads))
    exact = 1e-12 if dtype == torch.float64 else 4 * torch.finfo(dtype).eps
    for a, b in zip(made["auto"].param_groups[0]["params"], made["formula"].param_groups[0]["params"], strict=True):
        assert torch.allclose(a, b, rtol=exact, atol=exact)
        assert torch.allclose(made["auto"].state[a]["momentum_buffer"], made["formula"].state[b]["momentum_buffer"])


def test_muon_moves_vectors_by_the_sign_of_their_momentum():
    θ = torch.nn.Parameter(torch.zeros(3))
    made = Muon([θ], lr=0.25, weight_decay=0.0)
    for g in ([1.0, -1.0, 0.0], [-0.1, 0.1, 0.0]):
        θ.grad = torch.tensor(g)
        made.step()
    # momentum after two: 0.05·0.95·1 − 0.05·0.1 > 0; the look-ahead 0.05·g + 0.95·momentum keeps its sign
    assert θ.tolist() == [-0.5, 0.5, 0.0]


@pytest.mark.parametrize("shape", [(8, 8), (4, 20), (20, 4)])
def test_orthogonal_brings_all_singular_values_near_one(shape):
    G = torch.randn(shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    U, S, Vh = torch.linalg.svd(G, full_matrices=False)
    made = orthogonal(G, (3.4445, -4.775, 2.0315), 1e-7, 10).double()
    found = torch.linalg.svdvals(made)
    assert found.min() > 0.6 and found.max() < 1.3 and S.max() / S.min() > 1.5
    assert ((U.T @ made @ Vh.T).diagonal() > 0.6).all()  # the directions are those of G


def test_adafactor_keeps_rows_and_columns():
    θ = torch.nn.Parameter(torch.ones(100, 50))
    made = Adafactor([θ])
    θ.grad = torch.ones_like(θ)
    with chainrule.gear("formula"):
        made.step()
    kept = sum(value.numel() for name, value in made.state[θ].items() if name != "step")
    assert kept == 100 + 50


@pytest.mark.parametrize("cls", [Lion, NAG, Momentum, HeavyBall])
def test_small_tensors_side_by_side_move_as_each_alone(cls):
    """Many of them, of two types, in another memory order, with groups, with one too large and one without gradient."""

    def made():
        source = torch.Generator().manual_seed(0)
        shapes = [(3,), (), (4, 3, 2, 2), (200, 90), (129, 127), (150, 100), (150, 100), (150, 100), (150, 100)]
        tensors = [torch.randn(shape, generator=source, dtype=torch.float64) for shape in shapes]
        tensors[2] = tensors[2].to(memory_format=torch.channels_last)
        parts = [torch.nn.Parameter(x) for x in tensors] + [torch.nn.Parameter(tensors[0].float())]
        return cls([{"params": parts[:4], "weight_decay": 0.1}, {"params": parts[4:], "lr": 0.02}], lr=0.01)

    alone, together = made(), made()
    with chainrule.gear("formula"):
        descend(alone, 6)
    descend(together, 6)
    assert apart(alone, together) <= 1e-15


def test_muonsgd_turns_filters_by_an_angle_and_leaves_their_length():
    draw = torch.Generator().manual_seed(0)
    filters = torch.nn.Parameter(torch.randn(8, 4, 3, 3, generator=draw))
    made = MuonSGD([filters], lr=0.1)
    for scale in (1.0, 1e-6, 1e6):  # the length of the gradient does not count
        before = filters.detach() * 8**0.5 / filters.detach().norm()
        filters.grad = scale * torch.randn(8, 4, 3, 3, generator=draw)
        made.step()
        moved = torch.linalg.svdvals((filters.detach() - before).flatten(1)) / 0.1
        assert moved.min() > 0.3 and moved.max() < 1.3


def test_muonsgd_lets_no_filter_decay():
    start = torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    found = []
    for decay in (0.0, 0.5):
        filters = torch.nn.Parameter(start.clone())
        made = MuonSGD([filters], weight_decay=decay)
        for _ in range(3):
            filters.grad = filters.detach().cos()
            made.step()
        found.append(filters.detach())
    assert torch.equal(*found)


def test_muonsgd_is_sgd_with_nesterovs_momentum_on_what_is_no_filter():
    start = torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    mine = MuonSGD([ours], lr=0.1, betas=(0.6, 0.85), weight_decay=0.3)
    reference = torch.optim.SGD([theirs], lr=0.1, momentum=0.85, nesterov=True, weight_decay=0.3)
    for t in range(20):
        noise = torch.randn(5, 3, generator=torch.Generator().manual_seed(t), dtype=torch.float64)
        ours.grad, theirs.grad = noise + ours.detach(), noise + theirs.detach()
        mine.step()
        reference.step()
    assert torch.allclose(ours, theirs, rtol=1e-12, atol=0)
