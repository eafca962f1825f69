"""A recipe that cannot be trained is refused before anything is read, and says why."""

from __future__ import annotations

from pathlib import Path

import pytest

from restoration.cli.main import main
from restoration.errors import InvalidRequest
from restoration.lab.training.adversarial_config import Adversarial
from restoration.lab.training.config import Recipe, read_recipe
from restoration.lab.training.critics import build_critic
from restoration.lab.training.network import build_network

GOOD = {"name": '"x"', "network": '"models.edsr:EDSR"', "degradation": '"gaussian"', "steps": "4"}


def _read(folder: Path, *tables: str, **settings: str) -> Recipe:
    file = folder / "recipe.toml"
    lines = [f"{name} = {value}" for name, value in {**GOOD, **settings}.items()]
    file.write_text("\n".join([*lines, *tables]))
    return read_recipe(file)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("steps", '"4"', 'steps "4"; use a whole number of at least 1'),
        ("steps", "4.5", "steps 4.5; use a whole number"),
        ("batch", "0", "batch 0; use a whole number of at least 1"),
        ("batch", "true", "use a whole number"),
        ("seed", "-1", "seed -1; use a whole number of at least 0"),
        ("lr", '"1e-3"', 'lr "1e-3"; use a number above 0'),
        ("lr", "nan", "use a number above 0"),
        ("lr", "inf", "use a number above 0"),
        ("lr", "0", "use a number above 0"),
        ("sigma_255", "25", "sigma_255 25; use two numbers from 0 to 255, the smaller one first"),
        ("sigma_255", "[50, 10]", "the smaller one first"),
        ("sigma_255", "[0, 300]", "two numbers from 0 to 255"),
        ("thin_share", "[0.1]", "two numbers from 0 to 1"),
        ("gray_share", "1.5", "a number from 0 to 1"),
        ("network", "3", "network 3; use a text"),
        ("network_config", '"wide"', 'network_config "wide"; use a table'),
        ("degradation", "[]", "use one of gaussian, "),
        ("objective", '"sum"', "use one of residual, detail, "),
        ("teaching", "3", r"table \[teaching\], is no table"),
    ],
)
def test_setting_of_a_wrong_type_or_range_is_refused(name: str, value: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=words):
        _read(tmp_path, **{name: value})


def test_table_is_checked_as_the_recipe_is(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match=r"table \[adversarial\], has critic_lr -1; use a number of at least 0"):
        _read(tmp_path, '[adversarial]\ncritic = "unet"\nkind = "vanilla"\ncritic_lr = -1')


def test_two_levels_are_read_as_numbers(tmp_path: Path) -> None:
    assert _read(tmp_path, sigma_255="[0, 25]").sigma_255 == (0.0, 25.0)


def test_recipe_in_another_encoding_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_bytes('name = "grün"'.encode("latin-1"))
    with pytest.raises(InvalidRequest, match="not text in UTF-8"):
        read_recipe(file)


@pytest.mark.parametrize("degradation", ["bicubic", "second-order"])
def test_gray_pictures_are_not_for_super_resolution(degradation: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="gray_share, which is not for super-resolution"):
        _read(tmp_path, degradation=f'"{degradation}"', scale="2", gray_share="0.1")


def test_light_damage_is_for_the_damage_of_the_web(tmp_path: Path) -> None:
    assert _read(tmp_path, degradation='"second-order"', scale="2", light_share="0.3").light_share == 0.3
    with pytest.raises(InvalidRequest, match="light_share, which is for degradation = "):
        _read(tmp_path, degradation='"bicubic"', scale="2", light_share="0.3")


def test_objective_without_its_damage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="objective fill, but gaussian cuts no holes"):
        _read(tmp_path, objective='"fill"')


def test_learning_some_weights_only_beside_random_ones_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="learns some weights only, but starts from no file"):
        _read(tmp_path, learn='["tail"]')
    with pytest.raises(InvalidRequest, match='has learn "tail"; use a list of texts'):
        _read(tmp_path, learn='"tail"')


def test_names_of_weights_are_read_as_a_list(tmp_path: Path) -> None:
    assert _read(tmp_path, init_from='"a.safetensors"', learn='["body.0.", "tail"]').learn == ("body.0.", "tail")


def test_channels_are_revived_in_a_network_that_was_trained(tmp_path: Path) -> None:
    assert _read(tmp_path, init_from='"a.safetensors"', revive="true").revive
    with pytest.raises(InvalidRequest, match="revives dead channels, but starts from no file"):
        _read(tmp_path, revive="true")
    with pytest.raises(InvalidRequest, match="has revive 1; use true or false"):
        _read(tmp_path, init_from='"a.safetensors"', revive="1")


