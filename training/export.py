"""Exports a run: adapters, merged weights, a model card, and a manifest of every file and all data it was made from."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from evalsuite.errors import ErrorCode, RunError, UsageError
from evalsuite.run_folder import RunFolder
from evalsuite.util.atomic_write import atomic_folder
from training.checks.overlap_record import read_overlap
from training.data.manifest import Manifest, check_files, describe, read_manifest, verify, write_manifest
from training.promotion.last_promoted import model_of
from training.promotion.verdict import evaluation_path, read_verdict
from training.report.model_card import model_card
from training.run_folder import Folder, StageFolder, TrainingFolder
from training.run_spec import TrainingSpec, data_of, read_spec, versions
from training.stages.determinism import make_deterministic
from training.weights import base_model, base_weights_of, is_adapter, merge

ADAPTERS: Final = "adapters"
MODEL: Final = "model"
_ADAPTER_SUFFIXES: Final = frozenset({".safetensors", ".json", ".jinja", ".model", ".txt"})
"""Suffixes of an adapter's files that are exported: nothing that would be unpickled is among them."""


def export(run: TrainingFolder, out: Path) -> Manifest:
    """Write the promoted stages' adapters and the merged model into a new folder, and return its manifest.

    A run without a promoted stage is a `UsageError`, and so is a control, which nobody should take for a model. The
    folder appears once it is complete.
    """
    spec = read_spec(run)
    promoted = [folder for folder in spec.stages(run) if folder.state == "promoted"]
    if spec.control:
        message = f"{run.path}: a control with random rewards; it has no model to export"
        raise UsageError(ErrorCode.EXPORT_NOT_POSSIBLE, message)
    if not promoted:
        message = f"{run.path}: no stage is promoted yet; there is nothing to export"
        raise UsageError(ErrorCode.EXPORT_NOT_POSSIBLE, message)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(ErrorCode.OUTPUT_EXISTS, f"{out}: not empty; choose another `out`")
    try:
        return _write(run, spec, promoted, out)
    except OSError as error:
        raise RunError(ErrorCode.OUTPUT_NOT_WRITABLE, f"{out}: can't be written: {error.strerror or error}") from None


def check_export(manifest: Path, data: Path | None) -> Manifest:
    """Check the files of a manifest and those of its sources in `data`; the first difference is a `DataError`."""
    verified = verify(manifest)
    if data is not None:
        for name, source in verified.sources.items():
            check_files(data / name, source)
    return verified


def _write(run: TrainingFolder, spec: TrainingSpec, promoted: Sequence[StageFolder], out: Path) -> Manifest:
    data = data_of(run, spec)
    # All that can be wrong in the run's JSON files is found before torch and a model of gigabytes are loaded.
    public = _without_local_paths(spec)
    manifest = _manifest(run, public, promoted)
    card = model_card(run, public, manifest)
    for folder in promoted:
        _refuse_missing_weights(folder)
    with atomic_folder(out.absolute()) as partial:
        for folder in promoted:
            if is_adapter(folder.model):
                _copy_adapter(spec, folder, data, partial / ADAPTERS / folder.path.name)
        make_deterministic(spec.recipe)  # the merge, too, gives the same bits each time
        last = model_of(run, spec, promoted[-1])
        merge(spec.recipe, last.start, data, partial / MODEL, spec.recipe.base.dtype)
        Folder(partial).write("recipe.json", public.recipe.to_json())
        (partial / "README.md").write_text(card, "utf-8")
        files = sorted(str(file.relative_to(partial)) for file in partial.rglob("*") if file.is_file())
        manifest = manifest.model_copy(update={"files": describe(partial, [(name, 0) for name in files])})
        write_manifest(partial, manifest)
    return manifest


def _refuse_missing_weights(folder: StageFolder) -> None:
    """Raise a `UsageError` where a promoted stage has no weights, for which its base model would be loaded."""
    if not any(folder.model.glob("*.safetensors")):
        message = (
            f"{folder.model}: the weights of a promoted stage are gone: restore the folder, or train the stage again"
        )
        raise UsageError(ErrorCode.EXPORT_NOT_POSSIBLE, message)


def _manifest(run: TrainingFolder, spec: TrainingSpec, promoted: Sequence[StageFolder]) -> Manifest:
    """Return the manifest without the export's own files, which are not written yet."""
    stages = {stage.name: folder for stage, folder in zip(spec.recipe.stages, spec.stages(run), strict=True)}
    exported = {folder.path for folder in promoted}
    sources = {
        stage.data.folder: read_manifest(stages[stage.name].path)
        for stage in spec.recipe.stages
        if stages[stage.name].path in exported
    }
    return Manifest.model_construct(  # unvalidated, since a valid manifest has at least one file
        name=spec.recipe.name,
        about=spec.recipe.about,
        licence="; ".join(dict.fromkeys(source.licence for source in sources.values())),
        files=[],
        made_by={
            "recipe": spec.recipe.to_json(),
            "base": {"model": spec.recipe.base.model, "revision": _base_revision(run, promoted[0])},
            "stages": {folder.path.name: read_verdict(folder)._asdict() for folder in promoted},
            "benchmark_overlap": {
                folder.path.name: {task: found.model_dump() for task, found in read_overlap(folder).items()}
                for folder in promoted
            },
            "trained_with": {folder.path.name: folder.read("stage.json").get("versions", {}) for folder in promoted},
            "exported_with": versions(),
        },
        sources=sources,
    )


def _base_revision(run: TrainingFolder, first: StageFolder) -> str | None:
    """Return the base model's commit, or its folder's fingerprint, as the evaluation before stage 1 recorded it."""
    baseline = evaluation_path(run, first, "b")
    revision: str | None = None if baseline is None else RunFolder(baseline).facts["backend"].get("revision")
    return revision


def _without_local_paths(spec: TrainingSpec) -> TrainingSpec:
    """Return the spec with the folder of the base model named without its path on this machine."""
    base = spec.recipe.base
    if not Path(base.model).is_absolute():
        return spec
    public = base.model_copy(update={"model": f"./{Path(base.model).name}"})
    return replace(spec, recipe=spec.recipe.model_copy(update={"base": public}))


def _copy_adapter(spec: TrainingSpec, folder: StageFolder, data: Path, out: Path) -> None:
    """Copy an adapter, whose config then names its base weights without a path on this machine."""
    out.mkdir(parents=True)
    for file in folder.model.iterdir():
        if file.suffix in _ADAPTER_SUFFIXES:
            shutil.copyfile(file, out / file.name)
    on_base_model = base_weights_of(spec.recipe, folder.model, data) == base_model(spec.recipe.base, data)
    base = _without_local_paths(spec).recipe.base.model
    name = base if on_base_model else f"{base} merged with the adapter before"
    config = Folder(out)
    config.write("adapter_config.json", {**config.read("adapter_config.json"), "base_model_name_or_path": name})
