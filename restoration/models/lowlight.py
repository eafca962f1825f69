"""Built-in low-light enhancement: curves from a look at the whole picture, then a denoiser for what they lift.

Two small networks that are trained apart. `LightNetwork` sees the whole picture at 128 px and the brightness that is
wanted, and says how much every place is lifted and which colour cast is taken away; a search makes the brightness
exact, so that the slider means what it says, and a picture that is bright enough stays untouched. `LiftedNoiseNetwork`
works at full size and is told how strong the noise is after the lift. What it leaves is faint but large-grained, and
is taken away by the built-in denoiser. In large pictures, where that would take long, it works at half size, and the
detail that half the size does not hold is shrunk where it is no stronger than the noise.

Reference:
    Gharbi et al., Deep Bilateral Learning for Real-Time Image Enhancement, 2017, arXiv:1707.02880 (low resolution
    decides, full resolution follows); Zhang et al., FFDNet, 2018, arXiv:1710.04026 (noise-level map, unshuffling).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.algorithms.tone_curves import (
    Curves,
    apply_curves,
    brightness,
    fit_curves,
    flat_curves,
    guide_of,
    luma_of,
    offset_for,
    without_turning,
)
from restoration.models.shared.contract import Contract
from restoration.models.shared.global_pass import GlobalPassRestorer, TileContext
from restoration.models.shared.state import load_networks
from restoration.networks.layers import ResidualBlock
from restoration.networks.unet import ResUNet
from restoration.types import Parameters

SURVEY_PX = 128
LARGE_PX = 4_000_000
"""Above this many pixels the noise is found at half size: 4,000x3,000 px on 2 cores without bfloat16 4.9 s, where two
passes of the network at full size took 14.7 s. LOL treated so: 17.86 dB, SSIM 0.738, noise 0.19 (else 18.01, 0.767,
0.25)."""
_LARGEST_LOCAL_LOG_GAIN = 1.6
_LOCAL_SHARE = 0.6
"""Of what is learnt from fused exposures, in which shadows are lifted much. Told 1, 0.8, 0.6 or 0.4: 10 scenes of SICE
22.03, 22.05, 21.98, 21.39 dB; LOL, mean matched, 20.64, 21.12, 21.62, 21.93 dB."""
_LARGEST_LOG_BALANCE = 0.5
_USUAL_CHROMA = 0.15  # less in the exponent; the network chooses between none and twice as much
_INVISIBLE = 0.5 / 255
"""Noise below what an 8-bit file holds is not looked for: calm tiles cost little."""
_SOON = 2.5
"""How soon the local part of the lift comes in: at one stop nearly nine tenths of it."""
_LEAST_CHANGE = 0.008  # of the mean; what the exposure slider's step of 0.01 cannot tell from no change
_DARKEST_WANTED, _BRIGHTEST_WANTED = 0.01, 0.99
_LEFT_FOR_DENOISER = 0.3
"""What the second pass is told of the noise level. On 4 pictures of LOL (SSIM, noise of the result in 0-255 units):
no second pass 0.769, 1.86; told 0.15, 0.3 or 0.6: 0.800, 0.41; 0.814, 0.24; 0.816, 0.30."""
_FINE_SHARE = 0.8  # of the noise level, in the detail that half the size does not hold
_LUMA_NOISE, _CHROMA_NOISE = 0.45, 0.6  # variance of each in white noise, if that of a colour is 1
_LUMA_CAUTION, _CHROMA_CAUTION = 2.0, 4.0  # above 1 the noise is taken for stronger than it is


class LightNetwork(nn.Module):
    """Decide the curves of a whole picture, of any size, from a look at it in small.

    A U-Net. Its coarsest level, to which the mean over the picture is added, gives the
    colours; its finest gives the local gain.

    Args:
        widths: channels of each level, finest first.
        blocks: residual blocks per level and direction.
    """

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 96), blocks: int = 1) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.head = nn.Conv2d(7, widths[0], 3, padding=1)
        self.encoders = nn.ModuleList(_blocks(width, blocks) for width in widths[:-1])
        self.downs = nn.ModuleList(nn.Conv2d(fine, coarse, 2, stride=2) for fine, coarse in pairwise(widths))
        self.body = _blocks(widths[-1], blocks)
        self.whole = nn.Sequential(
            nn.Conv2d(widths[-1], widths[-1], 1), nn.ReLU(), nn.Conv2d(widths[-1], widths[-1], 1)
        )
        self.after = _blocks(widths[-1], blocks)
        self.colours = nn.Conv2d(widths[-1], 4, 1)
        self.ups = nn.ModuleList(nn.ConvTranspose2d(coarse, fine, 2, stride=2) for fine, coarse in pairwise(widths))
        self.decoders = nn.ModuleList(_blocks(width, blocks) for width in widths[:-1])
        self.gain = nn.Conv2d(widths[0], 1, 3, padding=1)
        for last in (self.colours, self.gain):  # starts as one curve for the whole picture
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Return the lifted picture, (B, 3, H, W), and the factor by which each pixel grew, (B, 1, H, W).

        Args:
            image: (B, 3, H, W), range [0, 1]: a whole picture of about `SURVEY_PX`.
            wanted: mean luma of the answer, (B, 1, 1, 1), range [0, 1].
        """
        image = image.float()
        return apply_curves(image, self.curves(image, wanted.float(), is_learning=self.training))

    def curves(self, small: Tensor, wanted: Tensor, *, local_share: float = 1.0, is_learning: bool = False) -> Curves:
        """Return the curves on the grid of a small picture; arguments as for `forward`.

        Args:
            local_share: how much of the local differences is applied, 0 to 1.
            is_learning: leave the colours as the network gives them; else see `without_turning`.
        """
        wanted = wanted.clamp(_DARKEST_WANTED, _BRIGHTEST_WANTED)
        before = brightness(small)
        is_same = (before - wanted).abs() < _LEAST_CHANGE
        stops = (wanted / before.clamp_min(1e-4)).log2()
        share = torch.where(is_same, torch.zeros_like(stops), 1 - (-_SOON * stops.abs()).exp())
        flat = flat_curves(small)
        evenly, _ = apply_curves(small, flat.raised(offset_for(small, flat, wanted)))
        gain, balance, chroma = self._decide(
            torch.cat([small.sqrt(), evenly, stops.expand(-1, -1, *_size(small))], dim=1)
        )
        guide = guide_of(small.amax(dim=1, keepdim=True))
        cast = (share * _LARGEST_LOG_BALANCE * balance).exp() - 1
        if not is_learning:
            cast = torch.where(is_same, cast, without_turning(small, cast))
        local = fit_curves(
            guide,
            local_share * share * _LARGEST_LOCAL_LOG_GAIN * gain,
            chroma=-_USUAL_CHROMA * (1 + chroma),
            balance=cast,
        )
        offset = offset_for(small, local, wanted)
        return local.raised(torch.where(is_same, torch.zeros_like(offset), offset))

    def _decide(self, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the local gain, the balance and the chroma, (B, 1 or 3, h, w), all in [-1, 1]."""
        height, width = _size(seen)
        multiple = 2 ** len(self.downs)
        margins = (0, -width % multiple, 0, -height % multiple)
        x = self.head(functional.pad(seen, margins, mode="replicate").to(self.head.weight.dtype))
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(functional.relu(x))
            skips.append(x)
            x = down(x)
        x = self.body(functional.relu(x))
        x = self.after(x + self.whole(x.mean(dim=(2, 3), keepdim=True)))
        colours = self.colours(x).float()
        cast, chroma = colours[:, :3], colours[:, 3:]
        colours = torch.tanh(torch.cat([cast - cast.mean(dim=1, keepdim=True), chroma], dim=1))
        for decoder, up in zip(reversed(self.decoders), reversed(self.ups), strict=True):
            x = decoder(functional.relu(up(x) + skips.pop()))
        gain = self.gain(x).float()
        gain = torch.tanh(gain - gain.mean(dim=(2, 3), keepdim=True))  # the mean is the search's to find
        colours = functional.interpolate(colours, size=_size(gain), mode="bilinear", align_corners=False)
        colours = colours[..., :height, :width]
        return gain[..., :height, :width], colours[:, :3], colours[:, 3:]


class LiftedNoiseNetwork(nn.Module):
    """Find the noise of a lifted picture (B, 3, H, W); H and W must be multiples of `size_multiple`.

    A residual U-Net without biases, so that it scales with its input, on pixels unshuffled by two: the finest level
    costs a quarter.

    Args:
        widths: channels of each level, finest first.
        blocks: residual blocks per level and direction.

    Reference:
        Mohan et al., Robust and Interpretable Blind Image Denoising via Bias-Free CNNs, 2020, arXiv:1906.05478.
    """

    def __init__(self, widths: Sequence[int] = (40, 80, 128), blocks: int = 2) -> None:
        super().__init__()
        self.widths = tuple(widths)
        self.blocks = blocks
        self.head = nn.Conv2d(16, widths[0], 3, padding=1, bias=False)
        self.encoders = nn.ModuleList(_blocks(width, 1, bias=False) for width in widths[:-1])
        self.downs = nn.ModuleList(
            nn.Conv2d(fine, coarse, 2, stride=2, bias=False) for fine, coarse in pairwise(widths)
        )
        self.body = _blocks(widths[-1], blocks, bias=False)
        self.ups = nn.ModuleList(
            nn.ConvTranspose2d(coarse, fine, 2, stride=2, bias=False) for fine, coarse in pairwise(widths)
        )
        self.decoders = nn.ModuleList(_blocks(width, blocks, bias=False) for width in widths[:-1])
        self.tail = nn.Conv2d(widths[0], 12, 3, padding=1, bias=False)

    @property
    def size_multiple(self) -> int:
        return int(2 ** len(self.widths))

    @property
    def receptive_radius_px(self) -> int:
        """How far the output looks: two 3x3 convolutions per block, doubled at each level."""
        levels = len(self.widths)
        fine = sum(2 * (1 + self.blocks) * 2**level for level in range(1, levels))
        return 4 + fine + 2 * self.blocks * 2**levels

    def forward(self, lifted: Tensor, level: Tensor) -> Tensor:
        """Return the noise to subtract, (B, 3, H, W).

        Args:
            lifted: (B, 3, H, W), range [0, 1].
            level: standard deviation of the noise, (B, 1, H, W), range [0, 1].
        """
        x = self.head(functional.pixel_unshuffle(torch.cat([lifted, level], dim=1), 2))
        skips: list[Tensor] = []
        for encoder, down in zip(self.encoders, self.downs, strict=True):
            x = encoder(x)
            skips.append(x)
            x = down(x)
        x = self.body(x)
        for decoder, up in zip(reversed(self.decoders), reversed(self.ups), strict=True):
            x = decoder(up(x) + skips.pop())
        return functional.pixel_shuffle(self.tail(x), 2)


class LowLightRestorer(GlobalPassRestorer):
    """Lift by the curves of the survey, in float32, and take the noise away that the lift made visible.

    Low precision touches only the noise that is subtracted. Of the noise, what was there before the lift stays: the
    share `1 - 1 / factor ** 2` is taken, nothing where nothing was lifted.
    """

    def __init__(self, light: LightNetwork, noise: LiftedNoiseNetwork, denoiser: nn.Module, contract: Contract) -> None:
        super().__init__(nn.ModuleDict({"light": light, "noise": noise, "denoiser": denoiser}), contract)
        self.light, self.noise, self.denoiser = light, noise, denoiser

    def to(self, *, device: torch.device, dtype: torch.dtype) -> None:
        self.light.to(device=device)
        for network in (self.noise, self.denoiser):
            network.to(device=device, dtype=dtype).to(memory_format=torch.channels_last)
        self.dtype = dtype

    def global_pass(self, small: Tensor, *, parameters: Parameters) -> Tensor:
        wanted = torch.full((1, 1, 1, 1), float(parameters["exposure"]), device=small.device)
        return self.light.curves(small, wanted, local_share=_LOCAL_SHARE).stacked()

    def restore_tiles(
        self, image: Tensor, *, parameters: Sequence[Parameters], contexts: Sequence[TileContext]
    ) -> Tensor:
        curves = Curves.unstacked(torch.cat([context.maps(_size(image)) for context in contexts]))
        lifted, factor = apply_curves(image, curves)
        sigmas, shares = (_column(image, [float(each[name]) for each in parameters]) for name in ("sigma", "denoise"))
        wanted = shares * (1 - factor.clamp_min(1).square().reciprocal())
        level = sigmas * factor
        if float((level * wanted).max()) < _INVISIBLE:
            return lifted
        is_large = torch.tensor([context.height * context.width > LARGE_PX for context in contexts])
        noise = torch.empty_like(lifted)
        for find, chosen in ((self._noise_at_half_size, is_large), (self._noise, ~is_large)):
            if bool(chosen.any()):
                noise[chosen] = find(lifted[chosen], level[chosen], wanted[chosen])
        return lifted - noise

    def _noise(self, lifted: Tensor, level: Tensor, wanted: Tensor) -> Tensor:
        """Return the noise to subtract, (B, 3, H, W).

        Args:
            lifted: (B, 3, H, W), range [0, 1].
            level: standard deviation of the noise, (B, 1, H, W).
            wanted: share of it that shall go, (B, 1, H, W).
        """
        noise = wanted * self._found(self.noise, lifted, level)
        return noise + wanted * self._found(self.denoiser, lifted - noise, _LEFT_FOR_DENOISER * level)

    def _noise_at_half_size(self, lifted: Tensor, level: Tensor, wanted: Tensor) -> Tensor:
        """Return about the same as `_noise` in a tenth of its time.

        The network is told the full level, though half the size halves white noise: what a camera has smoothed does not
        shrink so, and told 0.5 to 0.75 of it the answers were worse.
        """
        small, small_level = (functional.avg_pool2d(each, 2) for each in (lifted, level))
        fine = lifted - _doubled(small)
        coarse_noise = _doubled(self._found(self.noise, small, small_level))
        return wanted * (coarse_noise + fine_noise(fine, _FINE_SHARE * level))

    def _found(self, network: nn.Module, picture: Tensor, level: Tensor) -> Tensor:
        """Return the noise that a network finds, in float32."""
        seen, told = (each.to(self.dtype).contiguous(memory_format=torch.channels_last) for each in (picture, level))
        noise: Tensor = network(seen, told)
        return noise.float()


TINY = {name: {"widths": [4, 8], "blocks": 1} for name in ("light", "noise", "denoiser")}


def networks(config: Mapping[str, object], parameters: Parameters) -> dict[str, nn.Module]:
    """Return the three networks; the configuration has a table for each."""
    kinds: Mapping[str, type[nn.Module]] = {
        "light": LightNetwork,
        "noise": LiftedNoiseNetwork,
        "denoiser": ResUNet,
    }
    return {role: kind(**config.get(role, {})) for role, kind in kinds.items()}  # type: ignore[arg-type]


def build(*, config: Mapping[str, object], weights: Mapping[str, Path], parameters: Parameters) -> LowLightRestorer:
    """Build the networks from their files.

    Raises:
        WeightsUnavailable: a file holds something else.
    """
    parts = load_networks(networks(config, parameters), weights, model="the built-in low-light enhancement")
    light, noise, denoiser = parts["light"], parts["noise"], parts["denoiser"]
    assert isinstance(light, LightNetwork)
    assert isinstance(noise, LiftedNoiseNetwork)
    assert isinstance(denoiser, ResUNet)
    contract = Contract(
        size_multiple=max(2 * noise.size_multiple, denoiser.size_multiple),
        size_minimum=max(2 * noise.size_multiple, denoiser.size_multiple),
        border_px=8,
        cpu_tile_px=832,
        cpu_whole_px=1024,
        overlap_px=max(2 * noise.receptive_radius_px, denoiser.receptive_radius_px),  # the second pass changes little
        tile_align_px=2,
        global_pass_px=SURVEY_PX,
        dtypes=(torch.bfloat16, torch.float16, torch.float32),
        activation_bytes_per_pixel=4.0 * (40 + denoiser.width * 6),
    )
    return LowLightRestorer(light, noise, denoiser, contract)


def _blocks(width: int, count: int, *, bias: bool = True) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(width, bias=bias) for _ in range(count)))


def _size(picture: Tensor) -> tuple[int, int]:
    return picture.shape[2], picture.shape[3]


def _column(image: Tensor, values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=image.device).reshape(-1, 1, 1, 1)


def fine_noise(fine: Tensor, level: Tensor) -> Tensor:
    """Return what of fine detail, (B, 3, H, W), is noise of the standard deviation `level`, (B, 1, H, W).

    Wiener's filter of pixels, luma and chroma apart: detail goes where it is no stronger than the noise around it.
    """
    luma = luma_of(fine)
    chroma = fine - luma
    variance = level.square()
    kept_luma = _share_kept(luma.square(), _LUMA_CAUTION * _LUMA_NOISE * variance)
    kept_chroma = _share_kept(chroma.square().mean(dim=1, keepdim=True), _CHROMA_CAUTION * _CHROMA_NOISE * variance)
    return (1 - kept_luma) * luma + (1 - kept_chroma) * chroma


def _share_kept(energy: Tensor, noise: Tensor) -> Tensor:
    """Return the share of detail to keep, (B, 1, H, W), from the energy of 6x6 pixels around."""
    around, expected = (functional.avg_pool2d(each, 2) for each in (energy, noise))
    around = functional.avg_pool2d(functional.pad(around, [1] * 4, mode="replicate"), 3, stride=1)
    return _doubled((1 - expected / around.clamp_min(1e-12)).clamp_min(0))


def _doubled(small: Tensor) -> Tensor:
    return functional.interpolate(small, scale_factor=2, mode="bilinear", align_corners=False)
