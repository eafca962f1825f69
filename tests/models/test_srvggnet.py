"""The small Real-ESRGAN network is the published one."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from restoration.models.shared.torchvision_compat import provide_functional_tensor
from restoration.networks.srvggnet import SRVGGNetCompact, shrunk_tail


def test_network_answers_as_that_of_realesrgan_does() -> None:
    provide_functional_tensor()
    from realesrgan.archs.srvgg_arch import SRVGGNetCompact as Published

    torch.manual_seed(0)
    theirs = Published(num_feat=6, num_conv=3, upscale=3)
    with torch.no_grad():
        for number, parameter in enumerate(theirs.parameters()):
            parameter.add_(0.01 * number)
    ours = SRVGGNetCompact(num_feat=6, num_conv=3, upscale=3)
    ours.load_state_dict(theirs.state_dict())
    picture = torch.rand(2, 3, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close(ours(picture), theirs(picture))


def test_shrunk_tail_gives_the_means_of_the_answer() -> None:
    torch.manual_seed(0)
    large = SRVGGNetCompact(num_feat=6, num_conv=2, upscale=4)
    small = SRVGGNetCompact(num_feat=6, num_conv=2, upscale=2)
    small.load_state_dict(shrunk_tail(large.state_dict(), factor=2))
    picture = torch.rand(2, 3, 9, 7)
    with torch.no_grad():
        torch.testing.assert_close(small(picture), functional.avg_pool2d(large(picture), 2))


def test_layers_may_have_widths_of_their_own() -> None:
    network = SRVGGNetCompact(num_feat=[5, 7, 4], num_conv=2, upscale=2)
    shapes = [tuple(weight.shape[:2]) for name, weight in network.named_parameters() if weight.ndim == 4]
    assert shapes == [(5, 3), (7, 5), (4, 7), (12, 4)]
    assert network(torch.rand(1, 3, 6, 5)).shape == (1, 3, 12, 10)
    with pytest.raises(ValueError, match="4 layers, but 3"):
        SRVGGNetCompact(num_feat=[5, 7, 4], num_conv=3)
