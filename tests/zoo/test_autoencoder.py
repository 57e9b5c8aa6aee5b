"""Autoencoders: sizes, leaves, what is drawn outside, and the loss against its definition."""

import inspect
import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from chainrule import catalog
from chainrule.catalog import MODELS
from chainrule.errors import UserError
from chainrule.learn.masks import Masks
from chainrule.learn.unsupervised.kind import Coder, Unsupervised
from chainrule.nn.variational import GaussianNoise, MaskingNoise, Reparameterise, divergence_of, reconstruction
from chainrule.settings import parse

NAMES = [name for name, entry in MODELS.items() if entry.kind == "unsupervised"]
SHAPE = (1, 32, 32)


@pytest.mark.parametrize("name", NAMES)
def test_an_autoencoder_takes_the_options_beside_it_and_gives_images_back(name):
    entry = MODELS[name]
    assert {k: p.default for k, p in inspect.signature(entry.load()).parameters.items()} == dict(entry.options)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model = catalog.build_model(name).eval()
        x_hat, mean, log_var = model(torch.rand(1, *SHAPE))
    assert x_hat.shape == (1, *SHAPE) and (mean is None) == (log_var is None) == (not model.variational)
    assert sum(p.numel() for p in model.parameters()) == entry.parameters
    assert counter.get_total_flops() == 2 * entry.macs
    for module in model.modules():
        if not any(True for _ in module.children()) and any(True for _ in module.parameters()):
            assert type(module).__module__.startswith("chainrule."), type(module)


def test_a_code_is_drawn_while_it_learns_and_is_its_mean_afterwards():
    code, mean, log_var = Reparameterise(), torch.zeros(50_000), torch.full((50_000,), math.log(4.0))
    drawn = code(mean, log_var)
    assert abs(float(drawn.mean())) < 0.05 and abs(float(drawn.std()) - 2) < 0.05
    code.mask = torch.ones(50_000)
    assert torch.equal(code(mean, log_var), torch.full((50_000,), 2.0))
    assert code.eval()(mean, log_var) is mean


def test_noise_is_laid_from_seed_and_step_and_only_while_it_learns():
    for name, options in (
        ("vae", {}),
        ("denoising_autoencoder", {"corruption": "gaussian"}),
        ("conv_autoencoder", {"noise": 0.5}),
    ):
        model, x = catalog.build_model(name, options).train(), torch.rand(4, *SHAPE)
        masks = Masks(model, seed=3)
        assert len(masks.modules) == 1
        outs = []
        for step in (7, 7, 8):
            masks.lay(step, x, model)
            outs.append(model(x)[0])
        assert torch.equal(outs[0], outs[1]) and not torch.equal(outs[0], outs[2])
        masks.clear()
        model.eval()
        assert torch.equal(model(x)[0], model(x)[0])


def test_E59_a_batch_brings_its_own_answers():
    data = Unsupervised().dataset("vae", "digits", parse(["size=8"]))
    for x, y in Unsupervised().feed(data, parse(["batch_size=16"])).at(3):
        assert x is y and x.shape == (16, 1, 8, 8) and 0 <= float(x.min()) <= float(x.max()) <= 1


def test_the_loss_is_reconstruction_and_beta_times_divergence():
    generator = torch.Generator().manual_seed(0)
    z, x, mean, log_var = (
        torch.randn(*shape, generator=generator).double() for shape in ((3, 1, 2, 2),) * 2 + ((3, 5),) * 2
    )
    x = x.sigmoid()
    pixels = torch.distributions.Bernoulli(logits=z, validate_args=False)
    own = torch.distributions.Normal(mean, (log_var / 2).exp())
    kl = torch.distributions.kl_divergence(own, torch.distributions.Normal(0.0, 1.0)).sum() / 3
    nats = -pixels.log_prob(x).sum() / 3
    assert torch.allclose(Coder(beta=2.5).loss((z, mean, log_var), x), nats + 2.5 * kl)
    assert torch.allclose(Coder().loss((z, None, None), x), nats)
    density = torch.distributions.Normal(z, 0.2).log_prob(x)
    assert torch.allclose(reconstruction(z, x, "gaussian", 0.2), -density.sum() / 3)
    assert float(divergence_of(torch.zeros(2, 3), torch.zeros(2, 3))) == 0


def test_the_gaussian_loss_of_unit_deviation_is_half_the_squared_error_and_a_constant():
    x_hat, x = torch.rand(2, 6, dtype=torch.float64), torch.rand(2, 6, dtype=torch.float64)
    expected = (x_hat - x).square().sum() / 4 + 3 * math.log(2 * math.pi)
    assert torch.allclose(reconstruction(x_hat, x, "gaussian", 1.0), expected)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: catalog.build_model("conv_vae", {"shape": (1, 30, 30)}),
            "images of 30×30 with 2 layers that halve them",
        ),
        (lambda: catalog.build_model("vae", {"likelihood": "poisson"}), "unknown likelihood 'poisson'"),
        (lambda: catalog.build_model("vae", {"beta": -1.0}), "beta=-1.0"),
        (lambda: catalog.build_model("vae", {"std": 0.0}), "std above 0"),
        (lambda: catalog.build_model("vae", {"latent": 0}), "latent=0"),
        (lambda: catalog.build_model("vae", {"activation": "rely"}), "unknown activation"),
        (lambda: catalog.build_model("autoencoder", {"shape": (8, 8)}), "expected channels, height, width"),
        (lambda: catalog.build_model("denoising_autoencoder", {"corruption": "salt"}), "unknown corruption 'salt'"),
        (lambda: MaskingNoise(1.5), "MaskingNoise got p=1.5"),
        (lambda: GaussianNoise(-1.0), "GaussianNoise got std=-1.0"),
    ],
)
def test_a_wrong_size_or_name_is_one_clear_line(make, says):
    with pytest.raises(UserError) as caught:
        make()
    assert says in str(caught.value)
