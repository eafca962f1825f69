"""Perceptual losses: features of a frozen network, artefacts, colours, holes.

VGG19 is the usual judge, but its weights are a download of 548 MB. The substitute needs none: the coarse levels of the
built-in denoiser's encoder, which must tell texture from noise. Between 39 patches of CID22 and their x4 upscaled,
blurred copies, distances were compared with those of other copies (blurred copy = 1):

| what is compared | true texture moved by 1 px | by 2 px | noise of the texture's local strength |
|---|---|---|---|
| pixels, L1 | 1.35 | 1.56 | 1.43 |
| denoiser, full and half size | 1.36, 0.93 | 1.44, 1.02 | 1.57, 1.14 |
| denoiser, quarter and eighth size (used) | 0.67, 0.64 | 0.83, 0.80 | 0.95, 0.98 |

So it prefers texture at a slightly wrong place to none, which pixels do not, and does not prefer noise.

Reference:
    Wang et al., ESRGAN, 2018, arXiv:1809.00219 (VGG19 before activation); Liang et al., Details or Artifacts: A Locally
    Discriminative Learning Approach to Realistic Image Super-Resolution, 2022, arXiv:2203.09195 (artefacts);
    Yu et al., Generative Image Inpainting with Contextual Attention, 2018, arXiv:1801.07892 (discount);
    Wang et al., High-Resolution Image Synthesis and Semantic Manipulation with Conditional GANs, 2018,
    arXiv:1711.11585 (feature matching).
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Sequence

import cv2
import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from restoration.errors import InvalidRequest
from restoration.folders import weights_folder
from restoration.lab.training.adversarial_config import Features
from restoration.networks.unet import ResUNet

log = logging.getLogger(__name__)

_VGG_LAYERS = (2, 7, 16, 25, 34)  # the last convolution of every size, before its activation
_VGG_MEAN, _VGG_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_DENOISER = "resunet-photo.safetensors"
_FINEST_LEVEL = 2  # of the denoiser: a quarter of the size
_LOCAL_PX = 7
_COLOUR_PX = 16
_CONTRAST_PX = (3, 7)
_UNSEEN_CONTRAST = 2 / 255


class FeatureLoss(nn.Module):
    """The distance between a frozen network's features of two pictures, level by level relative to their size."""

    name: Features

    def forward(self, restored: Tensor, reference: Tensor) -> Tensor:
        """Return the distance of (B, 3, H, W) from a reference, both in [0, 1], a scalar."""
        with torch.no_grad():
            theirs = self.features(reference)
        return feature_matching(self.features(restored), theirs)

    @abstractmethod
    def features(self, picture: Tensor) -> list[Tensor]:
        """Return features of a picture, fine ones first."""


class DenoiserFeatures(FeatureLoss):
    """The coarse levels of a residual U-Net's encoder, which is told that there is no noise.

    Sides must be multiples of the network's `size_multiple`.
    """

    name: Features = "denoiser"

    def __init__(self, network: ResUNet, *, finest_level: int = _FINEST_LEVEL) -> None:
        super().__init__()
        self.network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.finest_level = finest_level

    def features(self, picture: Tensor) -> list[Tensor]:
        x = self.network.head(functional.pad(picture, (0, 0, 0, 0, 0, 1)))
        found = []
        for level, (encoder, down) in enumerate(zip(self.network.encoders, self.network.downs, strict=True)):
            x = encoder(x)
            if level >= self.finest_level:
                found.append(x)
            x = down(x)
        return [*found, self.network.body(x)]


class VGGFeatures(FeatureLoss):
    """VGG19 for ImageNet, before activation, at five sizes.

    Args:
        layers: torchvision's `vgg19().features`.
    """

    name: Features = "vgg19"
    mean: Tensor
    deviation: Tensor

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        kept = list(layers)[: _VGG_LAYERS[-1] + 1]
        for layer in kept:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # what comes before an activation is compared
        self.layers = nn.Sequential(*kept).eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.register_buffer("mean", torch.tensor(_VGG_MEAN).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(_VGG_DEVIATION).reshape(1, 3, 1, 1), persistent=False)

    def features(self, picture: Tensor) -> list[Tensor]:
        x = (picture - self.mean) / self.deviation
        found = []
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number in _VGG_LAYERS:
                found.append(x)
        return found


