"""The command line: every command finds its stack, asks it, and shows what it said. Work is done in the modules beside this one.

Those are imported by the command that needs them: `throughline --help` must not wait for a Kafka client to load.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from shared.ops import endpoints as where
from shared.ops import show, stack
from shared.ops.cli_dlt import dlt
from shared.ops.cli_lanes import lanes
from shared.ops.cli_options import Home, Json
from shared.ops.cli_options import answer as _answer
from shared.ops.errors import Exit, for_people

app = typer.Typer(
    name="throughline",
    help="Every contract from signature to cash. Exit codes: 0 done, 1 failed, 2 wrongly used, 3 found something.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
calls = typer.Typer(help="Calls that are parked because their adapter keeps failing.", no_args_is_help=True)
waits = typer.Typer(help="What waits, on which key, in whose queue.", no_args_is_help=True)
mappings = typer.Typer(help="The mappings that contracts are routed by.", no_args_is_help=True)
topics = typer.Typer(help="Kafka's topics against the catalogue.", no_args_is_help=True)
schemas = typer.Typer(help="The schemas against the registry.", no_args_is_help=True)
rebuild = typer.Typer(help="Projections made anew.", no_args_is_help=True)
for name, group in (
    ("rebuild", rebuild),
    ("calls", calls),
    ("waits", waits),
    ("mappings", mappings),
    ("dlt", dlt),
    ("lanes", lanes),
    ("topics", topics),
    ("schemas", schemas),
):
    app.add_typer(group, name=name)


class Format(StrEnum):
    """What a fed file holds; `auto` looks inside."""

    auto = "auto"
    ocds = "ocds"
    events = "events"
    rates = "rates"
    time = "time"


@app.command()
def up(
    feed: Annotated[list[Path] | None, typer.Option(help="A file to feed; may be repeated.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Play the demo scenario.")] = False,
    derive_mappings: Annotated[bool, typer.Option("--derive-mappings", help="Make the mapping events that the files imply.")] = False,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="Stop when nothing is left to do.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write the outcome to this file, as JSON.")] = None,
    home: Home = None,
    port_base: Annotated[int | None, typer.Option(help="First port; the console's. 8700 by default.")] = None,
    broker: Annotated[str | None, typer.Option(help="embedded, or HOST:PORT of a Kafka.")] = None,
    nodes: Annotated[int | None, typer.Option(help="Kafka nodes of the embedded broker: 1 or 3.")] = None,
    postgres: Annotated[str | None, typer.Option(help="embedded, or the DSN of a role that may create roles.")] = None,
    registry: Annotated[str | None, typer.Option(help="embedded, or the URL of a schema registry.")] = None,
) -> None:
    """Set up and run everything here, until Ctrl-C."""
    options = {"demo": demo, "derive_mappings": derive_mappings, "until_idle": until_idle, "report": report, "home": home}
    stack.hand_over("up", feed or (), **options, port_base=port_base, broker=broker, nodes=nodes, postgres=postgres, registry=registry)


@app.command()
def down(home: Home = None) -> None:
    """Stop everything that `up` started."""
    stack.hand_over("down", home=home)


@app.command()
def status(home: Home = None, json: Json = False) -> None:
    """How many contracts are where, worth how much, and what stops them."""
    from shared.ops import status as asked

    _answer(asked.gather(where.find(home)), json, asked.draw)


@app.command()
def endpoints(home: Home = None, json: Json = False) -> None:
    """Where everything answers."""
    found = where.find(home).addresses
    _answer(dict(found), json, lambda rows: show.out(show.table("", ("part", "address"), rows.items())))


@app.command()
def doctor(home: Home = None, json: Json = False) -> None:
    """Look at everything; exit code 3 when something needs somebody."""
    from shared.ops import doctor as looks

    findings = looks.examine(where.find(home))
    show.as_json(looks.as_json(findings)) if json else looks.draw(findings)
    if not all(each.well for each in findings):
        raise typer.Exit(Exit.FOUND)


@app.command()
def feed(
    paths: Annotated[list[Path], typer.Argument(help="Files, or folders of files.")],
    as_: Annotated[Format, typer.Option("--as", help="What the files hold; auto looks inside.")] = Format.auto,
    derive_mappings: Annotated[bool, typer.Option("--derive-mappings", help="Also make the mappings that OCDS files imply.")] = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Feed files of contracts; goes on where it was interrupted. Exit code 3 when something was refused."""
    from shared.ops import feed as feeding
    from shared.ops import feed_progress, feed_report

    found = where.find(home)
    with feed_progress.shown(not json) as progress:
        report = feeding.feed(paths, as_.value, found["door"], found.home, derive_mappings, progress)
    show.as_json(report.as_json()) if json else feed_report.draw(report)
    if report.refused:
        raise typer.Exit(Exit.FOUND)


@app.command()
def trace(contract: Annotated[str, typer.Argument(help="The contract's id.")], home: Home = None, json: Json = False) -> None:
    """Every transition of a contract with its cause, from source event to ERP id."""
    from shared.ops import trace as asked

    _answer(asked.gather(where.find(home), contract), json, asked.draw)


