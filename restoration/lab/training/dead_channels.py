"""Find and reinitialise dead ReLU channels, whose output is zero for every picture.

A step that is too long can push the bias of a channel so low that nothing wakes it again, as no gradient passes. The
loss does not tell: it only stops falling, as if the network were too small. So the share is shown beside it.

Reference:
    Lu et al., Dying ReLU and Initialization, 2020, arXiv:1903.06733.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_RARELY = 0.003  # share of the pixels
_TINY = 1e-12


class _Rectifiers(TorchFunctionMode):
    """While entered, `saw` is told of every call of a rectifier."""

    @abstractmethod
    def saw(self, given: Tensor, answer: Tensor) -> None:
        """Take note of what a rectifier was given and what it answered."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        answer = func(*args, **(kwargs or {}))
        if func in (functional.relu, functional.prelu):
            self.saw(args[0], answer)
        return answer


class _Watch(_Rectifiers):
    """Note of every channel of every rectifier at how many pixels something passes."""

    def __init__(self) -> None:
        super().__init__()
        self.shares: list[Tensor] = []

    def saw(self, given: Tensor, answer: Tensor) -> None:
        if answer.ndim == 4:
            self.shares.append((answer != 0).float().mean(dim=(0, 2, 3)))


def silent_share(run: Callable[[], object]) -> float:
    """Return the share of the channels behind rectifiers that at fewer than 0.3 % of the pixels let anything through.

    Args:
        run: calls a network; of `relu` and `prelu` of `torch.nn.functional` in it those on (B, C, H, W) count. What a
            slope lets through counts too.
    """
    with torch.no_grad(), _Watch() as watch:
        run()
    shares = torch.cat(watch.shares) if watch.shares else torch.ones(1)
    return float((shares < _RARELY).float().mean())


def revive(network: nn.Module, run: Callable[[], object], *, seed: int) -> int:
    """Let the silent channels between two convolutions of a network begin anew, and return how many did.

    They get random weights, as strong as those of the others, and a bias that lets every second pixel through; what
    follows takes nothing from them yet, so that the answer hardly changes and training can go on.

    Args:
        run: calls the network; see `silent_share`.
        seed: of the random weights.
    """
    random = torch.Generator().manual_seed(seed)
    count = 0
    with torch.no_grad():
        for before, after in _rectified_pairs(network, run):
            seen = _Seen(before)
            with seen:
                run()
            passing = (seen.values > 0).float().mean(dim=1)
            silent, alive = passing < _RARELY, passing >= _RARELY
            if not bool(silent.any()) or not bool(alive.any()):
                continue
            shape = before.weight[silent].shape
            fresh = torch.randn(shape, generator=random).to(before.weight) * before.weight[alive].std()
            before.weight[silent] = fresh
            if before.bias is not None:
                before.bias[silent] = 0
            with seen:
                run()
            wanted = seen.values[alive].clamp(min=0).std(dim=1).median()
            values = seen.values[silent]
            strength = 2 * wanted / values.std(dim=1).clamp(min=_TINY)  # a rectifier leaves about half of a deviation
            before.weight[silent] *= strength.reshape(-1, 1, 1, 1)
            if before.bias is not None:
                before.bias[silent] = -strength * values.mean(dim=1)
            after.weight[:, silent] = 0
            count += int(silent.sum())
    return count


class _Seen:
    """While entered, keep what a convolution answers, before its rectifier: `values`, (channels, pixels)."""

    def __init__(self, layer: nn.Conv2d) -> None:
        self._layer = layer
        self.values = torch.empty(0)

    def __enter__(self) -> None:
        def keep(_: nn.Module, __: object, answer: Tensor) -> None:
            self.values = answer.transpose(0, 1).flatten(1).clone()

        self._hook = self._layer.register_forward_hook(keep)

    def __exit__(self, *_: object) -> None:
        self._hook.remove()


class _Pairing(_Rectifiers):
    """Find out which convolutions lie before and after each rectifier."""

    def __init__(self, layers: Sequence[nn.Conv2d]) -> None:
        super().__init__()
        self.pairs: list[tuple[nn.Conv2d, nn.Conv2d]] = []
        self._from: list[tuple[Tensor, nn.Conv2d]] = []  # holds the tensors, lest others get their identity
        self._rectified: list[tuple[Tensor, nn.Conv2d]] = []
        self._hooks = [layer.register_forward_hook(self._answered) for layer in layers]
        self._hooks += [layer.register_forward_pre_hook(self._asked) for layer in layers]

    def _answered(self, layer: nn.Module, _: object, answer: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d)
        self._from.append((answer, layer))

    def _asked(self, layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, nn.Conv2d)
        self.pairs += [(source, layer) for tensor, source in self._rectified if tensor is given[0]]

    def saw(self, given: Tensor, answer: Tensor) -> None:
        self._rectified += [(answer, source) for tensor, source in self._from if tensor is given]

    def close(self) -> None:
        """Take the hooks off the layers."""
        for hook in self._hooks:
            hook.remove()


def _rectified_pairs(network: nn.Module, run: Callable[[], object]) -> list[tuple[nn.Conv2d, nn.Conv2d]]:
    """Return the convolutions with nothing but a rectifier between, in the order of the first call."""
    pairing = _Pairing([layer for layer in network.modules() if isinstance(layer, nn.Conv2d) and layer.groups == 1])
    try:
        with pairing:
            run()
    finally:
        pairing.close()
    return list(dict.fromkeys(pairing.pairs))
