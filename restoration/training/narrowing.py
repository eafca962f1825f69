"""A narrow network begins where a wide one is: each of its layers is solved for what that layer of its teacher finds.

Of every layer those channels are kept that matter most to the next one. The pupil's layer is the least squares answer
to them from what the pupil's own layers have found so far, so that it makes good for their errors. What `train` then
learns from the teacher's answers starts near them: solved from 48 patches in a minute, a network of 0.57 of the
multiply-adds of realesr-general-x4v3 is as near to it as others became in hours.

Reference:
    Romero et al., FitNets: Hints for Thin Deep Nets, 2015, arXiv:1412.6550;
    He, Zhang, Sun, Channel Pruning for Accelerating Very Deep Neural Networks, 2017, arXiv:1707.06168.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from restoration.errors import InvalidRequest

_AT_ONCE = 4  # pictures, whose unfolded windows take nine times their memory
_RIDGE = 1e-6


def solve_layers(teacher: nn.Module, pupil: nn.Module, pictures: Tensor, *, moved: Callable[[int], None]) -> None:
    """Give a chain of convolutions and rectifiers with slopes the weights that follow a wider chain most closely.

    Args:
        teacher: a chain of as many convolutions, at least as wide; one more alone at its end.
        pupil: is given weights and slopes.
        pictures: (B, C, H, W), as both are given.
        moved: is told after each layer how many are solved.

    Raises:
        InvalidRequest: these are not two such chains.
    """
    wide, narrow = _chain(teacher), _chain(pupil)
    if len(wide) != len(narrow) or wide[-1][0].weight.shape[0] != narrow[-1][0].weight.shape[0]:
        raise InvalidRequest(
            f"The teacher has {len(wide)} convolutions and the recipe's network {len(narrow)}, or their answers differ "
            "in size; give the network as many layers and the same scale."
        )
    with torch.no_grad():
        seen = found = pictures
        for number, ((convolution, rectifier), (own, own_rectifier)) in enumerate(zip(wide, narrow, strict=True)):
            wanted = convolution(seen)
            if rectifier is not None and own_rectifier is not None:
                seen = rectifier(wanted)
                kept = _most_needed(seen, wide[number + 1][0], own.out_channels)
                wanted = wanted[:, kept]
                own_rectifier.weight.copy_(rectifier.weight[kept])
            _solve(own, found, wanted)
            found = own(found)
            if own_rectifier is not None:
                found = own_rectifier(found)
            moved(number + 1)


def _chain(network: nn.Module) -> list[tuple[nn.Conv2d, nn.PReLU | None]]:
    """Return the convolutions of a network in their order, each with the rectifier behind it.

    Raises:
        InvalidRequest: there is something else between them.
    """
    layers = [module for module in network.modules() if not list(module.children())][:-1]  # the last shuffles pixels
    chain: list[tuple[nn.Conv2d, nn.PReLU | None]] = []
    for convolution, rectifier in itertools.zip_longest(layers[::2], layers[1::2]):
        if not (
            isinstance(convolution, nn.Conv2d)
            and _is_plain(convolution)
            and (rectifier is None or isinstance(rectifier, nn.PReLU))
        ):
            raise InvalidRequest(
                "Layers can only be solved for networks that are a chain of 3x3 convolutions with slopes between them, "
                "as SRVGGNetCompact is; let others begin by init_from."
            )
        chain.append((convolution, rectifier))
    return chain


def _is_plain(layer: nn.Conv2d) -> bool:
    form = (layer.kernel_size, layer.stride, layer.padding, layer.groups)
    return form == ((3, 3), (1, 1), (1, 1), 1) and layer.bias is not None


def _most_needed(found: Tensor, following: nn.Conv2d, count: int) -> Tensor:
    """Return which channels of (B, C, H, W) move the next layer's answer most, in their order.

    Raises:
        InvalidRequest: there are not as many.
    """
    if count > found.shape[1]:
        raise InvalidRequest(f"The teacher has {found.shape[1]} channels, fewer than the {count} of the network.")
    needed = found.var(dim=(0, 2, 3)) * following.weight.square().sum(dim=(0, 2, 3))
    return needed.topk(count).indices.sort().values


def _solve(convolution: nn.Conv2d, given: Tensor, wanted: Tensor) -> None:
    """Set weights and bias to the least squares answer from (B, C, H, W) to (B, K, H, W)."""
    size = 9 * given.shape[1] + 1
    products = given.new_zeros(size, size, dtype=torch.float64)
    answers = given.new_zeros(size, wanted.shape[1], dtype=torch.float64)
    for some, theirs in zip(torch.split(given, _AT_ONCE), torch.split(wanted, _AT_ONCE), strict=True):
        windows = functional.unfold(some, 3, padding=1).transpose(1, 2).flatten(0, 1)
        windows = functional.pad(windows, (0, 1), value=1.0)
        products += windows.T @ windows
        answers += windows.T @ theirs.flatten(2).transpose(1, 2).flatten(0, 1)
    products += _RIDGE * products.diagonal().mean() * torch.eye(size, dtype=products.dtype, device=products.device)
    solved = torch.linalg.solve(products, answers).float()
    convolution.weight.copy_(solved[:-1].T.reshape(convolution.weight.shape))
    assert convolution.bias is not None
    convolution.bias.copy_(solved[-1])
