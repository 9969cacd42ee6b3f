from __future__ import annotations

import pytest

from greenroom.sources.environment import tables
from greenroom.words import ConfigError

SHA256 = "ab" * 32
DRIVE = "https://drive.google.com/file/d/1AbCdEfGhIjKlMnOp/view?usp=sharing"


@pytest.mark.parametrize(
    ("url", "source"),
    [
        ("https://example.org/m/model.tar.gz", "https://example.org/m/model.tar.gz"),
        (DRIVE, f"gdrive:{DRIVE}"),
        ("https://drive.google.com/open?id=1AbCdEfGhIjKlMnOp", "gdrive:https://drive.google.com/open?id=1AbCdEfGhIjKlMnOp"),
        ("https://huggingface.co/org/tiny", "hf:org/tiny"),
        ("https://huggingface.co/org/tiny/tree/v1.0", "hf:org/tiny@v1.0"),
        ("https://huggingface.co/org/tiny/resolve/main/a.bin", "https://huggingface.co/org/tiny/resolve/main/a.bin"),
        ("https://huggingface.co/org/tiny/blob/main/a.bin", "https://huggingface.co/org/tiny/resolve/main/a.bin"),
        ("mlflow:models:/sentiment@production", "mlflow:models:/sentiment@production"),
        ("path:/models/mine", "path:/models/mine"),
        ("package:some-model==1", "package:some-model==1"),
        ("hf:org/tiny@main", "hf:org/tiny@main"),
    ],
)  # fmt: skip
def test_an_address_says_by_itself_which_source_it_is(url: str, source: str) -> None:
    assert tables({"MODEL_MINE_URL": url}) == {"mine": {"source": source}}


def test_pages_of_another_hub_are_known_by_its_endpoint() -> None:
    found = tables({"MODEL_MINE_URL": "https://hub.example/org/tiny", "HF_ENDPOINT": "https://hub.example"})
    assert found["mine"]["source"] == "hf:org/tiny"


def test_a_name_is_written_small_and_with_dashes_and_others_variables_are_left_alone() -> None:
    found = tables({
        "MODEL_MY_MODEL_URL": "path:a", "MODEL_OTHER_URL": "path:b", "MODEL_EMPTY_URL": " ", "MODEL_PATH": "/x",
        "MODEL_UPDATE_INTERVAL": "5", "MODEL_CACHE_SIZE": "2", "MODEL_CACHE_BYTES": "0", "HOME": "/root",
    })  # fmt: skip
    assert list(found) == ["my-model", "other"]


def test_what_stands_beside_the_address_becomes_the_tables_members() -> None:
    assert tables({
        "MODEL_A_URL": "https://example.org/a.skops", "MODEL_A_RUNTIME": "tabular", "MODEL_A_SHA256": SHA256.upper(),
        "MODEL_A_TRUST": "no", "MODEL_A_REQUIRED": "0", "MODEL_B_URL": DRIVE, "MODEL_B_TASK": "classify",
        "MODEL_B_SHA256": SHA256, "MODEL_B_TRUST": "true",
    }) == {
        "a": {
            "source": "https://example.org/a.skops", "task": "classify", "runtime": "tabular",
            "sha256": {"a.skops": SHA256}, "trust": False, "required": False,
        },
        "b": {
            "source": f"gdrive:{DRIVE}", "task": "classify", "runtime": "text-classifier",
            "sha256": {"download": SHA256}, "trust": True,
        },
    }  # fmt: skip


def test_several_hashes_are_given_with_their_files() -> None:
    found = tables({"MODEL_A_URL": "hf:org/a", "MODEL_A_SHA256": f"model.safetensors={SHA256}, config.json={SHA256}"})
    assert found["a"]["sha256"] == {"model.safetensors": SHA256, "config.json": SHA256}


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"MODEL_A_URL": "ftp://example.org/a"}, r"^MODEL_A_URL has to begin with https: or one of package:"),
        ({"MODEL_A_URL": "mine"}, r"^MODEL_A_URL has to begin with"),
        ({"MODEL_A_URL": "https:/a"}, r"^MODEL_A_URL is no address"),
        ({"MODEL_A_URL": "https://drive.google.com/drive/folders/1AbCdEfGhIjKlMnOp"}, "single Drive file"),
        ({"MODEL_A_TASK": "embed"}, r"^MODEL_A_TASK is set, and MODEL_A_URL is not"),
        ({"MODEL_A_URL": "path:a", "MODEL_A_COLOUR": "red"}, r"^MODEL_A_COLOUR is not known.*URL, TASK"),
        ({"MODEL_A_ULR": "path:a"}, r"Did you mean MODEL_A_URL\?"),
        ({"MODEL_URL": "path:a"}, r"^MODEL_URL names no model"),
        ({"MODEL_A_URL": "path:a", "MODEL_A_TASK": "sing"}, r"^MODEL_A_TASK has to be one of embed, classify"),
        ({"MODEL_A_URL": "path:a", "MODEL_A_TASK": "embed", "MODEL_A_RUNTIME": "tabular"}, "Leave one away"),
        ({"MODEL_A_URL": "path:a", "MODEL_A_TRUST": "maybe"}, r"^MODEL_A_TRUST has to be true or false"),
        ({"MODEL_A_URL": "hf:a/b", "MODEL_A_SHA256": SHA256}, r"^MODEL_A_SHA256 has to be <file>="),
        ({"MODEL_A_URL": "https://a.example/a.bin", "MODEL_A_SHA256": "abc"}, r"64 hexadecimal digits"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_variable_and_what_to_do(variables: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        tables(variables)
