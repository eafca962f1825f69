"""Layer-wise pruning: each layer of a narrower student is solved by least squares for the features of its teacher.

Of every layer those channels are kept that matter most to the next one. The pupil's layer is the least squares answer
to them from what the pupil's own layers have found so far, so that it makes good for their errors. `train` goes on from
there, by the teacher's answers and by hints: what its layers find is to be found by the pupil's.

Reference:
    Romero et al., FitNets: Hints for Thin Deep Nets, 2015, arXiv:1412.6550;
    He, Zhang, Sun, Channel Pruning for Accelerating Very Deep Neural Networks, 2017, arXiv:1707.06168.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.nn import functional

from restoration.errors import InvalidRequest
from restoration.lab.training.export import write_weights

_AT_ONCE = 4  # pictures, whose unfolded windows take nine times their memory
_RIDGE = 1e-6
_LEAST_VARIANCE = 1e-4
_NOTE = "followed"

Chain = list[tuple[nn.Conv2d, nn.PReLU | None]]


def solve_layers(
    teacher: nn.Module, pupil: nn.Module, pictures: Tensor, *, moved: Callable[[int], None] = lambda _: None
) -> list[list[int]]:
    """Give a chain of convolutions and rectifiers with slopes the weights that follow a wider chain most closely.

    Args:
        teacher: a chain of as many convolutions, at least as wide; one more alone at its end.
        pupil: is given weights and slopes.
        pictures: (B, C, H, W), as both are given.
        moved: is told after each layer how many are solved.

    Returns:
        For each layer but the last, which of the teacher's channels the pupil's follow.

    Raises:
        InvalidRequest: these are not two such chains.
    """
    wide, narrow = chain_of(teacher), chain_of(pupil)
    if len(wide) != len(narrow) or wide[-1][0].weight.shape[0] != narrow[-1][0].weight.shape[0]:
        raise InvalidRequest(
            f"The teacher has {len(wide)} convolutions and the recipe's network {len(narrow)}, or their answers differ "
            "in size; give the network as many layers and the same scale."
        )
    followed: list[list[int]] = []
    with torch.no_grad():
        seen = found = pictures
        for number, ((convolution, rectifier), (own, own_rectifier)) in enumerate(zip(wide, narrow, strict=True)):
            wanted = convolution(seen)
            if rectifier is not None and own_rectifier is not None:
                seen = rectifier(wanted)
                kept = most_needed(seen, wide[number + 1][0], own.out_channels)
                wanted = wanted[:, kept]
                own_rectifier.weight.copy_(rectifier.weight[kept])
                followed.append(kept.tolist())
            solve(own, found, wanted)
            found = own(found)
            if own_rectifier is not None:
                found = own_rectifier(found)
            moved(number + 1)
    return followed


def chain_of(network: nn.Module) -> Chain:
    """Return the convolutions of a network in their order, each with the rectifier behind it.

    Raises:
        InvalidRequest: it is no such chain.
    """
    *layers, last = [module for module in network.modules() if not list(module.children())]
    links = list(itertools.zip_longest(layers[::2], layers[1::2]))
    if not (isinstance(last, nn.PixelShuffle) and len(layers) % 2 and all(_is_link(*link) for link in links)):
        raise InvalidRequest(
            "Layers can only be followed in networks that are a chain of 3x3 convolutions with a slope per channel "
            "between them and shuffled pixels at its end, as SRVGGNetCompact is; let others begin by init_from."
        )
    return cast("Chain", links)


def _is_link(layer: nn.Module, rectifier: nn.Module | None) -> bool:
    """Tell whether these are a plain convolution and its rectifier, which the last one lacks."""
    if not isinstance(layer, nn.Conv2d) or layer.bias is None:
        return False
    form = (layer.kernel_size, layer.stride, layer.padding, layer.groups)
    if form != ((3, 3), (1, 1), (1, 1), 1):
        return False
    return rectifier is None or (isinstance(rectifier, nn.PReLU) and rectifier.num_parameters == layer.out_channels)


def most_needed(found: Tensor, following: nn.Conv2d, count: int) -> Tensor:
    """Return which channels of (B, C, H, W) move the next layer's answer most, in their order.

    Raises:
        InvalidRequest: there are not as many.
    """
    if count > found.shape[1]:
        raise InvalidRequest(f"The teacher has {found.shape[1]} channels, fewer than the {count} of the network.")
    needed = found.var(dim=(0, 2, 3)) * following.weight.square().sum(dim=(0, 2, 3))
    return needed.topk(count).indices.sort().values


def solve(convolution: nn.Conv2d, given: Tensor, wanted: Tensor) -> None:
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


class Hints:
    """How far a pupil's layers are from finding what those of its teacher find.

    Args:
        teacher: see `solve_layers`.
        pupil: is watched from now on.
        followed: what `solve_layers` returned.

    Raises:
        InvalidRequest: these are not the networks whose layers were solved.
    """

    def __init__(self, teacher: nn.Module, pupil: nn.Module, followed: Sequence[Sequence[int]]) -> None:
        self._teacher = chain_of(teacher)
        self._followed = [torch.tensor(channels) for channels in followed]
        self._found: dict[nn.Module, Tensor] = {}
        self._layers = [convolution for convolution, rectifier in chain_of(pupil) if rectifier is not None]
        theirs = [convolution.out_channels for convolution, rectifier in self._teacher if rectifier is not None]
        has_them = len(followed) == len(theirs) and all(
            max(channels) < width for channels, width in zip(followed, theirs, strict=True)
        )
        if not has_them or [len(channels) for channels in followed] != [layer.out_channels for layer in self._layers]:
            raise InvalidRequest("The network is not the one whose layers were solved; solve them with `prune`.")
        for layer in self._layers:
            layer.register_forward_hook(self._keep)

    def _keep(self, layer: nn.Module, _: tuple[Tensor, ...], answer: Tensor) -> None:
        self._found[layer] = answer

    def loss(self, pictures: Tensor) -> Tensor:
        """Return the mean over layers and channels of the share of the teacher's variance that was not found.

        Args:
            pictures: (B, C, H, W), what the pupil has just been given.
        """
        shares = []
        seen = pictures
        for (convolution, rectifier), layer, channels in zip(
            self._teacher[:-1], self._layers, self._followed, strict=True
        ):
            with torch.no_grad():
                answer = convolution(seen)
                seen = answer if rectifier is None else rectifier(answer)
                wanted = answer[:, channels]
                variance = wanted.var(dim=(0, 2, 3)) + _LEAST_VARIANCE
            error = (self._found.pop(layer).float() - wanted).square().mean(dim=(0, 2, 3))
            shares.append((error / variance).mean())
        return torch.stack(shares).mean()


def followed_channels(file: str, *, teacher: str) -> list[list[int]]:
    """Return what `prune` noted beside the weights that it wrote.

    Args:
        teacher: id of the model that the recipe learns from.

    Raises:
        InvalidRequest: the file cannot be read, others wrote it, or its layers follow another model's.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            note = json.loads((opened.metadata() or {}).get(_NOTE, ""))
        model: str = note["model"]
        channels: list[list[int]] = note["channels"]
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InvalidRequest(
            f"{file} does not tell which channels of the teacher its own follow; hints need a recipe that starts from "
            "what `prune` wrote."
        ) from error
    if model != teacher:
        raise InvalidRequest(f"The layers in {file} follow those of {model}, not of {teacher}; run `prune` again.")
    return channels


def write_solved(pupil: nn.Module, followed: Sequence[Sequence[int]], file: Path, *, teacher: str) -> str:
    """Write solved layers as float16, to ship, or where `followed_channels` and a recipe's init_from find them.

    Args:
        teacher: id of the model that was followed.

    Returns:
        The sha256 of the file, 64 hex digits.

    Raises:
        InvalidRequest: the file cannot be written.
    """
    note = json.dumps({"model": teacher, "channels": followed})
    tensors = {name: tensor.half().contiguous() for name, tensor in pupil.state_dict().items()}
    return write_weights(file, save(tensors, metadata={_NOTE: note}))
