"""`throughline dlt` against a running service: a person's way from a plan to its end."""

import asyncio
import json
from dataclasses import replace
from pathlib import Path

from typer.testing import CliRunner, Result

from shared.ops.cli import app
from shared.ops.dlt_desk import Desk
from tests.integration.test_redrive import none_held, standing
from tests.integration.test_runtime import settled, until
from tests.support.redriving import TOKEN, apply, desk, plan_of
from tests.support.service import account, bench
from tests.support.stack import Stack


async def command(home: Path, asked: Desk, *words: str) -> Result:
    """The command line in a home that knows this service's address and has its token."""
    (home / "run" / "secrets").mkdir(parents=True, exist_ok=True)
    (home / "run" / "endpoints.json").write_text(json.dumps({asked.service: asked.url}))
    (home / "run" / "secrets" / "ops_token").write_text(TOKEN)
    return await asyncio.to_thread(CliRunner().invoke, app, ["dlt", *words, "--service", asked.service, "--home", str(home)])


async def test_letters_are_exported_edited_planned_applied_and_discarded_from_the_command_line(stack: Stack, database: str, tmp_path: Path) -> None:
    async with bench(stack, database) as service:
        service.send(("A", account("A", "bad")), ("A", account("A", "behind")), ("B", account("B", "bad")))
        async with desk(service) as asked:
            await until(settled(service, 3))
            row = (await service.fetch("select topic, part, \"offset\" from dead_letter where key = 'account:A'"))[0]
            place, file = f"{row['topic']}/{row['part']}:{row['offset']}", tmp_path / "letter.json"

            exported = await command(tmp_path, asked, "export", str(tmp_path / "letters"))
            assert "2 dead letters written" in exported.output
            assert (await command(tmp_path, asked, "edit", place, "--save", str(file))).exit_code == 0
            file.write_text(file.read_text().replace('"bad"', '"good"'))
            assert (await command(tmp_path, asked, "edit", place, "--load", str(file), "--why", "a typing error")).exit_code == 0

            planned = await command(tmp_path, asked, "plan", "--why", "mended", "--items", str(tmp_path / "items"))
            assert "still broken" in planned.output
            assert f"throughline dlt apply {asked.service}:1" in planned.output
            assert sorted(json.loads(line)["verdict"] for line in (tmp_path / "items").read_text().splitlines()) == ["apply", "still broken"]
            applied = await asyncio.to_thread(CliRunner().invoke, app, ["dlt", "apply", f"{asked.service}:1", "--home", str(tmp_path)])
            assert (applied.exit_code, "Done." in applied.output) == (0, True)

            assert (await command(tmp_path, asked, "discard", "--why", "not said which")).exit_code == 2
            discarded = await command(tmp_path, asked, "discard", "--key", "B", "--why", "a test")
            assert "1 dead letters discarded" in discarded.output
            await until(none_held(service))
        assert [m.name for _, m in service.emitted()] == ["good", "behind"]
        assert await standing(service) == 0


async def test_the_audit_names_who_started_each_step_of_a_plan(stack: Stack, database: str) -> None:
    async with bench(stack, database) as service:
        service.faults = {"stop"}
        service.send(*((f"A{i}", account(f"A{i}", "stop")) for i in range(3)))
        async with desk(service) as ann:
            await until(settled(service, 3))
            service.faults = set()
            plan = await plan_of(ann)
            await asyncio.to_thread(ann.advance, plan)
            await until(settled(service, 4))
            assert (await apply(replace(ann, who="ben@desk"), plan))["status"] == "ended"
        audit = await service.fetch("select who from audit where what = 're-driven' order by id")
        assert [r["who"] for r in audit] == ["ann@desk", "ben@desk", "ben@desk"]


async def test_a_plan_whose_judging_was_cut_off_is_shown_before_it_is_applied(stack: Stack, database: str, tmp_path: Path) -> None:
    async with bench(stack, database) as service:
        service.faults = {"stop"}
        service.send(("A", account("A", "stop")))
        async with desk(service) as asked:
            await until(settled(service, 1))
            service.faults = set()
            begun = await asyncio.to_thread(asked.begin, None, None, "mended")
            await command(tmp_path, asked, "export", str(tmp_path / "letters"))  # makes the home
            again = ["dlt", "apply", f"{asked.service}:{begun['id']}", "--home", str(tmp_path)]
            shown = await asyncio.to_thread(CliRunner().invoke, app, again)
            assert (shown.exit_code, "decides it again" in shown.output, "apply it again" in shown.output) == (1, True, True)
            assert await standing(service) == 1
            assert (await asyncio.to_thread(CliRunner().invoke, app, again)).exit_code == 0
            assert await standing(service) == 0


async def test_a_letter_that_ended_the_service_is_not_decoded_to_be_edited(stack: Stack, database: str, tmp_path: Path) -> None:
    async with bench(stack, database) as service:
        service.send(("A", account("A", "bad")))
        async with desk(service) as asked:
            await until(settled(service, 1))
            row = (await service.fetch("update dead_letter set code = 'poison' returning topic, part, \"offset\""))[0]
            place = f"{row['topic']}/{row['part']}:{row['offset']}"
            saved = await command(tmp_path, asked, "edit", place, "--save", str(tmp_path / "letter.json"))
            assert saved.exit_code == 1
            assert not (tmp_path / "letter.json").exists()