@app.command()
def replay(
    service: Annotated[str, typer.Argument(help="Whose decisions, such as master_data.")],
    start: Annotated[str | None, typer.Option("--from", help="[TOPIC/]PARTITION:OFFSET, or an ISO time; the beginning by default.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="The same, and not included; the end as of now by default.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Decide once more beside the running service, sending nothing, and show the difference; exit code 3 when there is one."""
    from shared.ops import replay as again

    report = again.gather(where.find(home), service, start, end)
    _answer(report, json, again.draw)
    if again.differs(report):
        raise typer.Exit(Exit.FOUND)


@rebuild.command("visibility")
def rebuild_visibility(home: Home = None, json: Json = False) -> None:
    """Make the projection anew from the topics while the old one serves, and swap when it has caught up."""
    from shared.ops import rebuild as anew

    _answer(anew.gather(where.find(home)), json, anew.draw)


@calls.command("ls")
def calls_ls(home: Home = None, json: Json = False) -> None:
    """Every parked call, with how often and how its adapter failed."""
    from shared.ops import calls as asked

    _answer(asked.gather(where.find(home)), json, asked.draw)


@calls.command("retry")
def calls_retry(
    service: Annotated[str, typer.Argument(help="Whose calls, such as erp_provisioning.")], home: Home = None, json: Json = False
) -> None:
    """Try a service's parked calls now, once the adapter is mended. Each is looked up before it is sent again."""
    from shared.ops import calls as asked

    count = asked.retry(where.find(home), service)
    _answer({"calls": count}, json, lambda _: show.say(f"{count} calls are tried again."))


@waits.command("ls")
def waits_ls(home: Home = None, json: Json = False) -> None:
    """Every key that something waits for."""
    from shared.ops import waits as asked

    _answer(asked.gather(where.find(home)), json, asked.draw)


@waits.command("show")
def waits_show(key: Annotated[str, typer.Argument(help="Such as legal_entity:BU-17@netsuite-emea.")], home: Home = None, json: Json = False) -> None:
    """Who waits for a key, and how to supply it."""
    from shared.ops import waits as asked

    _answer(asked.gather_one(where.find(home), key), json, asked.draw_one)


MappingFile = Annotated[Path, typer.Argument(help="CSV, a JSON list, or JSON lines.")]


@mappings.command("load")
def mappings_load(file: MappingFile, home: Home = None, json: Json = False) -> None:
    """Load the mappings of a file; what waited for them goes on."""
    from shared.ops import mappings as kept

    found = where.find(home)
    count = kept.load(file, found["door"], found.home)
    _answer({"loaded": count}, json, lambda _: show.say(f"{count} mappings loaded."))


@mappings.command("export")
def mappings_export(file: MappingFile, home: Home = None, json: Json = False) -> None:
    """Write the mappings that stand to a file."""
    from shared.ops import mappings as kept

    found = where.find(home)
    count = kept.export(file, found["kafka"], found["registry"])
    _answer({"exported": count}, json, lambda _: show.say(f"{count} mappings written to {file}."))


@mappings.command("diff")
def mappings_diff(file: MappingFile, home: Home = None, json: Json = False) -> None:
    """How a file differs from what stands; exit code 3 when it does."""
    from shared.ops import mappings as kept

    found = where.find(home)
    difference = kept.diff(file, found["kafka"], found["registry"])
    show.as_json(difference.as_json()) if json else kept.draw(difference)
    if not difference.empty:
        raise typer.Exit(Exit.FOUND)


@topics.command("plan")
def topics_plan(home: Home = None, json: Json = False) -> None:
    """Where Kafka differs from the catalogue; exit code 3 when it does."""
    from shared.ops import topics as catalogued

    steps = [str(step) for step in catalogued.plan(where.find(home)["kafka"])]
    _answer(steps, json, lambda lines: show.say(*lines or ["Kafka is as the catalogue says."]))
    if steps:
        raise typer.Exit(Exit.FOUND)


@topics.command("apply")
def topics_apply(home: Home = None, json: Json = False) -> None:
    """Create, grow and configure topics as the catalogue says."""
    from shared.ops import topics as catalogued

    _answer(catalogued.apply(where.find(home)["kafka"]), json, lambda lines: show.say(*lines or ["Nothing to do."]))


@schemas.command("check")
def schemas_check(json: Json = False) -> None:
    """What is wrong with the schemas of this project; exit code 3 when something is."""
    from shared.ops import schemas as promised

    problems = promised.check()
    _answer(problems, json, lambda lines: show.say(*lines or ["Every schema keeps its promises."]))
    if problems:
        raise typer.Exit(Exit.FOUND)


@schemas.command("publish")
def schemas_publish(home: Home = None, json: Json = False) -> None:
    """Register every schema that the registry does not have."""
    from shared.ops import schemas as promised

    _answer(promised.publish(where.find(home)["registry"]), json, lambda lines: show.say(*lines or ["Nothing to do."]))


def main() -> None:
    try:
        app()
    except Exception as error:
        if not for_people(error):
            raise
        print(error, file=sys.stderr)
        sys.exit(Exit.FAILED)
