"""What a run leaves to the world: adapters, merged weights, a card, and a frozen manifest of all that went in."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from evalsuite.errors import RunError, UsageError
from evalsuite.run_folder import RunFolder
from evalsuite.util.atomic_write import atomic_folder
from training.data.manifest import Manifest, check_files, describe, verify, write_manifest
from training.promotion.last_promoted import made_by
from training.promotion.verdict import FILE, verdict_of
from training.report.model_card import card
from training.run_folder import Folder, StageFolder, TrainingFolder
from training.run_spec import TrainingSpec, data_of, read_spec, versions
from training.stages.determinism import make_deterministic
from training.weights import base_model, base_weights_of, is_adapter, merge

ADAPTERS: Final = "adapters"
MODEL: Final = "model"
_TAKEN: Final = frozenset({".safetensors", ".json", ".jinja", ".model", ".txt"})
"""Suffixes of an adapter's files that are taken along; nothing that is unpickled is."""


def export(run: TrainingFolder, out: Path) -> Manifest:
    """Write what the promoted stages made into a new folder, which appears as a whole.

    A run without a promoted stage is a `UsageError`, and so is a control: nobody should take it for a model.
    """
    spec = read_spec(run)
    promoted = [folder for folder in spec.stages(run) if folder.state == "promoted"]
    if spec.control:
        raise UsageError(f"{run.path}: a control, its rewards were a coin; there is no model to export")
    if not promoted:
        raise UsageError(f"{run.path}: no stage is promoted yet; there is nothing to export")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: there is something already; choose another --out")
    try:
        return _write(run, spec, promoted, out)
    except OSError as error:
        raise RunError(f"{out}: can't be written: {error.strerror or error}") from None


def check_export(manifest: Path, data: Path | None) -> Manifest:
    """Check a manifest's files and, below `data`, those of its sources; the first that differs is a `DataError`."""
    found = verify(manifest)
    if data is not None:
        for name, source in found.sources.items():
            check_files(data / name, source)
    return found


def _write(run: TrainingFolder, spec: TrainingSpec, promoted: Sequence[StageFolder], out: Path) -> Manifest:
    data = data_of(run, spec)
    with atomic_folder(out.absolute()) as partial:
        for folder in promoted:
            if is_adapter(folder.model):
                _copy_adapter(spec, folder, data, partial / ADAPTERS / folder.path.name)
        make_deterministic(spec.recipe)
        last = made_by(run, spec, promoted[-1])
        merge(spec.recipe, last.start, data, partial / MODEL, spec.recipe.base.dtype)
        shown = _public(spec)
        manifest = _manifest(run, shown, promoted)
        Folder(partial).write("recipe.json", shown.recipe.to_json())
        (partial / "README.md").write_text(card(run, shown, manifest), "utf-8")
        files = sorted(str(file.relative_to(partial)) for file in partial.rglob("*") if file.is_file())
        manifest = manifest.model_copy(update={"files": describe(partial, [(name, 0) for name in files])})
        write_manifest(partial, manifest)
    return manifest


def _manifest(run: TrainingFolder, spec: TrainingSpec, promoted: Sequence[StageFolder]) -> Manifest:
    """The manifest, before any file of the export is in it."""
    stages = {stage.name: folder for stage, folder in zip(spec.recipe.stages, spec.stages(run), strict=True)}
    kept = {folder.path for folder in promoted}
    sources = {
        stage.data.folder: Manifest.model_validate(stages[stage.name].read("manifest.json"))
        for stage in spec.recipe.stages
        if stages[stage.name].path in kept
    }
    return Manifest.model_construct(
        name=spec.recipe.name,
        about=spec.recipe.about,
        licence="; ".join(dict.fromkeys(source.licence for source in sources.values())),
        files=[],
        made_by={
            "recipe": spec.recipe.to_json(),
            "base": {"model": spec.recipe.base.model, "revision": _revision(run, promoted[0])},
            "stages": {folder.path.name: verdict_of(folder)._asdict() for folder in promoted},
            "trained_with": {folder.path.name: folder.read("stage.json").get("versions", {}) for folder in promoted},
            "exported_with": versions(),
        },
        sources=sources,
    )


def _revision(run: TrainingFolder, first: StageFolder) -> str | None:
    """The base model's commit, or a fingerprint of its folder, as it was when it was measured against stage 1."""
    baseline = run.path / first.read(FILE)["comparison"]["b"]["path"]
    revision: str | None = RunFolder(baseline).facts["backend"].get("revision")
    return revision


def _public(spec: TrainingSpec) -> TrainingSpec:
    """The same with a base model's folder named without its place on this machine."""
    base = spec.recipe.base
    if not Path(base.model).is_absolute():
        return spec
    named = base.model_copy(update={"model": f"./{Path(base.model).name}"})
    return replace(spec, recipe=spec.recipe.model_copy(update={"base": named}))


def _copy_adapter(spec: TrainingSpec, folder: StageFolder, data: Path, out: Path) -> None:
    """Copy an adapter; what it stands on is named as anybody can find it, and not by a place on this machine."""
    out.mkdir(parents=True)
    for file in folder.model.iterdir():
        if file.suffix in _TAKEN:
            shutil.copyfile(file, out / file.name)
    own = base_weights_of(spec.recipe, folder.model, data) == base_model(spec.recipe.base, data)
    named = _public(spec).recipe.base.model
    base = named if own else f"{named} merged with the adapter before"
    config = Folder(out)
    config.write("adapter_config.json", {**config.read("adapter_config.json"), "base_model_name_or_path": base})
