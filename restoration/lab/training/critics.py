"""Critics (discriminators): networks that tell real photographs from restored ones; only used in training.

A critic maps pictures (B, 3, H, W) in [0, 1], and masks (B, 1, H, W) where the task has them, to scores (N, K, ...),
higher for what looks real: a map or K numbers per picture, or K numbers for each of N places in all pictures.

Reference:
    Wang et al., Real-ESRGAN: Training Real-World Blind Super-Resolution with Pure Synthetic Data, 2021,
    arXiv:2107.10833 (U-Net); Isola et al., Image-to-Image Translation with Conditional Adversarial Networks, 2017,
    arXiv:1611.07004 (patches); Ledig et al., Photo-Realistic Single Image Super-Resolution Using a Generative
    Adversarial Network, 2017, arXiv:1609.04802 (VGG style); Yu et al., Generative Image Inpainting with Contextual
    Attention, 2018, arXiv:1801.07892 (local and global); Sauer et al., Projected GANs Converge Faster, 2021,
    arXiv:2111.01007 (frozen features).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from restoration.errors import InvalidRequest
from restoration.lab.training.adversarial_config import Adversarial, CriticName
from restoration.lab.training.perceptual import denoiser_features
from restoration.models.shared.torchvision_compat import provide_functional_tensor

provide_functional_tensor()

from basicsr.archs.discriminator_arch import UNetDiscriminatorSN  # noqa: E402 - needs the module above

_SLOPE = 0.2
_PROBE_PX = 32
_LEAST_SIZE = 1e-4


class UNetCritic(nn.Module):
    """basicsr's U-Net with spectral norm: one score per pixel, (B, 1, H, W); sides must be multiples of 8."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.net = UNetDiscriminatorSN(3, num_feat=width)

    def forward(self, picture: Tensor, mask: Tensor | None = None) -> Tensor:
        scores: Tensor = self.net(picture)
        return scores


class PatchCritic(nn.Module):
    """Strided convolutions: scores (B, 1, h, w) of overlapping patches; it sees the mask as a fourth channel.

    Args:
        width: channels of the first level, doubled at each further one.
        levels: halvings of the size.
        spectral: divide every kernel by its spectral norm.
        takes_mask: whether there is a mask to see.
    """

    def __init__(self, width: int = 32, levels: int = 3, spectral: bool = True, takes_mask: bool = False) -> None:
        super().__init__()
        widths = [3 + takes_mask, *(width * 2**level for level in range(levels))]
        layers: list[nn.Module] = [nn.Conv2d(fine, coarse, 4, stride=2, padding=1) for fine, coarse in pairwise(widths)]
        layers.append(nn.Conv2d(widths[-1], widths[-1], 3, padding=1))
        for layer in layers:
            _start_strong(layer)
        if spectral:
            layers = [parametrizations.spectral_norm(layer) for layer in layers]
        self.takes_mask = takes_mask
        self.layers = nn.ModuleList([*layers, nn.Conv2d(widths[-1], 1, 3, padding=1)])

    def forward(self, picture: Tensor, mask: Tensor | None = None) -> Tensor:
        x = _with_mask(picture, mask) if self.takes_mask else picture
        for layer in self.layers[:-1]:
            x = functional.leaky_relu(layer(x), _SLOPE)
        scores: Tensor = self.layers[-1](x)
        return scores


