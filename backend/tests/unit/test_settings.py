from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.settings import DEFAULT_SPECS, load_settings, load_specs, unknown_variables
from greenroom.words import ConfigError, RuntimeName, Task


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


@pytest.mark.parametrize("value", ["*", "proxy.example", "10.0.0.1/8", "0.0.0.0/0", "::/0"])
def test_only_addresses_and_networks_can_be_trusted(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("GREENROOM_TRUSTED_PROXIES", f"127.0.0.1,{value}")
    with pytest.raises(ConfigError, match="GREENROOM_TRUSTED_PROXIES"):
        load_settings()


@pytest.mark.parametrize(
    ("value", "base"), [("", ""), ("/", ""), ("/greenroom/", "/greenroom"), ("/a/b-1.0", "/a/b-1.0")]
)
def test_a_base_path_is_kept_without_its_last_slash(monkeypatch: pytest.MonkeyPatch, value: str, base: str) -> None:
    monkeypatch.setenv("GREENROOM_BASE_PATH", value)
    assert load_settings().base_path == base


@pytest.mark.parametrize("value", ["greenroom", "//host", "/a/../b", "/a b", "/a?b", "https://a.example/b", "/a\n"])
def test_a_base_path_is_a_plain_path(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("GREENROOM_BASE_PATH", value)
    with pytest.raises(ConfigError, match="GREENROOM_BASE_PATH"):
        load_settings()


def test_what_can_be_trusted_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_TRUSTED_PROXIES", "foo")
    with pytest.raises(ConfigError, match=r"such as 127\.0\.0\.1") as raised:
        load_settings()
    assert "Value error" not in str(raised.value)


def test_a_name_under_which_others_stand_is_written_as_in_the_manual(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_ALLOWED_HOSTS", "https://a.example")
    with pytest.raises(ConfigError, match=r"GREENROOM_ALLOWED_HOSTS: 'https.* \*\.a\.example"):
        load_settings()
    monkeypatch.setenv("GREENROOM_ALLOWED_HOSTS", "*.a.example")
    assert load_settings().allowed_hosts == ("*.a.example",)


def test_a_config_file_that_was_named_must_be_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GREENROOM_CONFIG", str(tmp_path / "mine.toml"))
    with pytest.raises(ConfigError, match=r"GREENROOM_CONFIG: there is no file .*mine\.toml"):
        load_settings()
    (tmp_path / "mine.toml").touch()
    assert load_settings().config == tmp_path / "mine.toml"


def test_a_misspelt_variable_is_found_and_no_other(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = unknown_variables()
    monkeypatch.setenv("GREENROOM_ALOWED_HOSTS", "a.example")
    monkeypatch.setenv("GREENROOM_TORCH_INDEX_URL", "https://index.example")
    monkeypatch.setenv("GREENROOM_DATA", "data")
    (tmp_path / ".env").write_text("GREENROOM_COLOUR=green\nOTHERS=1\n")
    found = {name: meant for name, meant in unknown_variables().items() if name not in before}
    assert found == {"GREENROOM_ALOWED_HOSTS": "GREENROOM_ALLOWED_HOSTS", "GREENROOM_COLOUR": ""}


def test_without_a_config_file_the_default_model_serves(tmp_path: Path) -> None:
    assert load_specs(tmp_path / "greenroom.toml") == DEFAULT_SPECS


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
        ('[models.a]\nsource = "path:x"\nsauce = 1', "unknown members: sauce. Known: source, task, runtime, required,"),
        ('[models.a]\nsource = "path:x"\nname = "b"', "unknown members: name."),
        ('[models.a]\nsource = "path:x"\n[model.y]\n', r"knows tables \[models.<name>\] alone; .*: model\."),
        ('[models.a]\nsource = "path:x"\n[updates]\ninterval = 5', r"remove or correct: updates\."),
        ('port = 8000\n[models.a]\nsource = "path:x"', r"remove or correct: port\."),
        ('[models."a b"]\nsource = "path:x"', "must match"),
        ('[models.a]\nsource = "path:x"\ntask = "sing"', "task"),
        ('[models.a]\nsource = "path:x"\nruntime = "abacus"', "runtime"),
        ('[models.a]\nsource = "path:x"\ntask = "embed"\nruntime = "tabular"', "the runtime tabular cannot embed"),
        ('[models.a]\nsource = "path:x"\ntask = "classify"\nruntime = "sentence-transformers"', "cannot classify"),
        ("[models", "cannot be read"),
    ],
)
def test_a_wrong_config_file_says_what_is_wrong(tmp_path: Path, text: str, hint: str) -> None:
    file = tmp_path / "greenroom.toml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=hint):
        load_specs(file)


@pytest.mark.parametrize(
    ("members", "task", "runtime"),
    [
        ("", Task.EMBED, RuntimeName.SENTENCE_TRANSFORMERS),
        ('runtime = "tabular"', Task.CLASSIFY, RuntimeName.TABULAR),
        ('task = "classify"', Task.CLASSIFY, RuntimeName.TEXT_CLASSIFIER),
        ('task = "classify"\nruntime = "tabular"', Task.CLASSIFY, RuntimeName.TABULAR),
    ],
)
def test_task_and_runtime_follow_from_each_other(
    tmp_path: Path, members: str, task: Task, runtime: RuntimeName
) -> None:
    file = tmp_path / "greenroom.toml"
    file.write_text(f'[models.a]\nsource = "path:x"\n{members}\n')
    (spec,) = load_specs(file)
    assert (spec.task, spec.runtime) == (task, runtime)


TOKEN = "0123456789abcdef01234567"


def test_only_documented_names_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOCAL", "local", "ENGINE", "engine", "ADMIN_TOKEN", "greenroom_local"):
        monkeypatch.setenv(name, {"engine": "scripted", "admin_token": TOKEN}.get(name.lower(), "1"))
    settings = load_settings()
    assert (settings.local, settings.engine, settings.admin_token) == (False, "local", None)


@pytest.mark.parametrize("token", ["short", "x" * 23, "with spaces in it, and long enough", "ü" * 30])
def test_a_weak_admin_token_stops_the_start_and_is_not_shown(monkeypatch: pytest.MonkeyPatch, token: str) -> None:
    monkeypatch.setenv("GREENROOM_ADMIN_TOKEN", token)
    with pytest.raises(ConfigError, match="openssl rand") as refused:
        load_settings()
    assert token not in str(refused.value) + repr(refused.value.__cause__)


def test_an_admin_token_is_not_shown_and_an_empty_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_ADMIN_TOKEN", TOKEN)
    settings = load_settings()
    assert TOKEN not in repr(settings) + str(settings)
    assert settings.admin_token is not None
    monkeypatch.setenv("GREENROOM_ADMIN_TOKEN", "")
    assert load_settings().admin_token is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("GREENROOM_ALLOWED_ORIGINS", "*"),
        ("GREENROOM_ALLOWED_ORIGINS", "null"),
        ("GREENROOM_ALLOWED_ORIGINS", "a.example"),
        ("GREENROOM_ALLOWED_ORIGINS", "https://a.example/"),
        ("GREENROOM_ALLOWED_HOSTS", "https://a.example"),
        ("GREENROOM_ALLOWED_HOSTS", "a.example:8000"),
        ("GREENROOM_ALLOWED_HOSTS", "a.*.example"),
    ],
)
def test_an_entry_that_could_never_match_or_opens_too_much_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=variable):
        load_settings()


@pytest.mark.parametrize(
    "uri",
    [
        "localhost:5000",
        "127.0.0.1:5000",
        "mlflow",
        "http:",
        "https://",
        "htp://mlflow:5000",
        "://",
        "user:secret@mlflow",
    ],
)
def test_an_address_of_mlflow_that_nobody_could_ask_stops_the_start_and_is_not_shown(
    monkeypatch: pytest.MonkeyPatch, uri: str
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(ConfigError, match=r"MLFLOW_TRACKING_URI: .*needs http:// or https:// or sqlite:///") as refused:
        load_settings()
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    "uri", ["http://mlflow:5000", "https://a:b@mlflow.example/x", "sqlite:///mlflow.db", "postgresql+psycopg2://a/b",
            "./mlruns", "/srv/mlruns", "file:///srv/mlruns", ""]
)  # fmt: skip
def test_what_mlflow_takes_for_an_address_is_one(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert load_settings().mlflow_tracking_uri == uri
