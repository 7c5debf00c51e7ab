"""`throughline dlt`: dead letters looked at, planned, applied, edited, discarded, exported.

As in `cli`, the modules that do the work are imported by the command that needs them.
"""

from pathlib import Path
from typing import Annotated

import typer

from shared.ops import endpoints as where
from shared.ops import show
from shared.ops.cli_options import Home, Json, answer
from shared.ops.errors import Exit

dlt = typer.Typer(help="Dead letters: what stopped for good, why, and how it goes on.", no_args_is_help=True)

Why = Annotated[str, typer.Option("--why", help="The reason, for the audit.")]
Cause = Annotated[str | None, typer.Option("--cause", help="Only letters of this cause: its fingerprint, or its code.")]
Key = Annotated[str | None, typer.Option("--key", help="Only letters of this contract, account or mapping key.")]
Service = Annotated[str | None, typer.Option("--service", help="Whose letters; may be left out when only one service has such.")]
Which = Annotated[str, typer.Argument(metavar="LETTER", help="TOPIC/PARTITION:OFFSET of the dead letter, or of the original record.")]


@dlt.command("ls")
def dlt_ls(home: Home = None, json: Json = False) -> None:
    """Dead letters by cause."""
    from shared.ops import dlt as asked

    answer(asked.gather(where.find(home)), json, asked.draw)


@dlt.command("show")
def dlt_show(which: Annotated[str, typer.Argument(help="A cause, or TOPIC/PARTITION:OFFSET.")], home: Home = None, json: Json = False) -> None:
    """The letters of a cause, or one letter with its original bytes and headers."""
    from shared.ops import dlt as asked

    found, place = where.find(home), asked.place_of(which)
    if place is None:
        answer(asked.gather_cause(found, which), json, asked.draw_cause)
    else:
        answer(asked.gather_letter(found, place), json, asked.draw_letter)


@dlt.command("plan")
def dlt_plan(
    why: Why,
    cause: Cause = None,
    key: Key = None,
    service: Service = None,
    items: Annotated[Path | None, typer.Option(help="Write every item with its calls to this file, a line of JSON each.")] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Judge dead letters against today's state, and keep the judgement as a plan. Nothing else is changed."""
    from shared.ops import dlt_redrive as asked

    found = where.find(home)
    plan = asked.plan(found, service, cause, key, why, quiet=json)
    if items:
        asked.write_items(found, plan, items)
    answer(plan, json, lambda told: asked.draw_plan(found, told))


@dlt.command("apply")
def dlt_apply(
    plan: Annotated[str, typer.Argument(metavar="PLAN", help="SERVICE:NUMBER, as `dlt plan` said.")], home: Home = None, json: Json = False
) -> None:
    """Do exactly what a plan says, in steps that grow; goes on where it was interrupted. Exit code 1 unless it came to the end."""
    from shared.ops import dlt_redrive as asked

    found = where.find(home)
    told = asked.apply(found, plan, quiet=json)
    answer(told, json, lambda told: asked.draw_outcome(found, told))
    if told["status"] != "ended":
        raise typer.Exit(Exit.FAILED)


@dlt.command("edit")
def dlt_edit(
    letter: Which,
    save: Annotated[Path | None, typer.Option(help="Write the letter's value to this file, as JSON.")] = None,
    load: Annotated[Path | None, typer.Option(help="Put the value of this JSON file in the place of the letter's.")] = None,
    why: Annotated[str | None, typer.Option("--why", help="The reason, for the audit; needed with --load.")] = None,
    service: Service = None,
    home: Home = None,
) -> None:
    """Mend a letter's value by hand: --save FILE, change it, --load FILE. What came is kept beside it."""
    from shared.ops import dlt_redrive as asked

    if (save is None) == (load is None) or (load is not None and not why):
        raise typer.BadParameter("say either --save FILE, or --load FILE with --why TEXT")
    found = where.find(home)
    if save is not None:
        asked.save(found, asked.letter(letter), service, save)
        show.say(f"Written to {save}: change it, then `throughline dlt edit {letter} --load {save} --why TEXT`.")
    elif load is not None and why:
        asked.load(found, asked.letter(letter), service, load, why)
        show.say("Edited. Plan it anew: `throughline dlt plan --why TEXT`.")


@dlt.command("discard")
def dlt_discard(why: Why, cause: Cause = None, key: Key = None, service: Service = None, home: Home = None, json: Json = False) -> None:
    """Close letters for good, without deciding on them; what is held behind them goes on."""
    from shared.ops import dlt_redrive as asked

    if cause is None and key is None:
        raise typer.BadParameter("say which letters: --cause, --key, or both")
    count = asked.discard(where.find(home), service, cause, key, why, quiet=json)
    answer({"discarded": count}, json, lambda _: show.say(f"{count} dead letters discarded; what was held behind them goes on."))


@dlt.command("export")
def dlt_export(
    file: Annotated[Path, typer.Argument(help="Where to; - for standard output.")],
    cause: Cause = None,
    key: Key = None,
    service: Service = None,
    home: Home = None,
) -> None:
    """Write letters with their bytes and headers, a line of JSON each, bytes in base64."""
    from shared.ops import dlt_redrive as asked

    count = asked.export(where.find(home), service, cause, key, file)
    if str(file) != "-":
        show.say(f"{count} dead letters written to {file}.")
