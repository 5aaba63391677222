"""A button that trains on what is drawn, how far that is, and the map when it is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from bokeh.document import Document
from bokeh.models import Button, Div, Select
from markupsafe import Markup

from spectile.errors import InputError
from spectile.tasks.entries.scene import ENTRY
from spectile.viewing.drawn_labels import DrawnLabels
from spectile.viewing.page.controls import frame, row
from spectile.viewing.training_job import STEPS, TrainingJob

_EVERY = 400
"""Milliseconds between two looks at how far it is."""


class TrainingBox:
    """Trains in another process, one run at a time."""

    def __init__(
        self,
        document: Document,
        drawn: DrawnLabels,
        scene: str | None,
        options: Sequence[str],
        *,
        jobs: list[TrainingJob],
        done: Callable[[Path], None],
    ) -> None:
        """`jobs` outlives the page: a run goes on without, and the next page follows it."""
        self._document, self._drawn, self._scene = document, drawn, scene
        self._options, self._jobs, self._done = tuple(options), jobs, done
        self._job: TrainingJob | None = None
        self._follow: object = None
        self.recipe = Select(
            title="Recipe",
            options=list(ENTRY.recipes),
            value=next(iter(ENTRY.recipes)),
            name="recipe",
        )
        self.train = Button(label="Train on these labels", button_type="primary", name="train")
        self.stop = Button(label="Stop", visible=False, name="stop")
        self.said = Div(text="", disable_math=True, name="training")
        self.train.on_click(self._start)
        self.stop.on_click(self._stop)
        self.root = frame([self.recipe, row([self.train, self.stop], "tight"), self.said], "card")
        if scene is None:
            self.train.disabled = True
            self._tell('<p class="soft">{}</p>', "To train here, save the scene to a file first.")
        if jobs:
            self._watch(jobs[0])

    def _start(self) -> None:
        if self._scene is None:
            return
        if len({polygon.value for polygon in self._drawn.polygons}) < 2:
            self._tell('<p class="warn">{}</p>', "Draw polygons of two classes or more first.")
            return
        try:
            job = TrainingJob(self._scene, self._drawn.path, self.recipe.value, self._options)
        except InputError as error:
            self._tell('<p class="warn">{}</p>', error.on_command_line)
            return
        self._jobs.append(job)
        self._watch(job)
        self._look()

    def _watch(self, job: TrainingJob) -> None:
        self._job = job
        self.train.disabled, self.stop.visible = True, True
        self._follow = self._document.add_periodic_callback(self._look, _EVERY)

    def _look(self) -> None:
        job = self._job
        if job is None:
            return
        if not job.ended:
            self._tell(
                '<div class="progress"><i class="waiting" style="width:30%"></i></div>'
                '<p class="soft">{} · step {} of {} · {} s</p><p><code>{}</code></p>',
                STEPS[job.step],
                min(job.step + 1, len(STEPS) - 1),
                len(STEPS) - 1,
                f"{job.seconds:.0f}",
                job.command,
            )
            return
        self._document.remove_periodic_callback(self._follow)
        if job in self._jobs:  # another page may have seen it first
            self._jobs.remove(job)
        self._job = None
        self.train.disabled, self.stop.visible = False, False
        if (failure := job.failure) is not None:
            self._tell('<p class="warn">{}</p><p><code>{}</code></p>', failure, job.command)
            return
        self._tell(
            '<p>{} in {} s. <span class="soft">{}</span> <code>{}</code></p>',
            "Trained",
            f"{job.seconds:.0f}",
            "The report:",
            str(job.directory / "report.html"),
        )
        try:
            self._done(job.directory)
        except InputError as error:
            self._tell('<p class="warn">{}</p>', error.on_command_line)

    def _stop(self) -> None:
        if self._job is not None:
            self._job.stop()

    def _tell(self, html: str, *parts: object) -> None:
        self.said.text = str(Markup(html).format(*parts))
