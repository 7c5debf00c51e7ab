"""`throughline lanes`: what a person says of halted lanes, while their service stands still."""

from enum import StrEnum
from typing import Annotated

import typer

from shared.ops import endpoints as where
from shared.ops.cli_options import Home, Json, answer

lanes = typer.Typer(help="Lanes that halted, and how they go on once somebody has decided. Their service must stand still.", no_args_is_help=True)

Service = Annotated[str, typer.Argument(help="Whose lanes, such as master_data.")]
Why = Annotated[str, typer.Option("--why", help="The reason, for the audit.")]


class Lost(StrEnum):
    nothing = "nothing"
    commits = "commits"


class Start(StrEnum):
    beginning = "beginning"
    same = "same"


@lanes.command("follow-database")
def lanes_follow_database(
    service: Service,
    lost: Annotated[Lost, typer.Option("--lost", help="What the database lost that had been published: nothing, or commits.")],
    why: Why,
    home: Home = None,
    json: Json = False,
) -> None:
    """Go on with the database that is there now, after a failover or a restore."""
    from shared.ops import lanes as asked

    answer(asked.follow_database(where.find(home), service, lost.value, why), json, asked.draw)


@lanes.command("follow-topic")
def lanes_follow_topic(
    service: Service,
    topic: Annotated[str, typer.Argument(help="The topic that was made anew, or that lost records which had not been read.")],
    start: Annotated[Start, typer.Option("--from", help="The first record that it holds, or the same offset as before.")],
    why: Why,
    home: Home = None,
    json: Json = False,
) -> None:
    """Go on with the topic that is there now."""
    from shared.ops import lanes as asked

    answer(asked.follow_topic(where.find(home), service, topic, start.value, why), json, asked.draw)
