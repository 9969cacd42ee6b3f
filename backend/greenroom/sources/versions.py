"""From a spec to a verified version on this machine: what is asked of the fetch process, as plain blocking calls.

A source says which version it is; the shelf, whether that one is here already; the downloader brings it if not; and
every file is hashed before anybody loads it, each time.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from functools import partial
from pathlib import Path

from greenroom.sources.download import Download
from greenroom.sources.encoder import encoder_source
from greenroom.sources.job import Job
from greenroom.sources.manifest import digest
from greenroom.sources.plan import Place, Plan
from greenroom.sources.seam import Found, Want
from greenroom.sources.shelf import Manifest, Shelf, claim_of, lock_of, locked, locked_now, partial_of
from greenroom.sources.space import embedding_space
from greenroom.sources.table import LOCAL, source_of, split
from greenroom.sources.verify import verify
from greenroom.words import (
    FileCorruptError,
    FileMissingError,
    ModelSpec,
    ModelVersion,
    RuntimeName,
    SourceError,
    SourceNotFoundError,
    Task,
)  # fmt: skip


class Versions:
    """Fetches, looks and clears for any number of specs and threads at a time."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def look(self, spec: ModelSpec, job: Job) -> Found:
        """See `Fetcher.look`."""
        plan = self._find(spec)
        if plan.key:
            return Found(plan.key, plan.label, plan.stage)
        version = self.fetch(spec, Want.LATEST, job)  # only its bytes tell which version it is
        return Found(version.key, version.id, version.stage)

    def fetch(self, spec: ModelSpec, want: Want | str, job: Job) -> ModelVersion:
        """See `Fetcher.fetch`; StoppedError too."""
        version = self._one(spec, want, job)
        if spec.runtime is RuntimeName.TEXT_CLASSIFIER:
            version = self._with_encoder(spec, version, want, job)
        space = embedding_space(version) if spec.task is Task.EMBED else ""
        job.flush()
        return replace(version, space=space)

    def clear(self, spec: ModelSpec, keep: Collection[str]) -> int:
        """See `Fetcher.clear`."""
        freed, shelf = 0, Shelf(self._place.data, spec.name)
        kept = _kept(spec, shelf, keep)
        for folder, _manifest in shelf.all():
            with locked_now(lock_of(folder)) as idle:
                if idle and folder not in kept:
                    freed += shelf.drop(folder)
        return freed

    def _one(self, spec: ModelSpec, want: Want | str, job: Job, encoder: bool = False) -> ModelVersion:
        if split(spec.source)[0] in LOCAL:
            return self._local(spec, want, job)
        if want is Want.CACHED and (here := self._cached(spec, job)):
            return here
        if not isinstance(want, Want):
            return self._exact(spec, want, job)
        return self._latest(spec, job, encoder)

    def _local(self, spec: ModelSpec, want: Want | str, job: Job) -> ModelVersion:
        claim = self._find(spec).claim
        assert claim is not None  # noqa: S101 - true for every scheme of LOCAL
        version = verify(spec, claim, partial(job.tell, "resolve"))
        if not isinstance(want, Want) and want != version.key:
            raise SourceNotFoundError(
                f"{claim.subject} holds other files now than the version that was asked for. Put those back first."
            )
        return version

    def _cached(self, spec: ModelSpec, job: Job) -> ModelVersion | None:
        """The last one, from disk alone; None also when its files are damaged: then it is had anew."""
        shelf = Shelf(self._place.data, spec.name)
        last = shelf.last(spec.source)
        if last is None:
            return None
        try:
            return _verified(spec, *last, job)
        except (FileCorruptError, FileMissingError):
            job.next_piece()
            return None

    def _exact(self, spec: ModelSpec, key: str, job: Job) -> ModelVersion:
        shelf = Shelf(self._place.data, spec.name)
        folder = shelf.folder(key, split(spec.source)[0])
        manifest = shelf.read(folder)
        if manifest is None:
            raise SourceNotFoundError(f"That version of {spec.name} was cleared from the disk. Load the latest one.")
        last = shelf.last(spec.source)  # the alias or stage is a matter of the source, whichever version it is
        return replace(_verified(spec, folder, manifest, job), stage=last[1].stage if last else None)

    def _latest(self, spec: ModelSpec, job: Job, encoder: bool) -> ModelVersion:
        plan = self._find(spec)
        shelf = Shelf(self._place.data, spec.name)
        folder = shelf.folder(plan, split(spec.source)[0])
        with locked(lock_of(folder), job):
            version = self._on_disk(spec, shelf, folder, plan, job) or self._download(
                spec, shelf, folder, plan, job, encoder
            )
        shelf.give(spec.source, folder, plan.stage, job)
        return version

    def _on_disk(self, spec: ModelSpec, shelf: Shelf, folder: Path, plan: Plan, job: Job) -> ModelVersion | None:
        manifest = shelf.read(folder)
        if manifest is None:
            return None
        try:
            return replace(_verified(spec, folder, manifest, job), stage=plan.stage)
        except (FileCorruptError, FileMissingError):
            shelf.drop(folder)
            job.next_piece()
            return None

    def _download(
        self, spec: ModelSpec, shelf: Shelf, folder: Path, plan: Plan, job: Job, encoder: bool
    ) -> ModelVersion:
        files, sealed = Download(spec, plan.origin, partial_of(folder), job).run(plan.list_files())
        manifest = Manifest(plan.key, plan.label, plan.origin, files, sealed=sealed, encoder=encoder)
        shelf.keep(folder, manifest)
        return replace(_version(spec, folder, manifest), stage=plan.stage)

    def _with_encoder(self, spec: ModelSpec, version: ModelVersion, want: Want | str, job: Job) -> ModelVersion:
        source = encoder_source(version, local=split(spec.source)[0] in LOCAL)
        if source is None:
            return replace(version, encoder=version.folder / "encoder")
        job.next_piece()
        part = replace(
            spec, source=source, task=Task.EMBED, runtime=RuntimeName.SENTENCE_TRANSFORMERS, sha256={},
        )  # fmt: skip
        encoder = self._one(part, Want.CACHED, job, encoder=True)
        files = (*version.files, *(replace(file, path=f"encoder/{file.path}") for file in encoder.files))
        return replace(version, encoder=encoder.folder, files=files, digest=digest(files))

    def _find(self, spec: ModelSpec) -> Plan:
        scheme, rest = split(spec.source)
        return source_of(scheme).find(spec, rest, self._place)


