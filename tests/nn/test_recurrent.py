"""Recurrent modules beside torch's: options, packed sequences, states, masks, compiler; errata E62-E68, E79-E82."""

import itertools

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

import chainrule.nn as nn
from chainrule.formula import R
from chainrule.gear import gear
from chainrule.nn.lstm import lstm
from chainrule.nn.peephole import lstm_peephole
from chainrule.nn.recurrence import alive
from chainrule.nn.recurrent import reverse

from .parity import EXACT, pair

NONE_IS_0: dict = {"allow_unused": True, "materialize_grads": True}
KINDS = ["RNN", "LSTM", "GRU"]
OPTIONS = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"batch_first": True, "bias": False},
    {"num_layers": 3, "batch_first": True, "bidirectional": True, "bias": False},
]
CASES = [
    *itertools.product(KINDS, OPTIONS),
    ("RNN", {"nonlinearity": "relu", "num_layers": 2}),
    ("LSTM", {"proj_size": 2, "num_layers": 2, "bidirectional": True}),
    ("LSTM", {"proj_size": 3, "bias": False}),
]
pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning")


def states(module, batch: int | None):
    rows = module.num_layers * (2 if module.bidirectional else 1)
    sizes = [module.proj_size or module.hidden_size, module.hidden_size][: 2 if module.mode == "LSTM" else 1]
    between = () if batch is None else (batch,)
    made = tuple(torch.randn(rows, *between, size, dtype=torch.float64) for size in sizes)
    return made if len(made) > 1 else made[0]


def flat(value) -> list[torch.Tensor]:
    if isinstance(value, PackedSequence):
        return [value.data]
    return [value] if isinstance(value, torch.Tensor) else [t for part in value for t in flat(part)]


def told(module, x, hx, gear_name: str):
    """All outputs, and the deltas of input and weights for a random cotangent."""
    data = x.data if isinstance(x, PackedSequence) else x
    leaf = data.detach().clone().requires_grad_()
    with gear(gear_name):
        outs = flat(module(PackedSequence(leaf, *x[1:]) if isinstance(x, PackedSequence) else leaf, hx))
    torch.manual_seed(7)
    loss = sum((o * torch.randn_like(o)).sum() for o in outs)
    return [o.detach() for o in outs], torch.autograd.grad(loss, [leaf, *module.parameters()])


@pytest.mark.parametrize("given", [False, True], ids=["zero states", "states"])
@pytest.mark.parametrize("kind", ["batch", "alone", "packed"])
@pytest.mark.parametrize(("name", "options"), CASES, ids=lambda v: str(v))
def test_outputs_states_and_deltas_are_torchs(name, options, kind, given):
    ours, theirs = pair(name, 3, 4, **options)
    x = torch.randn(5, 3, dtype=torch.float64) if kind == "alone" else torch.randn(5, 5, 3, dtype=torch.float64)
    if kind == "packed":
        ends = torch.tensor([2, 5, 3, 1, 5])
        x = pack_padded_sequence(x, ends, batch_first=ours.batch_first, enforce_sorted=False)
    hx = states(ours, None if kind == "alone" else 5) if given else None
    expected = told(theirs, x, hx, "auto")
    for chosen in ("formula", "auto"):
        torch.testing.assert_close(told(ours, x, hx, chosen), expected, **EXACT)


@pytest.mark.parametrize("name", KINDS)
def test_trap_02_a_sorted_packed_sequence_stays_sorted(name):
    ours, theirs = pair(name, 3, 4)
    x = pack_padded_sequence(torch.randn(4, 2, 3, dtype=torch.float64), torch.tensor([4, 2]))
    with gear("formula"):
        got = ours(x)[0]
    assert got.sorted_indices is None and torch.equal(got.batch_sizes, x.batch_sizes)
    torch.testing.assert_close(got.data, theirs(x)[0].data, **EXACT)


