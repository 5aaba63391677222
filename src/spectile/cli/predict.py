"""`spectile predict`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from spectile.cli.options import BandsLast, Memory, Overwrite, OwnNetwork, Quiet, Threads, within
from spectile.errors import InputError


def predict(
    model: Annotated[Path, typer.Argument(help="The model.safetensors of a run on images.")],
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.")],
    out: Annotated[
        Path | None,
        typer.Option(
            help="The CSV, or the folder of masks; of objects a folder, or a .json of COCO results."
        ),
    ] = None,
    score: Annotated[
        float | None,
        typer.Option(
            callback=within("--score", "Fraction"),
            help="Write objects from this score on; by default from where the model counts them.",
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out files that can't be read.")
    ] = False,
    memory: Memory = 1.0,
    network: OwnNetwork = None,
    bands_last: BandsLast = None,
    threads: Threads = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Classify images into a table, or every pixel of them into masks, or find their objects."""
    from spectile.cli.bars import pixels_bar
    from spectile.cli.printing import print_notes
    from spectile.data.images import image_suffixes
    from spectile.files import check_ending, check_output
    from spectile.model.file import load
    from spectile.model.trained_task import ImageTask, InstanceTask, PixelTask, WindowTask
    from spectile.tasks.hardware import best_device, use_threads
    from spectile.tasks.images.classify_images import is_predictions
    from spectile.tasks.images.prediction import image_files, predict_classes, predict_masks

    use_threads(threads)
    trained = load(model, network)
    if isinstance(trained.trained_for, WindowTask):
        raise InputError(f"{model} maps scenes pixel by pixel: use spectile map.")
    if not isinstance(trained.trained_for, ImageTask | InstanceTask | PixelTask):
        raise InputError(f"{model} is for the task {trained.task}: give one of images.")
    classifies = isinstance(trained.trained_for, ImageTask)
    found_as = trained.trained_for if isinstance(trained.trained_for, InstanceTask) else None
    if score is not None and (found_as is None or (out and out.suffix.lower() == ".json")):
        raise InputError("--score is for folders of label images: leave it out.")
    out = out or Path("predictions.csv" if classifies else "predictions")
    if classifies:
        check_ending(out, "a table of classes", (".csv",))
    elif found_as is not None and out.suffix.lower() == ".json":
        from spectile.tasks.instances.prediction import is_coco_results

        check_output(out, ours=is_coco_results, overwrite=overwrite, inputs=[model])
    elif out.suffix.lower() in (*image_suffixes(), ".csv"):
        raise InputError(f"{out} is no name for a folder of masks: choose one like predictions.")
    files, start = image_files(images), time.perf_counter()
    if classifies:
        check_output(out, ours=is_predictions, overwrite=overwrite, inputs=[model, *files])
    with pixels_bar("predicting", quiet=quiet) as progress:
        if classifies:
            done = predict_classes(
                trained,
                files,
                out,
                bands_last=bands_last is not False,
                skip_bad=skip_bad,
                memory=memory,
                device=best_device("auto"),
                progress=progress,
            )
        elif found_as is not None:
            from spectile.tasks.instances.prediction import predict_coco, predict_label_images

            if out.suffix.lower() == ".json":
                done = predict_coco(
                    trained,
                    files,
                    out,
                    bands_last=bands_last is not False,
                    skip_bad=skip_bad,
                    device=best_device("auto"),
                    progress=progress,
                )
            else:
                done = predict_label_images(
                    trained,
                    files,
                    out,
                    sure=found_as.sure if score is None else score,
                    roots=images,
                    bands_last=bands_last is not False,
                    skip_bad=skip_bad,
                    overwrite=overwrite,
                    inputs=[model],
                    device=best_device("auto"),
                    progress=progress,
                )
        else:
            done = predict_masks(
                trained,
                files,
                out,
                roots=images,
                bands_last=bands_last is not False,
                skip_bad=skip_bad,
                overwrite=overwrite,
                inputs=[model],
                memory=memory,
                device=best_device("auto"),
                progress=progress,
            )
    for name, reason in done.bad:
        print(f"spectile: {name} was left out: {reason}", file=sys.stderr)
    rate = done.images / (time.perf_counter() - start)
    print_notes(done.notes)
    print(f"{done.images} images, {rate:.1f} a second: {out}")