class LocalContrast(FeatureLoss):
    """How much every neighbourhood of a picture varies, whatever the pattern; needs no network.

    What cannot be foretold, pixels make flat: that is the answer nearest to all textures. Its strength can be foretold.
    """

    name: Features = "contrast"

    def features(self, picture: Tensor) -> list[Tensor]:
        found = []
        for side in _CONTRAST_PX:
            padded = functional.pad(picture.float(), (side // 2,) * 4, mode="reflect")
            mean, square = _window_means(padded, side), _window_means(padded.square(), side)
            found.append(((square - mean.square()).clamp(min=0) + _UNSEEN_CONTRAST**2).sqrt())
        return found


def build_feature_loss(kind: Features) -> FeatureLoss:
    """Build the perceptual loss; "auto" falls back from VGG19 to the denoiser and says so in the log.

    Raises:
        InvalidRequest: VGG19 is asked for and its weights cannot be had.
    """
    if kind == "denoiser":
        return denoiser_features()
    if kind == "contrast":
        return LocalContrast()
    try:
        return _vgg_features()
    except OSError as error:
        if kind == "vgg19":
            message = (
                "VGG19's weights (548 MB) are not in torch's cache and cannot be downloaded; "
                'connect to the network once, or use features = "denoiser".'
            )
            raise InvalidRequest(message) from error
        log.warning("VGG19's weights cannot be had (%s); the denoiser's features take their place", error)
        return denoiser_features()


def _vgg_features() -> VGGFeatures:
    from torchvision.models import VGG19_Weights, vgg19

    network = vgg19()
    state = VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True, weights_only=True)
    network.load_state_dict(state)
    return VGGFeatures(network.features)


def denoiser_features(*, finest_level: int = _FINEST_LEVEL) -> DenoiserFeatures:
    """Return the built-in denoiser's features, those of every level from the finest one on."""
    network = ResUNet(blocks=2, slopes=False)
    network.load_state_dict({name: tensor.float() for name, tensor in load_file(weights_folder() / _DENOISER).items()})
    return DenoiserFeatures(network, finest_level=finest_level)


def feature_matching(fake: Sequence[Tensor], real: Sequence[Tensor]) -> Tensor:
    """Return the mean distance between two lists of activations, each in units of the real ones' mean size."""
    distances = [relative_distance(ours, theirs) for ours, theirs in zip(fake, real, strict=True)]
    return torch.stack(distances).mean()


def relative_distance(restored: Tensor, reference: Tensor) -> Tensor:
    """Return the mean absolute difference in units of the reference's mean size, a scalar."""
    size = reference.detach().float().abs().mean()
    return functional.l1_loss(restored.float(), reference.detach().float()) / (size + 1e-6)


def artefact_loss(restored: Tensor, average: Tensor, reference: Tensor) -> Tensor:
    """Return the error where texture looks invented, a scalar: locally discriminative learning.

    A pixel counts by the spread of the error round it, and not at all where the answer of the averaged weights is
    worse there: an artefact is what the average has got rid of.

    Args:
        restored, average: answers of the network and of the averaged weights, (B, 3, H, W).
        reference: the same shape.
    """
    error = (reference - restored).detach()
    sizes = error.abs().sum(dim=1, keepdim=True)
    spread = sizes.flatten(1).var(dim=1).pow(0.2).reshape(-1, 1, 1, 1) * _local_variance(sizes)
    is_better = sizes >= (reference - average).detach().abs().sum(dim=1, keepdim=True)
    return (spread * is_better * (reference - restored).abs()).mean()


def _local_variance(plane: Tensor) -> Tensor:
    """Return the variance in a square round every pixel, (B, 1, H, W), the border mirrored."""
    reach = _LOCAL_PX // 2
    padded = functional.pad(plane, (reach,) * 4, mode="reflect")
    mean = _window_means(padded, _LOCAL_PX)
    count = _LOCAL_PX**2
    variance = (_window_means(padded.square(), _LOCAL_PX) - mean.square()).clamp(min=0)
    return variance * (count / (count - 1))


def _window_means(picture: Tensor, side: int) -> Tensor:
    """Return the mean of every window that lies within (B, C, H, W); on a CPU in a tenth of the time of pooling."""
    channels = picture.shape[1]
    line = picture.new_full((channels, 1, side, 1), 1 / side)
    return functional.conv2d(functional.conv2d(picture, line, groups=channels), line.mT, groups=channels)


def colour_loss(restored: Tensor, reference: Tensor) -> Tensor:
    """Return the mean absolute difference of colours averaged over squares of at most 16 px, a scalar."""
    side = min(_COLOUR_PX, *restored.shape[2:])
    return functional.l1_loss(functional.avg_pool2d(restored, side), functional.avg_pool2d(reference, side))


def discount_weights(mask: Tensor, *, discount: float) -> Tensor:
    """Return `discount` to the power of every lost pixel's distance to the nearest known one; 1 where known.

    The middle of a large hole has many right answers, so that its one true filling counts less.

    Args:
        mask: (B, 1, H, W), 1 = lost.
        discount: in (0, 1].
    """
    holes = (mask[:, 0] > 0.5).to(torch.uint8).cpu().numpy()
    distances = [cv2.distanceTransform(np.ascontiguousarray(one), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) for one in holes]
    lengths = torch.from_numpy(np.stack(distances)).clamp(max=mask.shape[2] + mask.shape[3])
    return (discount**lengths)[:, None].to(mask.device)
