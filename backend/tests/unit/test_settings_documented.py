"""What the manuals say of settings and models is what the server takes: no more of them, and no less."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices

from greenroom.settings import MEMBERS, SENTIMENT_SPEC, Settings, load_specs, make_spec
from greenroom.sources.environment import tables
from greenroom.sources.table import SOURCES, split
from greenroom.words import RuntimeName

ROOT = Path(__file__).parents[3]
SETTINGS = {
    str(field.validation_alias.choices[0]): field
    for field in Settings.model_fields.values()
    if isinstance(field.validation_alias, AliasChoices)
}
PATTERN = re.compile(r"[A-Z_]+_<NAME>_[A-Z]+|MODEL_MINE_[A-Z0-9]+")
"""Variables of which there is one for each model."""


@pytest.mark.parametrize(
    ("file", "line"), [("README.md", r"^\| `([A-Z][A-Z_<>]+)` \| "), (".env.example", r"^# ([A-Z][A-Z_]+)=")]
)
def test_what_is_documented_as_a_setting_is_one(file: str, line: str) -> None:
    named = set(re.findall(line, (ROOT / file).read_text(), re.MULTILINE))
    assert {name for name in named if not PATTERN.fullmatch(name)} <= set(SETTINGS)


def test_the_readme_names_every_setting_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([A-Z][A-Z_]+)` \| (?:`([^`]*)`|none) \| ", (ROOT / "README.md").read_text(), re.M))
    wanted = {name: shown(field.default) for name, field in SETTINGS.items()}
    assert {name: rows.get(name) for name in wanted} == wanted


def shown(default: object) -> str:
    """A default as the table has it; empty where it says none."""
    if default in (None, (), {}):
        return ""
    return (
        str(default).lower()
        if isinstance(default, bool)
        else f"{default:g}"
        if isinstance(default, float)
        else str(default)
    )


def fenced(manual: str, language: str, begins: str) -> str:
    """The fenced block of a manual that begins like this, its placeholders filled in."""
    text = (ROOT / "docs" / manual).read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (found,) = (block for block in blocks if block.startswith(begins))
    return str(found.replace("<64 hexadecimal digits>", "0" * 64).replace("<id>", "0123456789a"))


def test_the_models_of_the_manual_can_be_configured(tmp_path: Path) -> None:
    config = tmp_path / "greenroom.toml"
    config.write_text(fenced("operations.md", "toml", "[models."))
    specs = load_specs(config)
    assert {split(spec.source)[0] for spec in specs} == set(SOURCES) - {"http"}


def test_the_variables_of_the_manual_name_models() -> None:
    lines = fenced("operations.md", "sh", "MODEL_").splitlines()
    named = tables(dict(line.split("=", 1) for line in lines))
    assert {name: make_spec(name, name, table).runtime for name, table in named.items()} == {
        "mood": RuntimeName.TEXT_CLASSIFIER, "wine": RuntimeName.TABULAR,
    }  # fmt: skip


def test_the_manual_names_every_member_of_a_model_with_its_default() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    _, _, table = text.partition("| member | default | |\n")
    rows = dict(re.findall(r"^\| `([a-z_0-9]+)` \| (?:`([^`]*)`|none|) ?\| ", table.partition("\n\n")[0], re.MULTILINE))
    spec = make_spec("here", "a", {"source": "path:x"})
    assert rows == {name: shown(getattr(spec, name)) for name in MEMBERS} | {"source": ""}


def test_the_table_of_the_model_that_ships_is_what_serves_by_default(tmp_path: Path) -> None:
    config = tmp_path / "greenroom.toml"
    config.write_text(fenced("sentiment.md", "toml", "[models."))
    assert load_specs(config) == (SENTIMENT_SPEC,)
