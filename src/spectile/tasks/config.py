"""The configuration of a run: what config.yaml holds, enough to run it again."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError
from pydantic.fields import FieldInfo

from spectile.errors import InputError
from spectile.fields import STRICT, about
from spectile.named_code import file_of
from spectile.ranges import Count, Seed, Share, Threads, wrong

Validation = Annotated[
    Share, about("split", "Share of the training side that chooses the checkpoint.")
]
Legend = Annotated[
    str | None, about("data", "A CSV of value, name and color of each class.", path=True)
]


class Section(BaseModel):
    """Settings that stand together in config.yaml."""

    model_config = STRICT


class HardwareConfig(Section):
    """Where to compute; the words are Lightning's."""

    accelerator: Annotated[str, about("hardware", "auto, cpu or gpu.")] = "auto"
    devices: Annotated[Threads, about("hardware", "How many devices fit together, by DDP.")] = 1
    precision: Annotated[
        str, about("hardware", "Numbers of the fit: auto, 32-true or bf16-mixed.")
    ] = "auto"
    threads: Annotated[
        Threads | None,
        about("hardware", "CPU threads; by default as many as PyTorch chooses."),
    ] = None


class RunConfig(Section):
    """What the runs of all tasks have in common."""

    hardware: HardwareConfig = Field(default_factory=HardwareConfig)
    seed: Annotated[Seed, about("training", "Where all chance starts from.", first=True)] = 0
    repeats: Annotated[
        Count, about("training", "Runs with one seed after another, for mean and deviation.")
    ] = 1

    def placed(self) -> Self:
        """The same with the paths of what is there made absolute, so that they work anywhere."""
        return _with_paths(self, _absolute)

    def paths(self) -> tuple[str, ...]:
        """The files and folders that it names."""
        return tuple(_paths(self))

    def write(self, path: Path) -> None:
        """Write config.yaml."""
        # Late: settings are declared without them.
        import yaml

        from spectile.files import write_aside

        with write_aside(path) as aside:
            text = yaml.safe_dump(self.as_dict(), sort_keys=False, allow_unicode=True)
            # Bytes of a file name that are no text stand as YAML's own escapes.
            aside.write_bytes(text.encode())

    def as_dict(self) -> dict[str, Any]:
        """Plain values, nested as in config.yaml."""
        return self.model_dump(mode="json")


def _paths(section: Any) -> Iterator[str]:
    for name, field in fields_of(type(section)).items():
        value = getattr(section, name)
        if fields_of(type(value)):
            yield from _paths(value)
        elif told(field).get("code"):
            yield from [str(file_of(value))] if file_of(value) is not None else []
        elif value and told(field).get("path"):
            yield from value if isinstance(value, tuple) else (value,)


Settings = TypeVar("Settings", bound=Section)


def _with_paths(section: Settings, change: Callable[[str], str]) -> Settings:
    """The same with each path in it changed."""
    changed: dict[str, Any] = {}
    for name, field in fields_of(type(section)).items():
        value = getattr(section, name)
        if isinstance(value, Section):
            changed[name] = _with_paths(value, change)
        elif value and told(field).get("path"):
            several = isinstance(value, tuple)
            changed[name] = tuple(map(change, value)) if several else change(value)
    return section.model_copy(update=changed) if changed else section


def _absolute(text: str) -> str:
    """An existing path, perhaps with ":part" after it, as an absolute one; anything else as it is.

    Known scenes and what only GDAL can look behind have names, no paths.
    """
    if Path(text).exists():
        return str(Path(text).absolute())
    file, colon, part = text.rpartition(":")
    return f"{Path(file).absolute()}:{part}" if colon and Path(file).is_file() else text


Config = TypeVar("Config", bound=RunConfig)


def read_config(path: str | Path, kind: type[Config]) -> Config:
    """Read a run's config.yaml; raises InputError that names the first wrong entry."""
    from spectile.tasks.yaml_file import read_yaml  # late: settings are declared without YAML

    document = read_yaml(path)
    return parse_config(document, str(path), kind)


def parse_config(
    document: Any, source: str, kind: type[Config], names: Mapping[str, str] | None = None
) -> Config:
    """Check plain values, under today's names or earlier versions'.

    `source` is named in the InputError for a wrong one; `names` are what the user calls settings,
    by their places: "recipe.epochs" is "--epochs".
    """
    try:
        return kind.model_validate(renamed(document, source, kind))
    except ValidationError as error:
        first = error.errors()[0]
        keys = [str(part) for part in first["loc"]]
        places = [".".join(keys[:length]) for length in range(len(keys), 0, -1)]
        known = next((names[place] for place in places if place in names), None) if names else None
        name = known or f"{source}: {places[0] if places else 'the document'}"
        raise InputError(f"{wrong(name, first)}; correct it and try again.") from error


def renamed(document: Any, source: str, kind: Any) -> Any:
    """The same plain values under today's names, where earlier versions had others.

    Raises InputError for a value under both.
    """
    if not isinstance(document, dict):
        return document
    changed = dict(document)
    for name, field in fields_of(kind).items():
        for old in told(field).get("old", ()):
            if old in changed and name in changed:
                raise InputError(f"{source}: {old} is the old name of {name}: leave one out.")
            if old in changed:
                changed[name] = changed.pop(old)
        if name in changed and fields_of(field.annotation):
            changed[name] = renamed(changed[name], source, field.annotation)
    return changed


def fields_of(kind: Any) -> dict[str, FieldInfo]:
    """The fields of a section of a configuration, in order; empty for what is none."""
    found = getattr(kind, "model_fields", None) or getattr(kind, "__pydantic_fields__", {})
    return dict(found)


def told(field: FieldInfo) -> dict[str, Any]:
    """What :func:`spectile.fields.about` was told of a field besides its description."""
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}
