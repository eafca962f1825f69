"""Adversarial losses of the critic and the generator, and gradient penalties.

Scores are (B, K, ...): a map, or K numbers per picture; without a gradient penalty they may be those of N places.

Reference:
    Wang et al., ESRGAN, 2018, arXiv:1809.00219, and Jolicoeur-Martineau, The Relativistic Discriminator, 2018,
    arXiv:1807.00734 (relativistic average); Gulrajani et al., Improved Training of Wasserstein GANs, 2017,
    arXiv:1704.00028; Mescheder et al., Which Training Methods for GANs Do Actually Converge?, 2018, arXiv:1801.04406
    (R1).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from restoration.lab.training.adversarial_config import Kind
from restoration.models.shared.torchvision_compat import provide_functional_tensor

provide_functional_tensor()

from basicsr.losses.gan_loss import GANLoss  # noqa: E402 - needs the module above

_BASICSR_NAMES = {"vanilla": "vanilla", "relativistic": "vanilla", "non-saturating": "wgan_softplus", "wgan-gp": "wgan"}


def critic_loss(real: Tensor, fake: Tensor, *, kind: Kind) -> Tensor:
    """Return what the critic makes small, a scalar, from its scores of real and of restored pictures."""
    distance = GANLoss(_BASICSR_NAMES[kind])
    if kind == "relativistic":
        total = distance(real - fake.mean(), True) + distance(fake - real.mean(), False)
        return total / 2
    loss: Tensor = distance(real, True) + distance(fake, False)
    return loss


def network_loss(real: Tensor | None, fake: Tensor, *, kind: Kind) -> Tensor:
    """Return what the network makes small, a scalar; scores of real pictures count for "relativistic" alone."""
    distance = GANLoss(_BASICSR_NAMES[kind])
    if kind == "relativistic":
        assert real is not None
        total = distance(real - fake.mean(), False) + distance(fake - real.mean(), True)
        return total / 2
    loss: Tensor = distance(fake, True)
    return loss


def gradient_penalty(
    critic: nn.Module, real: Tensor, fake: Tensor, mask: Tensor | None, *, generator: torch.Generator
) -> Tensor:
    """Return how far the critic's gradient is from length 1 between real and restored pictures, a scalar.

    Its length is that of the whole picture's gradient, of each of the K scores, and inside the mask where there is one
    (basicsr's function takes the length at every pixel, which bounds something else).

    Args:
        real, fake: (B, 3, H, W).
        mask: (B, 1, H, W), 1 = lost, or None.
        generator: draws where between the two, on the CPU.
    """
    share = torch.rand((len(real), 1, 1, 1), generator=generator).to(real.device)
    between = torch.lerp(fake.detach(), real.detach(), share).requires_grad_()
    scores: Tensor = critic(between, mask)
    scores = scores.flatten(1, -1) if scores.ndim == 2 else scores.flatten(2).mean(dim=2)
    total = scores.new_zeros(())
    for number in range(scores.shape[1]):
        (slope,) = torch.autograd.grad(scores[:, number].sum(), between, create_graph=True)
        length = (slope if mask is None else slope * mask).flatten(1).norm(dim=1)
        total = total + ((length - 1) ** 2).mean()
    return total


def r1_penalty(critic: nn.Module, real: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mean squared length of the critic's gradient at real pictures (B, 3, H, W), a scalar."""
    picture = real.detach().requires_grad_()
    scores: Tensor = critic(picture, mask)
    (slope,) = torch.autograd.grad(scores.flatten(1).mean(dim=1).sum(), picture, create_graph=True)
    return slope.square().flatten(1).sum(dim=1).mean()
