from __future__ import annotations

import json
from pathlib import Path

import pytest

from greenroom.settings import DEFAULT_SPEC
from greenroom.sources.encoder import encoder_source
from greenroom.words import ModelFile, ModelVersion, SourceError


def naming(folder: Path, source: str) -> ModelVersion:
    (folder / "classifier.json").write_text(json.dumps({"encoder": source}))
    return ModelVersion("mine", "0" * 64, folder, ())


@pytest.mark.parametrize(
    "source", [DEFAULT_SPEC.source, "hf:org/name@commit", "builtin:some-model", "mlflow:models:/encoder/1"]
)
def test_a_classifier_names_its_encoder(tmp_path: Path, source: str) -> None:
    assert encoder_source(naming(tmp_path, source), local=False) == source


def test_a_classifier_may_bring_its_encoder(tmp_path: Path) -> None:
    inside = ModelVersion("mine", "0" * 64, tmp_path, (ModelFile("encoder/config.json", 1, "a" * 64),))
    naming(tmp_path, "package:some-model")
    assert encoder_source(inside, local=False) is None


@pytest.mark.parametrize(
    "source",
    ["https://192.0.2.1/x.zip", "https://localhost/x", "http://127.0.0.1/x.zip", "path:/etc", "gdrive:0123", "ftp:x"],
)
def test_a_classifier_from_afar_may_name_only_places_that_the_operator_chose(tmp_path: Path, source: str) -> None:
    with pytest.raises(SourceError, match=r"classifier\.json of mine .* hf:, package:.* Publish it again") as refusal:
        encoder_source(naming(tmp_path, source), local=False)
    assert not refusal.value.temporary


def test_a_classifier_that_the_operator_put_here_may_name_any_source(tmp_path: Path) -> None:
    assert encoder_source(naming(tmp_path, "path:/srv/encoder"), local=True) == "path:/srv/encoder"


def test_a_classifier_without_an_encoder_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"classifier\.json of mine names no encoder"):
        encoder_source(naming(tmp_path, ""), local=False)


def test_a_folder_without_a_description_is_no_classifier(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no text classifier: it has no classifier\.json"):
        encoder_source(ModelVersion("mine", "0" * 64, tmp_path, ()), local=True)
