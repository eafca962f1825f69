"""Training against a critic: both sides learn, runs resume exactly, losses and penalties are what they should be."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from restoration.errors import InvalidRequest
from restoration.lab.training import perceptual
from restoration.lab.training.adversarial import AdversarialTrainer
from restoration.lab.training.adversarial_config import Adversarial, Kind
from restoration.lab.training.adversarial_losses import critic_loss, gradient_penalty, network_loss, r1_penalty
from restoration.lab.training.config import Recipe, read_recipe
from restoration.lab.training.critics import (
    LocalGlobalCritic,
    PatchCritic,
    ProjectedCritic,
    UNetCritic,
    VGGCritic,
    crop_at_mask,
)
from restoration.lab.training.dataset import PatchDataset
from restoration.lab.training.trainer import Trainer

CPU = torch.device("cpu")
UPSCALE = Recipe(
    name="tiny-gan",
    network="models.edsr:EDSR",
    network_config={"scale": 2, "width": 4, "blocks": 1},
    degradation="bicubic",
    scale=2,
    steps=12,
    patch_px=16,
    batch=2,
    warmup_steps=2,
    adversarial=Adversarial(
        critic="unet",
        kind="vanilla",
        critic_config={"width": 4},
        feature_matching=0.1,
        artefact=1.0,
        colour=1.0,
        critic_lr=1e-3,
    ),
)
FILL = Recipe(
    name="tiny-fill",
    network="models.contextual_attention:ContextualAttentionNet",
    network_config={"widths": [4, 8], "blocks": [1], "dilations": [1]},
    degradation="holes",
    objective="fill",
    steps=8,
    patch_px=32,
    batch=2,
    warmup_steps=2,
    adversarial=Adversarial(
        critic="local-global",
        kind="wgan-gp",
        critic_config={"side_px": 32, "local_px": 16, "width": 4},
        discount=0.9,
        critic_steps=2,
        start_step=3,
    ),
)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(1)
    for name in ("a.png", "b.png"):
        noise = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        cv2.imwrite(str(folder / name), cv2.resize(noise, (64, 64), interpolation=cv2.INTER_CUBIC))
    return folder


def _trainer(recipe: Recipe, photos: Path, folder: Path) -> AdversarialTrainer:
    return AdversarialTrainer(recipe, PatchDataset(recipe, [photos]), folder, device=CPU)


def _with(recipe: Recipe, **changes: object) -> Recipe:
    assert recipe.adversarial is not None
    return dataclasses.replace(recipe, adversarial=dataclasses.replace(recipe.adversarial, **changes))


@pytest.mark.parametrize("kind", ["vanilla", "relativistic", "non-saturating", "wgan-gp"])
def test_critic_learns_to_tell_restored_from_real(kind: Kind, photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(_with(UPSCALE, kind=kind, penalty=0.1, critic_lr=3e-3), photos, tmp_path)
    restored, reference = trainer.restore(trainer.network, trainer.next_batch())
    trainer.step = UPSCALE.warmup_steps
    losses = [trainer.critic_step(restored.detach(), reference, None) for _ in range(12)]
    assert losses[-1] < losses[0]


def test_network_learns_to_please_a_frozen_critic(photos: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(_with(UPSCALE, pixel=0, adversarial=1, artefact=0, colour=0), steps=60, lr=5e-3)
    trainer = _trainer(recipe, photos, tmp_path)
    batch = trainer.next_batch()
    losses = []
    for _ in range(15):
        restored, reference = trainer.restore(trainer.network, batch)
        loss = trainer._judged(restored, reference, batch)
        trainer.descend(loss)
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]


PROJECTED = dataclasses.replace(
    FILL,
    name="tiny-projected",
    half_share=0.5,
    adversarial=Adversarial(critic="projected", kind="non-saturating", critic_config={"width": 4}, penalty=0.0),
)


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [UPSCALE, FILL, PROJECTED], ids=lambda recipe: recipe.name)
def test_resumed_run_equals_an_unbroken_one(recipe: Recipe, photos: Path, tmp_path: Path) -> None:
    unbroken = _trainer(recipe, photos, tmp_path / "unbroken")
    unbroken.run(every=4, report=lambda _: None)
    broken = _trainer(recipe, photos, tmp_path / "broken")
    broken.run(every=4, until_step=4, report=lambda _: None)
    resumed = _trainer(recipe, photos, tmp_path / "broken")
    assert resumed.resume()
    resumed.run(every=4, report=lambda _: None)
    for ours, theirs in ((resumed.network, unbroken.network), (resumed.critic, unbroken.critic)):
        for name, tensor in theirs.state_dict().items():
            assert torch.equal(tensor, ours.state_dict()[name]), name


def test_critic_rests_until_its_first_step_and_then_writes_its_loss(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(FILL, photos, tmp_path)
    before = {name: tensor.clone() for name, tensor in trainer.critic.state_dict().items()}
    rows: list[dict[str, float]] = []
    trainer.run(every=3, until_step=3, report=rows.append)
    assert all(torch.equal(tensor, trainer.critic.state_dict()[name]) for name, tensor in before.items())
    trainer.run(every=3, until_step=6, report=rows.append)
    assert not all(torch.equal(tensor, trainer.critic.state_dict()[name]) for name, tensor in before.items())
    assert ["critic_loss" in row for row in rows] == [False, True]


def test_training_of_both_stages_lowers_the_loss(photos: Path, tmp_path: Path) -> None:
    recipe = dataclasses.replace(_with(FILL, start_step=1000), steps=30, lr=4e-3)
    trainer = _trainer(recipe, photos, tmp_path)
    batch = trainer.next_batch()
    losses = []
    for _ in range(20):
        answers = trainer.network.stages(batch.lq, batch.mask)  # type: ignore[operator]
        loss = trainer._pixel_loss(answers, batch.gt, batch.mask)
        trainer.descend(loss)
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0]


def test_checkpoint_without_a_critic_is_refused(photos: Path, tmp_path: Path) -> None:
    plain = dataclasses.replace(UPSCALE, adversarial=None)
    Trainer(plain, PatchDataset(plain, [photos]), tmp_path, device=CPU).save()
    with pytest.raises(InvalidRequest, match="without a critic"):
        _trainer(UPSCALE, photos, tmp_path).resume()


def test_checkpoint_with_other_features_is_refused(photos: Path, tmp_path: Path) -> None:
    _trainer(UPSCALE, photos, tmp_path).save()
    other = _with(UPSCALE, perceptual=1.0, features="denoiser")
    with pytest.raises(InvalidRequest, match="go on with denoiser"):
        _trainer(other, photos, tmp_path).resume()


def test_losses_of_scores_are_their_closed_forms() -> None:
    real, fake = torch.tensor([[1.0], [3.0]]), torch.tensor([[0.5], [-0.5]])

    def softplus(value: float) -> float:
        return math.log1p(math.exp(value))

    def mean(values: list[float]) -> float:
        return sum(values) / len(values)

    saying_real = {name: [softplus(-float(score)) for score in scores] for name, scores in (("r", real), ("f", fake))}
    saying_fake = [softplus(float(score)) for score in fake]
    for kind in ("vanilla", "non-saturating"):
        assert float(critic_loss(real, fake, kind=kind)) == pytest.approx(mean(saying_real["r"]) + mean(saying_fake))
        assert float(network_loss(None, fake, kind=kind)) == pytest.approx(mean(saying_real["f"]))
    assert float(critic_loss(real, fake, kind="wgan-gp")) == pytest.approx(0 - 2)
    assert float(network_loss(None, fake, kind="wgan-gp")) == pytest.approx(0)
    # relativistic average: real scores less the mean of the fake ones (0), fake ones less that of the real ones (2)
    ours = mean([softplus(-1.0), softplus(-3.0)]) + mean([softplus(0.5 - 2), softplus(-0.5 - 2)])
    theirs = mean([softplus(1.0), softplus(3.0)]) + mean([softplus(2 - 0.5), softplus(2 + 0.5)])
    assert float(critic_loss(real, fake, kind="relativistic")) == pytest.approx(ours / 2)
    assert float(network_loss(real, fake, kind="relativistic")) == pytest.approx(theirs / 2)


class _Linear(nn.Module):
    """Score every picture by two inner products."""

    def __init__(self, weights: Tensor) -> None:
        super().__init__()
        self.weights = weights

    def forward(self, picture: Tensor, mask: Tensor | None = None) -> Tensor:
        return torch.einsum("bchw,kchw->bk", picture, self.weights)


def test_gradient_penalty_of_a_linear_critic_is_its_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    weights = 0.1 * torch.randn(2, 3, 6, 5, generator=generator)
    real, fake = torch.rand(4, 3, 6, 5, generator=generator), torch.rand(4, 3, 6, 5, generator=generator)
    mask = torch.zeros(4, 1, 6, 5)
    mask[:, :, 2:4] = 1
    for holes, seen in ((None, weights), (mask, weights * mask[:1])):
        penalty = gradient_penalty(_Linear(weights), real, fake, holes, generator=generator)
        torch.testing.assert_close(penalty, ((seen.flatten(1).norm(dim=1) - 1) ** 2).sum())
    expected = weights.mean(dim=0).square().sum()
    torch.testing.assert_close(r1_penalty(_Linear(weights), real, None), expected)


@pytest.mark.parametrize(
    ("critic", "shape"),
    [
        (UNetCritic(4), (2, 1, 32, 32)),
        (PatchCritic(4, takes_mask=True), (2, 1, 4, 4)),
        (VGGCritic(32, 4, levels=3), (2, 1)),
        (LocalGlobalCritic(32, 16, 4), (2, 2)),
    ],
    ids=["unet", "patch", "vgg", "local-global"],
)
def test_critic_gives_the_scores_it_promises(critic: nn.Module, shape: tuple[int, ...]) -> None:
    assert critic(torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)).shape == shape


def test_projected_critic_judges_what_is_lost_at_every_level_and_learns_its_heads_alone() -> None:
    critic = ProjectedCritic(4)
    picture, mask = torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    mask[1, :, 5:10, 9:12] = 1  # touches two of the cells of 8x8 pixels
    assert critic(picture, mask).shape == (2, 4)
    assert critic(picture).shape == (2 * 16, 4)
    assert {name.split(".")[0] for name, each in critic.named_parameters() if each.requires_grad} == {"heads"}


def test_frozen_features_of_a_critic_stay_as_they_are(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(PROJECTED, photos, tmp_path)
    before = {name: each.clone() for name, each in trainer.critic.state_dict().items()}
    trainer.run(every=2, until_step=2, report=lambda _: None)
    after = trainer.critic.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if name.startswith("judge."))
    assert not all(torch.equal(before[name], after[name]) for name in before if name.startswith("heads."))
    assert not any(each.requires_grad for name, each in trainer.critic.named_parameters() if name.startswith("judge."))


def test_local_crop_lies_round_the_hole_and_inside_the_picture() -> None:
    picture = torch.arange(2.0 * 32 * 32).reshape(2, 1, 32, 32)
    mask = torch.zeros(2, 1, 32, 32)
    mask[0, 0, 10:14, 20:24] = 1
    mask[1, 0, 31, 0] = 1
    crops = crop_at_mask(picture, mask, side_px=8)
    assert torch.equal(crops[0, 0], picture[0, 0, 8:16, 18:26])
    assert torch.equal(crops[1, 0], picture[1, 0, 24:, :8])


def test_discount_falls_by_the_distance_to_the_nearest_known_pixel() -> None:
    mask = torch.zeros(1, 1, 12, 15)
    mask[..., 3:10, 2:11] = 1
    weights = perceptual.discount_weights(mask, discount=0.9)[0, 0]
    for row in range(12):
        for column in range(15):
            inside = 3 <= row < 10 and 2 <= column < 11
            distance = min(row - 2, 10 - row, column - 1, 11 - column) if inside else 0
            assert float(weights[row, column]) == pytest.approx(0.9**distance, rel=1e-5)


def test_feature_matching_is_relative_to_the_size_of_the_features() -> None:
    real = [torch.full((1, 2, 3, 3), 4.0), torch.full((1, 2, 3, 3), 0.1)]
    fake = [torch.full((1, 2, 3, 3), 5.0), torch.full((1, 2, 3, 3), 0.05)]
    assert float(perceptual.feature_matching(fake, real)) == pytest.approx((0.25 + 0.5) / 2, rel=1e-4)


def test_equal_pictures_have_no_perceptual_distance_and_artefacts() -> None:
    picture = torch.rand(1, 3, 32, 32)
    loss = perceptual.build_feature_loss("denoiser")
    assert float(loss(picture, picture)) == 0
    assert float(loss(picture, picture.flip(3))) > 0.1
    assert float(perceptual.artefact_loss(picture, picture, picture)) == 0


def test_perceptual_view_is_the_same_square_of_both(photos: Path, tmp_path: Path) -> None:
    trainer = _trainer(_with(UPSCALE, perceptual_px=8), photos, tmp_path)
    picture = torch.arange(2.0 * 32 * 32).reshape(2, 1, 32, 32)
    mask = torch.zeros(2, 1, 32, 32)
    mask[..., 4:8, 4:8] = 1
    for holes in (None, mask):
        ours, theirs = trainer._in_view(picture, picture + 1, holes)
        assert ours.shape == (2, 1, 8, 8)
        assert torch.equal(ours + 1, theirs)


def test_artefacts_count_only_where_the_average_is_better() -> None:
    reference = torch.rand(1, 3, 16, 16)
    worse, worst = reference + 0.1 * torch.randn(1, 3, 16, 16), reference + 5
    assert float(perceptual.artefact_loss(worse, worst, reference)) == 0
    assert float(perceptual.artefact_loss(worse, reference, reference)) > 0


def test_colour_loss_sees_a_tint_and_no_texture() -> None:
    reference = torch.full((1, 3, 32, 32), 0.5)
    checks = reference + 0.2 * (-1.0) ** torch.arange(32)
    assert float(perceptual.colour_loss(checks, reference)) == pytest.approx(0, abs=1e-6)
    assert float(perceptual.colour_loss(reference + 0.03, reference)) == pytest.approx(0.03, rel=1e-4)


def test_local_contrast_sees_how_strong_a_texture_is_and_not_where() -> None:
    loss = perceptual.build_feature_loss("contrast")
    checks = 0.5 + 0.2 * (-1.0) ** (torch.arange(32)[:, None] + torch.arange(32)).expand(1, 3, 32, 32)
    assert float(loss(1 - checks + 0.1, checks)) == pytest.approx(0, abs=1e-3)
    assert float(loss(0.5 + (checks - 0.5) / 2, checks)) == pytest.approx(
        0.5, abs=2e-3
    )  # what is unseen counts a little


@pytest.mark.parametrize("side", [3, 7])
def test_means_of_windows_are_those_of_pooling(side: int) -> None:
    picture = torch.rand(2, 3, 12, 15)
    pooled = torch.nn.functional.avg_pool2d(picture, side, stride=1)
    torch.testing.assert_close(perceptual._window_means(picture, side), pooled)


def test_denoiser_stands_in_where_vgg19_cannot_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> perceptual.VGGFeatures:
        raise OSError("no network")

    monkeypatch.setattr(perceptual, "_vgg_features", fail)
    assert perceptual.build_feature_loss("auto").name == "denoiser"
    with pytest.raises(InvalidRequest, match="548 MB"):
        perceptual.build_feature_loss("vgg19")


def test_vgg_features_are_those_before_five_activations() -> None:
    widths = [(2, 64), (7, 128), (16, 256), (25, 512), (34, 512)]
    layers: list[nn.Module] = [nn.Identity()] * 35
    layers[0] = nn.Conv2d(3, 4, 1)
    layers[3] = nn.ReLU(inplace=True)
    loss = perceptual.VGGFeatures(nn.Sequential(*layers))
    features = loss.features(torch.rand(1, 3, 8, 8))
    assert len(features) == len(widths)
    assert float(features[0].min()) < 0
    torch.testing.assert_close(features[1], features[0].relu())


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('kind = "vanilla"', "lacks critic"),
        ('critic = "unet"\nkind = "lsgan"', 'kind "lsgan"'),
        ('critic = "unet"\nkind = "vanilla"\npower = 2', "unknown settings power"),
        ('critic = "unet"\nkind = "vanilla"\ndiscount = 1.5', "discount 1.5"),
        ('critic = "unet"\nkind = "vanilla"\ncritic_steps = 0', "at least 1"),
    ],
)
def test_bad_table_is_refused(table: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    text = 'name = "x"\nnetwork = "models.edsr:EDSR"\ndegradation = "bicubic"\nsteps = 1\n[adversarial]\n'
    file.write_text(text + table)
    with pytest.raises(InvalidRequest, match=words):
        read_recipe(file)