@pytest.mark.parametrize("chosen", ["formula", "auto"])
@pytest.mark.parametrize("name", KINDS)
def test_E63_E64_trap_02_a_sample_alone_is_what_it_is_in_a_padded_batch(name, chosen):
    """Masks, not sorting, keep padding out: the order of the batch does not matter either."""
    ours, _ = pair(name, 3, 4, num_layers=2, bidirectional=True)
    ends, x = [3, 6, 1, 4], torch.randn(6, 4, 3, dtype=torch.float64)
    with gear(chosen):
        together, last = ours(pack_padded_sequence(x, torch.tensor(ends), enforce_sorted=False))
        outs = pad_packed_sequence(together)[0]
        for n, end in enumerate(ends):
            out, own = ours(x[:end, n])
            torch.testing.assert_close(outs[:end, n], out, **EXACT)
            assert not outs[end:, n].any()
            for a, b in zip(flat(last), flat(own), strict=True):
                torch.testing.assert_close(a[:, n], b, **EXACT)


def test_E63_what_lies_behind_the_end_changes_nothing():
    x, args = torch.randn(4, 2, 3), [torch.randn(2, 4), torch.randn(2, 4), torch.randn(16, 3), torch.randn(16, 4)]
    ends = torch.tensor([2, 4])
    first = lstm.card.fn(x, *args, lengths=ends)
    y = torch.where(alive(ends, x), x, torch.full_like(x, 7.0))
    for a, b in zip(first, lstm.card.fn(y, *args, lengths=ends), strict=True):
        assert torch.equal(a, b)


def test_reverse_is_its_own_inverse():
    x, ends = torch.randn(5, 3, 2), torch.tensor([5, 2, 3])
    assert torch.equal(reverse(reverse(x, ends), ends), x)


def test_E67_E68_time_steps_share_weights_and_biases():
    for name in KINDS:
        module = getattr(nn, name)(3, 4)
        assert all(len(list(module.parameters())) == 4 and "l0" in key for key in module.state_dict())


def test_E69_the_activation_is_inside_the_recurrence():
    """h_t = act(W x_t + b_ih + U h_{t−1} + b_hh), fed back as it is: not an activation around an RNN."""
    for act in ("tanh", "relu"):
        module, x = nn.RNN(3, 4, nonlinearity=act).double(), torch.randn(5, 2, 3).double()
        h = torch.zeros(2, 4).double()
        for t, seen in enumerate(module(x)[0]):
            z = x[t] @ module.weight_ih_l0.T + module.bias_ih_l0 + h @ module.weight_hh_l0.T + module.bias_hh_l0
            h = getattr(torch, act)(z)
            torch.testing.assert_close(seen, h)


def test_E80_the_forget_gate_has_weights_of_its_own_the_same_at_every_time():
    """A bias of −∞ on the second quarter alone forgets all, at every time; the other gates go on."""
    module, x, state = nn.LSTM(1, 1).double(), torch.randn(4, 1, 1).double(), torch.ones(1, 1, 1).double()
    with torch.no_grad():
        module.bias_ih_l0[1] = -1e9
    whole, (_, c) = module(x, (state, state))
    last, (_, fresh) = module(x[3:], (whole[2:3], torch.full_like(state, 7.0)))
    torch.testing.assert_close((last[0], fresh), (whole[3], c))
    with torch.no_grad():
        module.weight_ih_l0[1], module.weight_hh_l0[1] = 5.0, -5.0  # of a gate that is shut for ever: nothing changes
    assert torch.equal(module(x, (state, state))[0], whole)


def test_E79_peepholes_of_zero_are_the_plain_lstm_and_others_are_not():
    x, h, c = torch.randn(4, 2, 3), torch.randn(2, 5), torch.randn(2, 5)
    w, u, b = torch.randn(20, 3), torch.randn(20, 5), torch.randn(20)
    plain = lstm(x, h, c, w, u, b, torch.zeros(20))
    out, _, h1, c1 = lstm_peephole(x, h, c, w, u, torch.zeros(3, 5), b)
    torch.testing.assert_close((out, h1, c1), plain)
    assert not torch.allclose(lstm_peephole(x, h, c, w, u, torch.ones(3, 5), b)[0], out)