def _kept(spec: ModelSpec, shelf: Shelf, keep: Collection[str]) -> set[Path]:
    """The folders of the versions in `keep`, and of the encoders that they stand on."""
    whole = {folder: manifest for folder, manifest in shelf.all() if manifest}
    if split(spec.source)[0] in LOCAL:
        return {folder for folder, manifest in whole.items() if manifest.encoder}
    kept = {folder for folder, manifest in whole.items() if manifest.key in keep}
    if spec.runtime is RuntimeName.TEXT_CLASSIFIER:
        versions = [_version(spec, folder, whole[folder]) for folder in kept]
        lasts = [shelf.last(_encoder_of(version)) for version in versions]
        kept |= {last[0] for last in lasts if last}
    return kept


def _encoder_of(version: ModelVersion) -> str:
    """Empty also where the encoder is none that could be had: there is nothing of it to keep."""
    try:
        return encoder_source(version, local=False) or ""
    except SourceError:
        return ""


def _verified(spec: ModelSpec, folder: Path, manifest: Manifest, job: Job) -> ModelVersion:
    """Hash every file of a downloaded version. Raises FileMissingError, FileCorruptError."""
    read = verify(_own_promises(spec, manifest), claim_of(folder, manifest), partial(job.tell, "resolve"))
    version = _version(spec, folder, manifest)
    if read.digest != version.digest:
        raise FileCorruptError(f"The download of {manifest.origin} holds a file that is none of its own.")
    return version


def _own_promises(spec: ModelSpec, manifest: Manifest) -> ModelSpec:
    """`spec` without what it promises of an archive, which is gone once it is unpacked. Raises FileCorruptError."""
    for name, sha256 in manifest.sealed.items():
        if spec.sha256.get(name, sha256).lower() != sha256:
            raise FileCorruptError(f"{name} had another SHA-256 than the configuration of {spec.name} asks for now.")
    return replace(spec, sha256={path: value for path, value in spec.sha256.items() if path not in manifest.sealed})


def _version(spec: ModelSpec, folder: Path, manifest: Manifest) -> ModelVersion:
    return ModelVersion(
        name=spec.name, digest=digest(manifest.files), folder=folder, files=manifest.files,
        identity=manifest.key, label=manifest.label, stage=manifest.stage,
    )  # fmt: skip
