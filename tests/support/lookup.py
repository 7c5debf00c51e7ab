"""The pages of docs/lookup that repeat what the code says. `python -m tests.support.lookup` writes them; a test holds them to it."""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import typer
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from pydantic import SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings
from typer.core import TyperGroup, TyperOption

from shared.ops.cli import app
from shared.runtime.settings import RuntimeSettings
from shared.telemetry.metrics import Metrics
from shared.wire import catalogue, headers

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "docs" / "lookup"
NOTE = "<!-- Written by `python -m tests.support.lookup` from the code; change the code, then run it again. -->\n\n"


def table(columns: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> str:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in line) + " |\n" for line in lines)


def settings_page() -> str:
    text = "# Settings\n\n" + NOTE + "Every setting is an environment variable. Durations are in seconds; lists of names are separated by commas.\n"
    text += "\n## Every service\n\n" + table(("variable", "default", "what it is"), _settings(RuntimeSettings))
    for service in catalogue.load().services:
        for name, of in settings_classes(service):
            text += f"\n## {service}{' (KPI app)' if name.startswith('Kpi') else ''}\n\n" + table(
                ("variable", "default", "what it is"), _settings(of)
            )
    return text


def settings_classes(service: str) -> list[tuple[str, type[BaseSettings]]]:
    """The settings classes that a service defines itself, by name."""
    module = importlib.import_module(f"services.{service}.settings")
    return [
        (name, of) for name, of in vars(module).items() if isinstance(of, type) and issubclass(of, BaseSettings) and of.__module__ == module.__name__
    ]


def _settings(of: type[BaseSettings]) -> Iterator[tuple[object, ...]]:
    for name, field in of.model_fields.items():
        if name != "runtime":
            yield f"`{of.model_config['env_prefix']}{name}`".upper(), _default(field), field.description or ""


def _default(field: Any) -> str:
    if field.is_required():
        return "required"
    value = field.default_factory() if field.default_factory else field.default
    if value is None or value is PydanticUndefined or SecretStr in (field.annotation, *get_args(field.annotation)):
        return ""
    if isinstance(value, tuple | list):
        return f"`{','.join(map(str, value))}`" if value else ""
    return f"`{value}`" if str(value) not in ("", "{}") else ""


def cli_page() -> str:
    text = "# Commands\n\n" + NOTE + "Exit codes: 0 done, 1 failed, 2 wrongly used, 3 found something (drift, a difference, something to look at).\n"
    for words, command in _commands("throughline", typer.main.get_command(app)):
        text += f"\n## {words}\n\n{command.help}\n\n```\n{_usage(words, command)}\n```\n"
        if options := [each for each in command.params if isinstance(each, TyperOption)]:
            text += "\n" + table(("option", "what it does"), ((f"`{each.opts[-1]}`", each.help or "") for each in options))
    return text


def _commands(words: str, command: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(command, TyperGroup):
        for name, each in command.commands.items():
            yield from _commands(f"{words} {name}", each)
    else:
        yield words, command


def _usage(words: str, command: Any) -> str:
    arguments = [each for each in command.params if not isinstance(each, TyperOption)]
    return " ".join([words, *(f"{each.name.upper()}{'...' if each.nargs == -1 else ''}" for each in arguments)])


HEADERS = (
    (f"`{headers.TRACEPARENT}`", "what belongs to a trace", "the W3C trace of the record"),
    (f"`{headers.LANE}`", "what lanes publish", "the input topic and partition whose decisions it follows from, `topic/partition`"),
    (
        f"`{headers.SEQ}`",
        "what lanes publish",
        "its number in that lane: 1, 2, 3 and so on without a gap, over all topics and partitions that the lane publishes to. "
        "In one partition a lane's numbers rise, so whoever counts records can drop one that is not above the lane's last *in that partition*",
    ),
    (
        ", ".join(f"`{name}`" for name in (headers.TOPIC, headers.PARTITION, headers.OFFSET, headers.GROUP, headers.DELIVERIES, headers.MESSAGE)),
        "dead letters",
        "where the record lay, who failed on it, how often, and why, in the names of KIP-1191",
    ),
    (
        ", ".join(f"`{name}`" for name in (headers.CAUSE, headers.FINGERPRINT, headers.ATTEMPTS)),
        "dead letters",
        "the cause, what tells it from other causes, and attempts at calls. "
        "A letter keeps its record's own headers: where a name stands twice, the last counts",
    ),
)


def topics_page() -> str:
    text = "# Topics\n\n" + NOTE + "From `schemas/topics.toml`. Values are Avro in Confluent's wire format; dead letters are the original bytes.\n\n"
    rows = ((f"`{t.name}`", t.kind, t.owner, t.key, _schema(t), ", ".join(t.readers), t.partitions, _kept(t)) for t in catalogue.load())
    text += table(("topic", "kind", "written by", "key", "record", "read by", "partitions", "kept"), rows)
    return text + "\n## Headers\n\n" + table(("header", "on", "what it says"), iter(HEADERS))


def _schema(topic: catalogue.Topic) -> str:
    if topic.schema is None:
        return ""
    area, name = topic.schema.split(".")[1:]
    return f"[{name}](../../schemas/{area}/{name}.avsc)"


def _kept(topic: catalogue.Topic) -> str:
    if topic.compacted:
        return "newest of each key"
    return f"{topic.retention_days} days" if topic.retention_days else "for ever"


def metrics_page() -> str:
    text = (
        "# Metrics\n\n" + NOTE + "Every service answers `GET /metrics` on its ops port. No label repeats the service: it is the scraped target.\n\n"
    )
    return text + table(("metric", "type", "labels", "what it is"), _metrics())


def _metrics() -> Iterator[tuple[object, ...]]:
    for metric in vars(Metrics(CollectorRegistry())).values():
        if isinstance(metric, MetricWrapperBase):
            described = next(iter(metric.describe()))
            name = f"{described.name}_total" if described.type == "counter" else described.name
            yield f"`{name}`", described.type, ", ".join(metric._labelnames), described.documentation


PAGES: dict[str, Callable[[], str]] = {"settings.md": settings_page, "cli.md": cli_page, "topics.md": topics_page, "metrics.md": metrics_page}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in PAGES.items():
        (FOLDER / name).write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
