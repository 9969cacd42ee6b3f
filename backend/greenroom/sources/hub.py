"""`hf:org/name[@revision]`: a model of the Hugging Face hub, or of another one (`HF_ENDPOINT`).

The hub's metadata says which files there are, how large, and with which hash; the downloader then goes by that alone,
because the hub's own client checks sizes only and does not resume across runs.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import quote

import httpx
from huggingface_hub import HfApi, constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)  # fmt: skip
from huggingface_hub.hf_api import ModelInfo, RepoSibling
from huggingface_hub.utils import get_token

from greenroom.sources.http import untrusted
from greenroom.sources.plan import Http, Place, Plan, WantedFile
from greenroom.words import (
    ConfigError,
    ModelSpec,
    SourceError,
    SourceForbiddenError,
    SourceNotFoundError,
    SourceUnreachableError,
)  # fmt: skip

METADATA_SECONDS = 10.0
_FORM = re.compile(r"([\w.-]+(?:/[\w.-]+)?)(?:@(.+))?")
_TOKEN_ADVICE = (
    "Set HF_TOKEN to a token of an account that may read it (and accept its terms on the hub), then start again."  # noqa: S105
)
_OTHER_WEIGHTS = frozenset(
    {".bin", ".pt", ".pth", ".ckpt", ".h5", ".msgpack", ".ot", ".onnx", ".tflite", ".gguf", ".xml"}
)
_OTHER_FOLDERS = frozenset({"onnx", "openvino", "coreml", "tf", "flax"})


class HubSource:
    """The source behind `hf:`."""

    def find(self, spec: ModelSpec, rest: str, place: Place) -> Plan:
        """See `Source.find`."""
        form = _FORM.fullmatch(rest)
        if not form:
            raise ConfigError(f"The source of {spec.name} has to be hf:<owner>/<name> or hf:<owner>/<name>@<revision>.")
        repository, revision = form.groups()
        info = _info(repository, revision)
        if not info.sha:
            raise SourceError(f"The hub does not say which commit of {repository} it would give.")
        return Plan(
            key=f"{repository}@{info.sha}",
            label=info.sha[:8],
            origin=f"the repository {repository}",
            list_files=lambda: _files(spec, info, repository),
        )


def _info(repository: str, revision: str | None) -> ModelInfo:
    host = httpx.URL(constants.ENDPOINT).host
    what = f"{repository} in the revision {revision}" if revision else repository
    try:
        return HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=METADATA_SECONDS)
    except HFValidationError as error:
        raise ConfigError(f"{repository} is no name that a hub's repository can have.") from error
    except OfflineModeIsEnabled as error:
        raise SourceError(
            f"HF_HUB_OFFLINE is set, so the hub is not asked for {what}. Fetch it beforehand with `greenroom models "
            "pull`, or start without the variable."
        ) from error
    except (GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError, HfHubHTTPError) as error:
        raise _refused(error, host, what) from error
    except (HTTPError, OSError) as error:  # of the HTTP client that the hub's library uses, whichever that is
        away = SourceUnreachableError(f"The hub ({host}) does not answer. It is tried again later.")
        raise untrusted(error, host) or away from error


def _refused(error: HfHubHTTPError, host: str, what: str) -> SourceError:
    status = error.response.status_code
    if isinstance(error, GatedRepoError) or status in (401, 403):
        # the hub says 401 for what is not there as well, so that nobody can probe for private names
        return SourceForbiddenError(f"{host} does not let us have {what}, or has no such model. {_TOKEN_ADVICE}")
    if status == 404:
        return SourceNotFoundError(f"{host} has no {what}. Correct the model's source setting.")
    if status == 429 or status >= 500:
        return SourceUnreachableError(f"{host} answered {status}. It is tried again later.")
    return SourceError(f"{host} answered {status} to the question for {what}.")


def _files(spec: ModelSpec, info: ModelInfo, repository: str) -> Sequence[WantedFile]:
    siblings = info.siblings or []
    names = [sibling.rfilename for sibling in siblings]
    wanted = names if spec.trust else needed(names)
    return tuple(_file(sibling, info, repository) for sibling in siblings if sibling.rfilename in wanted)


def _file(sibling: RepoSibling, info: ModelInfo, repository: str) -> WantedFile:
    token = get_token()
    url = f"{constants.ENDPOINT}/{repository}/resolve/{info.sha}/{quote(sibling.rfilename)}"
    return WantedFile(
        path=sibling.rfilename,
        how=Http(url, {"Authorization": f"Bearer {token}"} if token else {}, forbidden=_TOKEN_ADVICE),
        bytes=sibling.size,
        sha256=sibling.lfs.sha256 if sibling.lfs else None,
        git_blob=None if sibling.lfs else sibling.blob_id,
    )


def needed(names: Sequence[str]) -> list[str]:
    """The files that a runtime reads: where there are safetensors, the same weights in other formats are left away."""
    if not any(name.endswith(".safetensors") for name in names):
        return list(names)
    return [name for name in names if not _other_weights(PurePosixPath(name))]


def _other_weights(path: PurePosixPath) -> bool:
    return path.suffix in _OTHER_WEIGHTS or any(part in _OTHER_FOLDERS for part in path.parts[:-1])
