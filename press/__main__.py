"""Command line of the book: `python -m press COMMAND`, with `--help` for the commands."""

from __future__ import annotations

import argparse
import os
import sys

from press import BookError
from press.writing import select, shown
from repro.chapters import ChapterError


def main(arguments: list[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: command line without the program's name (default: that of the process).

    Returns:
        Exit status: 0 all well, 1 something found wrong, 2 a request that cannot be met.
    """
    options = _parser().parse_args(arguments)
    try:
        return options.run(options)
    except (BookError, ChapterError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; no chapter was changed half-way", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    """Commands and their arguments."""
    parser = argparse.ArgumentParser(prog="python -m press", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    command = commands.add_parser("new", help="start a chapter from the template")
    command.add_argument("part", help="folder of the part, such as vision")
    command.add_argument("slug", help="short name of the chapter, such as yolof")
    command.set_defaults(run=_new)
    command = commands.add_parser("refresh", help="execute a chapter, store canonical outputs")
    command.add_argument("chapter", help="slug of a chapter, or all")
    command.set_defaults(run=_refresh)
    command = commands.add_parser("check", help="structure, then outputs against a new execution")
    command.add_argument("chapter", help="slug of a chapter, all, or changed (since it passed)")
    command.set_defaults(run=_check)
    command = commands.add_parser("structure", help="what can be checked without running")
    command.add_argument("chapter", nargs="?", default="all", help="slug, or all (default)")
    command.set_defaults(run=_structure)
    command = commands.add_parser("scoreboard", help="every entry of every chapter")
    command.add_argument("--json", action="store_true", help="all fields, for programs")
    command.set_defaults(run=_scoreboard)
    command = commands.add_parser("mutate", help="do tests and claims notice a changed method?")
    command.add_argument("chapter", help="slug of a chapter")
    command.add_argument("--limit", type=int, help="try only so many mutants, spread over all")
    command.set_defaults(run=_mutate)
    command = commands.add_parser("restyle", help="draw all cards anew from their records")
    command.add_argument("chapter", nargs="?", default="all", help="slug, or all (default)")
    command.set_defaults(run=_restyle)
    return parser


# Imports inside the commands: a quick one does not wait for what only a slow one needs.
def _new(options: argparse.Namespace) -> int:
    from press.commands.new import new

    written = [shown(path) for path in new(options.part, options.slug)]
    print("wrote " + ", ".join(written))
    print(f"next: make lab, write {written[0]}, then make refresh CH={options.slug}")
    return 0


def _refresh(options: argparse.Namespace) -> int:
    from press.commands.refresh import refresh_all

    return min(1, refresh_all(select(options.chapter)))


def _check(options: argparse.Namespace) -> int:
    from press.commands.check import check_all

    changed = options.chapter == "changed"
    return min(1, check_all(select("all" if changed else options.chapter), changed=changed))


def _structure(options: argparse.Namespace) -> int:
    from press.checks import CHECKS, problems

    paths = select(options.chapter)
    found = [problem for path in paths.values() for problem in problems(path)]
    for problem in found:
        print(problem)
    if found:
        affected = len({problem.path for problem in found})
        print(f"{len(found)} problem(s) in {affected} of {len(paths)} chapter(s)")
        return 1
    print(f"{len(paths)} chapter(s) in order, {len(CHECKS)} checks each")
    return 0


def _scoreboard(options: argparse.Namespace) -> int:
    from press.commands.scoreboard import as_json, as_table, records

    ledgers = records(select("all").values())
    print(as_json(ledgers) if options.json else as_table(ledgers))
    return 0


def _mutate(options: argparse.Namespace) -> int:
    from press.commands.mutate import run

    return run(options.chapter, options.limit)


def _restyle(options: argparse.Namespace) -> int:
    from press.commands.restyle import run

    return min(1, run(list(select(options.chapter).values())))


if __name__ == "__main__":
    if not sys.flags.ignore_environment:  # a PYTHONPATH must not bring other packages in
        os.execv(sys.executable, [sys.executable, "-E", *sys.orig_argv[1:]])
    sys.exit(main())
