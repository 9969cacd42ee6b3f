from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.settings import DEFAULT_SPEC, load_settings, load_specs
from greenroom.words import ConfigError


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOST", "PORT", "GREENROOM_DATA", "GREENROOM_ALLOWED_ORIGINS"):
        monkeypatch.delenv(name, raising=False)


def test_seed_era_names_stay_unprefixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "9001")
    assert load_settings().port == 9001


def test_origins_are_a_comma_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_ALLOWED_ORIGINS", "https://a.example, https://b.example,")
    assert load_settings().allowed_origins == ("https://a.example", "https://b.example")


def test_a_wrong_value_names_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "eighty")
    with pytest.raises(ConfigError, match="PORT"):
        load_settings()


def test_without_a_config_file_the_default_model_serves(tmp_path: Path) -> None:
    assert load_specs(tmp_path / "greenroom.toml") == (DEFAULT_SPEC,)


def test_models_are_read_from_the_config_file(tmp_path: Path) -> None:
    file = tmp_path / "greenroom.toml"
    file.write_text('[models.mine]\nsource = "path:models/mine"\nrequired = false\ndtype = "float32"\n')
    (spec,) = load_specs(file)
    assert (spec.name, spec.source, spec.required, spec.dtype) == ("mine", "path:models/mine", False, "float32")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "lists no model"),
        ("models = 3", "lists no model"),
        ("[models.a]", "source"),
        ('[models.a]\nsource = "path:x"\nsauce = 1', "sauce"),
        ('[models."a b"]\nsource = "path:x"', "must match"),
        ('[models.a]\nsource = "path:x"\ntask = "sing"', "task"),
        ("[models", "cannot be read"),
    ],
)
def test_a_wrong_config_file_says_what_is_wrong(tmp_path: Path, text: str, hint: str) -> None:
    file = tmp_path / "greenroom.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=hint):
        load_specs(file)