class ProjectedCritic(nn.Module):
    """Small heads on every level of the built-in denoiser's encoder, which stays as it is: scores (N, levels).

    The N places are the cells of 8x8 pixels that the mask touches, all cells where there is none. What a critic would
    have to learn first, to tell texture from none, these features know.
    Sides must be multiples of 8.

    Args:
        width: channels of the heads.
    """

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.judge = denoiser_features(finest_level=0)
        with torch.no_grad():
            found = self.judge.features(torch.linspace(0, 1, 3 * _PROBE_PX**2).reshape(1, 3, _PROBE_PX, _PROBE_PX))
        self.heads = nn.ModuleList(
            _head(each.shape[1], width, halvings=len(found) - 1 - level) for level, each in enumerate(found)
        )

    def forward(self, picture: Tensor, mask: Tensor | None = None) -> Tensor:
        lost = picture.new_ones(len(picture), 1, *picture.shape[2:]) if mask is None else mask
        maps = []
        for head, features in zip(self.heads, self.judge.features(picture), strict=True):
            size = features.detach().float().square().mean(dim=(1, 2, 3), keepdim=True).sqrt() + _LEAST_SIZE
            told = functional.interpolate(lost, size=features.shape[2:], mode="area")
            maps.append(head(torch.cat([features.float() / size, told], dim=1)))
        scores = torch.cat([each.float() for each in maps], dim=1)
        is_judged = functional.max_pool2d(lost, picture.shape[2] // scores.shape[2])[:, 0] > 0
        return scores.permute(0, 2, 3, 1)[is_judged]


def _head(channels: int, width: int, *, halvings: int) -> nn.Sequential:
    """Return convolutions from features and a mask, (B, channels + 1, H, W), to scores (B, 1, h, w)."""
    layers: list[nn.Module] = [nn.Conv2d(channels + 1, width, 1), nn.LeakyReLU(_SLOPE)]
    for _ in range(halvings):
        layers += [nn.Conv2d(width, width, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
    layers += [nn.Conv2d(width, width, 3, padding=1), nn.LeakyReLU(_SLOPE), nn.Conv2d(width, 1, 3, padding=1)]
    return nn.Sequential(
        *(parametrizations.spectral_norm(each) if isinstance(each, nn.Conv2d) else each for each in layers)
    )


class VGGCritic(nn.Module):
    """One score per picture, (B, 1), for pictures of one size; pairs of 3x3 and strided 4x4 convolutions.

    Without batch normalisation, so that a score depends on no other picture and the gradient penalty holds.

    Args:
        side_px: of the pictures; a multiple of 2 ** levels.
        width: channels of the first level, doubled up to eight times that.
        levels: halvings of the size.
    """

    def __init__(self, side_px: int, width: int = 32, levels: int = 5) -> None:
        super().__init__()
        widths = [width * min(8, 2**level) for level in range(levels)]
        layers: list[nn.Module] = []
        for before, now in pairwise([3, *widths]):
            layers += [nn.Conv2d(before, now, 3, padding=1), nn.LeakyReLU(_SLOPE)]
            layers += [nn.Conv2d(now, now, 4, stride=2, padding=1), nn.LeakyReLU(_SLOPE)]
        self.layers = nn.Sequential(*layers).apply(_start_strong)
        self.head = nn.Sequential(
            nn.Linear(widths[-1] * (side_px // 2**levels) ** 2, 100), nn.LeakyReLU(_SLOPE), nn.Linear(100, 1)
        )

    def forward(self, picture: Tensor, mask: Tensor | None = None) -> Tensor:
        score: Tensor = self.head(self.layers(picture).flatten(1))
        return score


class LocalGlobalCritic(nn.Module):
    """Two scores per picture, (B, 2): of the whole, and of a square round the middle of what the mask marks.

    Args:
        side_px: of the pictures, a multiple of 16.
        local_px: side of the square, a multiple of 16.
        width: channels of the first level.
    """

    def __init__(self, side_px: int = 128, local_px: int = 64, width: int = 32) -> None:
        super().__init__()
        self.local_px = local_px
        self.whole = _ScalarCritic(side_px, width)
        self.part = _ScalarCritic(local_px, width)

    def forward(self, picture: Tensor, mask: Tensor | None = None) -> Tensor:
        assert mask is not None
        return torch.cat([self.whole(picture), self.part(crop_at_mask(picture, mask, side_px=self.local_px))], dim=1)


class _ScalarCritic(nn.Module):
    """Four 5x5 convolutions of stride 2 and a linear layer: (B, 3, side, side) -> (B, 1)."""

    def __init__(self, side_px: int, width: int) -> None:
        super().__init__()
        widths = [3, width, 2 * width, 4 * width, 4 * width]
        self.layers = nn.ModuleList(nn.Conv2d(before, now, 5, stride=2, padding=2) for before, now in pairwise(widths))
        self.head = nn.Linear(widths[-1] * (side_px // 16) ** 2, 1)

    def forward(self, picture: Tensor) -> Tensor:
        x = picture
        for layer in self.layers:
            x = functional.leaky_relu(layer(x), _SLOPE)
        score: Tensor = self.head(x.flatten(1))
        return score


def _start_strong(module: nn.Module) -> None:
    """Start a convolution so that signals keep their size; torch's own start fades out without normalisation."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, a=_SLOPE)


def crop_at_mask(picture: Tensor, mask: Tensor, *, side_px: int) -> Tensor:
    """Cut a square round the centre of gravity of each mask, moved where it would leave the picture.

    Args:
        picture: (B, C, H, W), sides of at least `side_px`.
        mask: (B, 1, H, W), 1 = lost; the middle of the picture is taken where nothing is.

    Returns:
        (B, C, side_px, side_px).
    """
    height, width = picture.shape[2:]
    pieces = []
    for one, holes in zip(picture, mask[:, 0] > 0.5, strict=True):
        marked = holes.nonzero().float()
        middle = marked.mean(dim=0) if len(marked) else torch.tensor([height / 2, width / 2])
        top = min(max(0, round(float(middle[0])) - side_px // 2), height - side_px)
        left = min(max(0, round(float(middle[1])) - side_px // 2), width - side_px)
        pieces.append(one[:, top : top + side_px, left : left + side_px])
    return torch.stack(pieces)


def _with_mask(picture: Tensor, mask: Tensor | None) -> Tensor:
    assert mask is not None
    return torch.cat([picture, mask.to(picture.dtype)], dim=1)


_CRITICS: Mapping[CriticName, Callable[..., nn.Module]] = {
    "unet": UNetCritic,
    "patch": PatchCritic,
    "projected": ProjectedCritic,
    "vgg": VGGCritic,
    "local-global": LocalGlobalCritic,
}


def build_critic(settings: Adversarial, *, seed: int) -> nn.Module:
    """Build the critic of a recipe with seeded random weights.

    Raises:
        InvalidRequest: it does not take the arguments in `critic_config`.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            critic = _CRITICS[settings.critic](**settings.critic_config)
        except (TypeError, ValueError, RuntimeError) as error:
            raise InvalidRequest(
                f"Critic {settings.critic} cannot be built ({error}); give its arguments in critic_config."
            ) from error
    return critic.to(memory_format=torch.channels_last)


@contextmanager
def activations(critic: nn.Module) -> Iterator[Sequence[Tensor]]:
    """Collect what every convolution but the last gives while the block runs.

    Example:
        >>> critic = PatchCritic(width=4, levels=1)
        >>> with activations(critic) as seen:
        ...     scores = critic(torch.zeros(1, 3, 8, 8))
        >>> [tuple(tensor.shape) for tensor in seen]
        [(1, 4, 4, 4), (1, 4, 4, 4)]
    """
    seen: list[Tensor] = []
    layers = [module for module in critic.modules() if isinstance(module, nn.Conv2d)]
    hooks = [layer.register_forward_hook(lambda _module, _inputs, answer: seen.append(answer)) for layer in layers[:-1]]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
