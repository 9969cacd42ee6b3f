"""The README's table is the settings' documentation: each of them is in it, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import AliasChoices

from greenroom.settings import Settings

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
    if default is None or default == ():
        return ""
    return (
        str(default).lower()
        if isinstance(default, bool)
        else f"{default:g}"
        if isinstance(default, float)
        else str(default)
    )