def peephole(lengths, bias=True, size=(5, 4, 3, 6)):
    T, N, I, H = size
    return R(T, N, I), R(N, H), R(N, H), R(4 * H, I), R(4 * H, H), R(3, H), R(4 * H) if bias else None, lengths


@pytest.mark.parametrize("lengths", [None, torch.tensor([5, 2, 3, 1])], ids=["whole", "ended"])
def test_the_kernel_of_peepholes_takes_what_arrives_alone(lengths):
    """A delta of out, of the cells, of either state at the end, and of all."""
    args = peephole(lengths, bias=lengths is None)
    points = [a for a in args if a is not None and a.requires_grad]
    found = [lstm_peephole(*args), lstm_peephole.card.apply(*args)]
    torch.testing.assert_close(*found, rtol=1e-12, atol=1e-12)
    for place in (*range(4), slice(None)):
        got, wanted = (
            torch.autograd.grad(sum(o.cos().sum() for o in flat(outs[place])), points, retain_graph=True, **NONE_IS_0)
            for outs in found
        )
        torch.testing.assert_close(got, wanted, rtol=1e-11, atol=1e-12)


def test_the_kernel_of_peepholes_has_second_derivatives():
    args = peephole(torch.tensor([2, 1]), True, (2, 2, 1, 2))
    assert torch.autograd.gradgradcheck(lambda *a: lstm_peephole(*a)[0], args)  # pyright: ignore[reportArgumentType]


OPTIONS_OF_PEEPHOLES = [{}, {"num_layers": 2, "bidirectional": True}, {"batch_first": True, "bias": False}]


@pytest.mark.parametrize("options", OPTIONS_OF_PEEPHOLES, ids=str)
def test_E79_a_layer_with_peepholes_of_zero_is_torchs_lstm(options):
    """The same seed gives torch's weights, under torch's keys; packed, alone, with states of one's own."""
    torch.manual_seed(3)
    theirs = torch.nn.LSTM(3, 4, **options)
    torch.manual_seed(3)
    ours = nn.PeepholeLSTM(3, 4, **options)
    assert sorted(set(ours.state_dict()) - set(theirs.state_dict())) == sorted(ours._places)
    assert all(torch.equal(value, ours.state_dict()[key]) for key, value in theirs.state_dict().items())
    assert all(0 < ours.get_parameter(name).abs().max() <= 0.5 for name in ours._places)
    x, packed = torch.randn(5, 5, 3), torch.tensor([2, 5, 3, 1, 5])
    with torch.no_grad():
        assert not torch.allclose(ours(x)[0], theirs(x)[0])
        for name in ours._places:
            ours.get_parameter(name).zero_()
    for given in (x, x[0], pack_padded_sequence(x, packed, ours.batch_first, enforce_sorted=False)):
        hx = states(ours, None if given is not x and isinstance(given, torch.Tensor) else 5)
        hx = tuple(s.float() for s in hx)
        torch.testing.assert_close(flat(ours(given, hx)), flat(theirs(given, hx)))
    ours.load_state_dict(theirs.state_dict(), strict=False)
    with pytest.raises((RuntimeError, ValueError)):
        ours(torch.zeros(5, 2, 4))


def test_E81_E82_the_cell_forgets_and_writes_in_one_line():
    """One unit by hand: gates i, f, g, o in torch's order; c ← f c + i g."""
    x = torch.ones(1, 1, 1, dtype=torch.float64)
    biases = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    zero = torch.zeros(4, 1, dtype=torch.float64)
    c = torch.full((1, 1), 2.0, dtype=torch.float64)
    _, h1, c1 = lstm(x, torch.zeros(1, 1).double(), c, zero, zero, biases, torch.zeros(4).double())
    i, f, o = (torch.tensor(z).double().sigmoid() for z in (0.1, 0.2, 0.4))
    torch.testing.assert_close(c1[0, 0], f * 2 + i * torch.tensor(0.3).double().tanh())
    torch.testing.assert_close(h1[0, 0], o * c1[0, 0].tanh())


