"""`cloudhand audit`: who did what, and whether its record is whole."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from cloudhand.cli import options
from cloudhand.cli.client import Client
from cloudhand.cli.endpoint import find_endpoint
from cloudhand.cli.errors import Mistake
from cloudhand.cli.fleet import machines
from cloudhand.cli.people import Names, brief
from cloudhand.wire import audit as wire
from cloudhand.wire import times
from cloudhand.wire.audit import Link

EPILOG = (
    "Exit codes: 0 done, and what was checked is whole; 1 it is not; 2 not understood; 3 the"
    " control plane refused or could not be reached; 130 interrupted."
)
_COLUMNS = ("at (UTC)", "who", "from", "action", "outcome", "on", "what came of it")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_SHOWN = 3  # things of one record
_PAGE = 1000


def command(
    on: Annotated[
        str, typer.Option(help="Of this machine, by id or name, or of anything by its id.")
    ] = "",
    who: Annotated[
        str, typer.Option(help="Of root, a user, ROLE/SESSION, or a machine that joined.")
    ] = "",
    operation: Annotated[
        str,
        typer.Option(
            help="Of these alone: ecs:RunCommand, power:*, machine:Stopped; * is anything."
        ),
    ] = "",
    since: Annotated[
        str,
        typer.Option(
            help="Not older than that, in UTC: 30m, 12h, 7d, today, 2026-01-02 or"
            " 2026-01-02T03:04:05Z."
        ),
    ] = "",
    reads: Annotated[bool, typer.Option("--reads", help="Calls that only look as well.")] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="What was refused or failed alone.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", "-n", help="How many; the newest.", min=1, metavar="N")
    ] = 50,
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether all that is kept is whole.")
    ] = False,
    check_files: Annotated[
        Path | None,
        typer.Option(
            help="The same of the files of a directory, STATE/audit or a copy of it, without any"
            " control plane.",
            metavar="DIRECTORY",
        ),
    ] = None,
    as_json: options.Json = False,
    state: options.State = None,
    endpoint: options.At = "",
    ca: options.Ca = None,
) -> None:
    """Show who did what, from where, to which machines, and what came of it; the newest last.

    Every call is there, those that were refused too, what machines did with their power, and who
    joined; calls that only look are shown with --reads, or if they were refused.

    --check counts the records, follows their chain, and names the digest of the last one: note
    that elsewhere, and no record before it can be changed unseen.
    """
    if check_files is not None:
        sys.exit(_tell_whole(_in_files(check_files)))
    asked = {
        "Who": who or None,
        "Operation": operation or None,
        "StartTime": _moment(since) if since else None,
        "Changes": None if reads else "true",
        "Failed": "true" if failed else None,
    }
    client = Client(find_endpoint(state, endpoint, ca))
    if check:
        sys.exit(_tell_whole(_links(client, {"OldestFirst": "true"})))
    names = {machine.id: machine.name for machine in machines(client)}
    if on:
        asked["ResourceId"] = next((one for one in names if on in (one, names[one])), on)
    found = list(islice(_links(client, asked), limit))[::-1]
    client.close()
    if as_json:
        print(json.dumps([one.record for one in found], indent=2, ensure_ascii=False))
        return
    print(*_COLUMNS, sep="\t")
    for one in found:
        print(*_told(one.record, brief(names)), sep="\t")


def _links(client: Client, asked: Mapping[str, object]) -> Iterator[Link]:
    token = ""
    while True:
        page = {**asked, "MaxResults": _PAGE, "NextToken": token or None}
        answer = client.call("ListAuditRecords", page)
        for one in answer["Records"]["Record"]:
            yield Link(number=one["Number"], text=one["Text"], digest=one["Digest"])
        token = answer["NextToken"]
        if not token:
            return


def _in_files(folder: Path) -> Iterator[Link]:
    files = sorted(folder.glob("*.jsonl"))
    if not files:
        raise Mistake(f"there are no files of records in {folder}: STATE/audit has them")
    for path in files:
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    yield wire.read(line.rstrip("\n"))
        except OSError as error:
            raise Mistake(f"cannot read {path}: {error.strerror}") from None
        except wire.Broken as error:
            raise wire.Broken(f"in {path.name}: {error}") from None


def _tell_whole(links: Iterator[Link]) -> int:
    try:
        count, last = wire.check(links)
    except wire.Broken as error:
        print(f"NOT WHOLE: {error}")
        return 1
    if last is None:
        print("There are no records.")
        return 0
    print(f"{count} records are whole. The last is {last.number}, of {_at(last.record)} UTC:")
    print(last.digest)
    return 0


def _moment(since: str) -> str:
    with suppress(ValueError):
        return times.second(times.parse_second(since))
    if since == "today" or _DAY.fullmatch(since):
        return f"{since if since != 'today' else times.second(datetime.now(UTC))[:10]}T00:00:00Z"
    before = options.span(since, "--since", more=", today, 2026-01-02 or 2026-01-02T03:04:05Z")
    return times.second(datetime.now(UTC) - before)


def _told(record: Mapping[str, Any], names: Names) -> list[str]:
    facts = ", ".join(f"{name} {value}" for name, value in record.get("facts", {}).items())
    return [
        _at(record),
        record.get("who") or "-",
        record.get("from") or "-",
        record["action"],
        record["outcome"],
        _things(record.get("on", ()), names) or "-",
        facts or "-",
    ]


def _things(things: Sequence[str], names: Names) -> str:
    told = [names.get(one.rpartition("/")[2], one) for one in things[:_SHOWN]]
    more = len(things) - len(told)
    return ", ".join(told) + (f" and {more} more" if more else "")


def _at(record: Mapping[str, Any]) -> str:
    return str(record["at"])[:19].replace("T", " ")