def test_part_that_starts_from_no_file_is_refused(tmp_path: Path) -> None:
    assert _read(tmp_path, init_from='"a.safetensors"', init_also='"fine"').init_also == "fine"
    with pytest.raises(InvalidRequest, match="names none; remove init_also"):
        _read(tmp_path, init_also='"fine"')


def test_holes_known_at_half_the_size_need_holes(tmp_path: Path) -> None:
    assert _read(tmp_path, degradation='"holes"', half_share="0.5").half_share == 0.5
    with pytest.raises(InvalidRequest, match="gaussian cuts none; remove half_share"):
        _read(tmp_path, half_share="0.5")


@pytest.mark.parametrize("settings", ['kind = "wgan-gp"', 'kind = "non-saturating"'])
def test_critic_of_places_knows_no_gradient_penalty(settings: str, tmp_path: Path) -> None:
    table = f'\n[adversarial]\ncritic = "projected"\n{settings}'
    with pytest.raises(InvalidRequest, match="projected, which knows no gradient penalty; use penalty = 0"):
        _read(tmp_path, batch=f"4{table}")
    free = '\n[adversarial]\ncritic = "projected"\nkind = "non-saturating"\npenalty = 0.0'
    assert _read(tmp_path, batch=f"4{free}").adversarial is not None


def test_patches_that_are_shrunk_are_not_enlarged(tmp_path: Path) -> None:
    assert _read(tmp_path, most_shrunk="3").most_shrunk == 3
    with pytest.raises(InvalidRequest, match="from patches that are shrunk before; remove most_shrunk"):
        _read(tmp_path, degradation='"bicubic"', scale="2", most_shrunk="3")
    with pytest.raises(InvalidRequest, match=r"most_shrunk 0\.5; use a number of at least 1"):
        _read(tmp_path, most_shrunk="0.5")
    with pytest.raises(InvalidRequest, match="most_shrunk, which whole pictures"):
        _read(tmp_path, degradation='"exposure"', objective='"lift"', most_shrunk="3")


def test_enlarging_what_was_not_shrunk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="gaussian does not shrink; use scale = 1"):
        _read(tmp_path, scale="2")
    with pytest.raises(InvalidRequest, match="which objective residual does not"):
        _read(tmp_path, degradation='"bicubic"', scale="2", objective='"residual"')


def test_natural_steps_down_another_loss_are_refused(tmp_path: Path) -> None:
    for table in ({"loss": '"l1"'}, {"loss": '"l2"', "perceptual": "0.1"}):
        with pytest.raises(InvalidRequest, match='use loss = "l2" alone, or "muon"'):
            _read(tmp_path, optimizer='"kfac"', **table)


def test_rates_of_other_optimisers_are_no_share_of_the_natural_step(tmp_path: Path) -> None:
    for given in ({"lr": "3.0"}, {}):
        with pytest.raises(InvalidRequest, match=r"of optimizer kfac it is the share of the best step; use 0\.1 to 1"):
            _read(tmp_path, optimizer='"kfac"', loss='"l2"', **given)


def test_teacher_of_luma_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="a teacher answers in colour"):
        _read(tmp_path, '[teaching]\nmodel = "m"', degradation='"bicubic"', scale="2", objective='"luma"')


@pytest.mark.parametrize(
    ("network", "words"),
    [
        ("edsr", "write network as"),
        ("edsr:EDSR:x", "write network as"),
        ("nowhere:EDSR", "nowhere"),
        ("models.edsr:NoSuch", "NoSuch"),
        ("layers:fuse", "cannot be built"),
        ("networks.unet:ResUNet", "speed"),
        ("edsr:upsample_skip", "cannot be built"),
    ],
)
def test_network_that_cannot_be_built_is_named(network: str, words: str) -> None:
    recipe = Recipe(name="x", network=network, network_config={"speed": 2}, degradation="gaussian", steps=1)
    with pytest.raises(InvalidRequest, match=words):
        build_network(recipe)


def test_what_is_not_a_network_is_refused() -> None:
    recipe = Recipe(
        name="x",
        network="models.shared.contract:Contract",
        network_config={"scale": 2},
        degradation="gaussian",
        steps=1,
    )
    with pytest.raises(InvalidRequest, match="is not a network"):
        build_network(recipe)


def test_critic_that_cannot_be_built_is_named() -> None:
    with pytest.raises(InvalidRequest, match=r"Critic unet cannot be built \(.*speed"):
        build_critic(Adversarial(critic="unet", kind="vanilla", critic_config={"speed": 2}), seed=0)


@pytest.mark.parametrize("option", ["--every", "--threads"])
@pytest.mark.parametrize("number", ["0", "-5", "many"])
def test_command_counts_from_one(option: str, number: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "r", "--data", "d", "--out", "o", f"{option}={number}"]) == 2
    assert f"{number} is not a whole number of at least 1" in capsys.readouterr().err