@pytest.mark.parametrize("name", ["RNNCell", "LSTMCell", "GRUCell"])
@pytest.mark.parametrize("options", [{}, {"bias": False}], ids=str)
def test_a_cell_is_torchs(name, options):
    ours, theirs = pair(name, 3, 4, **options)
    for shape in ((2, 3), (3,)):
        x = torch.randn(shape, dtype=torch.float64)
        h = torch.randn(*shape[:-1], 4, dtype=torch.float64)
        for hx in (None, (h, h + 1) if name == "LSTMCell" else h):
            with gear("formula"):
                torch.testing.assert_close(ours(x, hx), theirs(x, hx), **EXACT)
    with pytest.raises(ValueError, match="1D or 2D"):
        ours(torch.zeros(1, 1, 1, 3).double())


def test_dropout_between_layers_takes_a_mask_from_outside():
    module = nn.LSTM(3, 4, num_layers=2, dropout=0.5)
    x = torch.randn(5, 2, 3)
    module.drop.mask = torch.ones(5, 2, 4)
    doubled = module(x)[0]
    module.drop.mask = torch.zeros(5, 2, 4)
    nothing = module(x)[0]
    assert not torch.allclose(doubled, nothing)
    assert torch.allclose(nothing, module(torch.zeros_like(x))[0] * 0 + nothing)
    assert torch.equal(nothing, module(torch.randn(5, 2, 3))[0]), "a mask of zeros leaves nothing of the first layer"


@pytest.mark.parametrize("chosen", ["formula", "auto"])
@pytest.mark.parametrize("name", [*KINDS, "PeepholeLSTM"])
def test_compiled_it_is_one_operator_and_never_unrolled(name, chosen):
    import torch._dynamo as dynamo

    module, x = getattr(nn, name)(3, 4, num_layers=2, bidirectional=True), torch.randn(40, 2, 3, requires_grad=True)
    seen: list[str] = []

    def backend(graph, _inputs):
        seen.extend(str(node.target) for node in graph.graph.nodes if node.op == "call_function")
        return graph.forward

    dynamo.reset()
    with gear(chosen), dynamo.config.patch(allow_rnn=True):
        compiled = torch.compile(lambda x: module(x)[0], fullgraph=True, dynamic=False, backend=backend)
        got = compiled(x)
        expected = module(x)[0]
    assert len([s for s in seen if s.startswith("chainrule.")]) == 4 and len(seen) < 50  # of 40 steps
    torch.testing.assert_close(got, expected)
    deltas = [torch.autograd.grad(o.sin().sum(), [x, *module.parameters()]) for o in (got, expected)]
    torch.testing.assert_close(*deltas, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [*KINDS, "PeepholeLSTM"])
def test_E63_exported_it_takes_sequences_of_any_length_and_their_ends(name):
    """Torch's own operators would be unrolled into a graph of one length."""

    class Read(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = getattr(nn, name)(3, 4, bidirectional=True, batch_first=True)

        def forward(self, x, lengths):
            return self.layers.over(x, lengths)[0]

    read, T, N = Read().eval(), torch.export.Dim("T"), torch.export.Dim("N")
    with torch.no_grad():
        shapes = {0: N, 1: T}, {0: N}
        program = torch.export.export(read, (torch.zeros(2, 7, 3), torch.tensor([7, 5])), dynamic_shapes=shapes)
        for rows, steps in ((3, 11), (4, 2)):
            x, lengths = torch.randn(rows, steps, 3), torch.randint(1, steps + 1, (rows,))
            lengths[0] = steps
            torch.testing.assert_close(program.module()(x, lengths), read(x, lengths))
    assert len(program.graph.nodes) < 90


@pytest.mark.parametrize("name", KINDS)
def test_wrong_shapes_are_refused_as_torch_refuses_them(name):
    ours, theirs = pair(name, 3, 4)
    for x, hx in [
        (torch.zeros(5, 2, 4), None),
        (torch.zeros(5, 2, 3, 1), None),
        (torch.zeros(5, 2, 3), states(ours, 3)),
    ]:
        with pytest.raises((RuntimeError, ValueError)) as told_by_torch:
            theirs(x.double(), hx)
        with gear("formula"), pytest.raises(type(told_by_torch.value)):
            ours(x.double(), hx)
