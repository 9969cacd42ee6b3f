"""The nouns that every room shares; the errors are handed on from `greenroom.errors`. Pure, and cheap to import: hosts
use it too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType

from greenroom.errors import BadRequestError as BadRequestError
from greenroom.errors import BodyTooSlowError as BodyTooSlowError
from greenroom.errors import ClientLeftError as ClientLeftError
from greenroom.errors import ConfigError as ConfigError
from greenroom.errors import CrashLoopError as CrashLoopError
from greenroom.errors import DeadlineExceededError as DeadlineExceededError
from greenroom.errors import DiskFullError as DiskFullError
from greenroom.errors import ErrorCode as ErrorCode
from greenroom.errors import FileCorruptError as FileCorruptError
from greenroom.errors import FileMissingError as FileMissingError
from greenroom.errors import ForbiddenError as ForbiddenError
from greenroom.errors import GreenroomError as GreenroomError
from greenroom.errors import HostLostError as HostLostError
from greenroom.errors import HostRefusedError as HostRefusedError
from greenroom.errors import InputFault as InputFault
from greenroom.errors import InputRefusedError as InputRefusedError
from greenroom.errors import InvalidInputError as InvalidInputError
from greenroom.errors import LoadError as LoadError
from greenroom.errors import NoPreviousVersionError as NoPreviousVersionError
from greenroom.errors import NotAuthorisedError as NotAuthorisedError
from greenroom.errors import NotEnoughMemoryError as NotEnoughMemoryError
from greenroom.errors import NothingThereError as NothingThereError
from greenroom.errors import NotReadyError as NotReadyError
from greenroom.errors import OriginRefusedError as OriginRefusedError
from greenroom.errors import OverloadedError as OverloadedError
from greenroom.errors import PayloadTooLargeError as PayloadTooLargeError
from greenroom.errors import PredictionError as PredictionError
from greenroom.errors import RetryRefusedError as RetryRefusedError
from greenroom.errors import ShuttingDownError as ShuttingDownError
from greenroom.errors import SourceError as SourceError
from greenroom.errors import SourceForbiddenError as SourceForbiddenError
from greenroom.errors import SourceNotFoundError as SourceNotFoundError
from greenroom.errors import SourceUnreachableError as SourceUnreachableError
from greenroom.errors import UnknownModelError as UnknownModelError
from greenroom.errors import UnsupportedMediaTypeError as UnsupportedMediaTypeError
from greenroom.errors import UnsupportedTaskError as UnsupportedTaskError
from greenroom.errors import UpgradeRequiredError as UpgradeRequiredError
from greenroom.errors import VersionRefusedError as VersionRefusedError


class Task(StrEnum):
    """What a model does for a caller."""

    EMBED = "embed"
    CLASSIFY = "classify"


class RuntimeName(StrEnum):
    """The code in a host that turns a version into predictions."""

    SENTENCE_TRANSFORMERS = "sentence-transformers"
    TEXT_CLASSIFIER = "text-classifier"
    """An encoder with a linear head."""
    TABULAR = "tabular"
    """scikit-learn and LightGBM classifiers over named columns."""


TASK_OF = {
    RuntimeName.SENTENCE_TRANSFORMERS: Task.EMBED,
    RuntimeName.TEXT_CLASSIFIER: Task.CLASSIFY,
    RuntimeName.TABULAR: Task.CLASSIFY,
}
"""What each runtime is for."""


class DType(StrEnum):
    """Number format of a model's weights and activations; `auto` lets the host choose and check."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class JobState(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class ModelSpec:
    """What an operator configured under one name."""

    name: str
    source: str
    """`<scheme>:<rest>`; the schemes stand in `greenroom.sources.table`."""
    task: Task = Task.EMBED
    runtime: RuntimeName = RuntimeName.SENTENCE_TRANSFORMERS
    required: bool = True
    """Whether the server counts as ready only with this model. One that is not loads when it is first asked for."""
    dtype: DType = DType.AUTO
    sha256: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """File name inside the version's folder → promised SHA-256, lower-case hexadecimal."""
    trust: bool = False
    """Whether this model may run code that came with its files: unpickling, and remote code of a repository."""
    max_tokens_per_batch: int = 4096
    """Token budget of one batch in the host, padding included."""
    max_queued_texts: int = 4096
    """Texts that may wait for the host; beyond that callers get 429."""
    load_timeout_seconds: float = 600.0
    """A load that takes longer is killed and counts as a crash."""
    allow_space_change: bool = False
    """Whether a version whose embedding space is another one may take over."""
    min_cosine: float = 0.98
    """Promotion gate: least cosine between the new version's vectors of the fixed inputs and the active one's, where
    both have the same embedding space."""


@dataclass(frozen=True)
class ModelFile:
    """One verified file of a version. `path` is relative to the version's folder, with forward slashes."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class ModelVersion:
    """One immutable, resolved build of a spec. Two versions with the same digest have the same files."""

    name: str
    digest: str
    """SHA-256 over the sorted manifest, lower-case hexadecimal."""
    folder: Path
    files: tuple[ModelFile, ...]
    """The encoder's included, where there is one: their paths begin with `encoder/`."""
    identity: str = ""
    """What the source calls it, for good: `models:/sentiment/3`, a hub's commit. Empty where only the digest tells."""
    label: str = ""
    """The short form of the identity that people know, such as MLflow's `3`; empty: the digest's beginning."""
    stage: str | None = None
    """The alias or stage under which the source named it; None for sources that know neither."""
    space: str = ""
    """Id of the embedding space; empty for models that embed nothing."""
    encoder: Path | None = None
    """Folder of the encoder that a `text-classifier` puts its head on."""

    @property
    def id(self) -> str:
        """The short form people see: the source's label, or the digest's first eight digits."""
        return self.label or self.digest[:8]

    @property
    def key(self) -> str:
        """What tells this version from others of the same source: its identity, or its digest."""
        return self.identity or self.digest

    @property
    def bytes_total(self) -> int:
        return sum(file.bytes for file in self.files)
