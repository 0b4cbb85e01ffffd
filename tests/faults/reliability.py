"""What is kept of a campaign, and what is written and said of it: from the figures alone."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from textwrap import fill
from typing import Any, Final

from campaign import OTHERS
from crash_states import STORIES
from families import PACKED
from jobs import DISKS, HISTORIES, MUTANTS, REAL
from mutants import MUTANTS as SWITCHED_OFF
from scenes import PLAYS
from tally import INVARIANTS, Tally

PAGE: Final = Path(__file__).parents[2] / "docs" / "reference" / "reliability.md"
README: Final = Path(__file__).parents[2] / "README.md"
KEPT: Final = PAGE.with_suffix(".json")
_BEGIN, _END = "<!-- faults:begin -->", "<!-- faults:end -->"
Pair = tuple[int, int]


def figures(tally: Tally, *, command: str, seconds: float, cut: list[str]) -> dict[str, Any]:
    """What is kept: plain JSON.

    Args:
        tally: What came of everything.
        command: By which it was held.
        seconds: Real ones.
        cut: The jobs that were not begun or not finished, by name.
    """
    return {"commands": [command], "seconds": round(seconds), "cut": cut} | tally.to_json()


def added(kept: Any, more: Any) -> Any:
    """Both counted together: numbers are added, lists joined. What is held of one command counts its requests once."""
    match kept, more:
        case dict(), dict():
            once = {name: kept[name] | more[name] for name in ("requests", "equal") if name in kept and name in more}
            both = {name: added(kept[name], more[name]) if name in more else kept[name] for name in kept}
            return more | both | once
        case [int(), int()], [int(), int()]:
            return [a + b for a, b in zip(kept, more, strict=True)]
        case _:
            return kept + more


def _of(kept: dict[str, Any], about: Iterable[str]) -> Pair:
    found = [pair for key, pair in kept["cases"].items() if key.partition("/")[0] in set(about)]
    return sum(passed for passed, _ in found), sum(run for _, run in found)


def _what(kept: dict[str, Any], what: str, about: Iterable[str]) -> Pair:
    found = [kept["cases"].get(f"{name}/{what}", (0, 0)) for name in about]
    return sum(passed for passed, _ in found), sum(run for _, run in found)


def _ratio(pair: Pair) -> str:
    return f"{pair[0]:,}/{pair[1]:,}"


def passed(kept: dict[str, Any]) -> bool:
    """Whether nothing is wrong."""
    return not kept["red"]


def line(kept: dict[str, Any]) -> str:
    """The figure."""
    broken = kept["broken"]
    parts = [
        f"fault cases {_ratio(_of(kept, PLAYS))} pass",
        f"requests enumerated {sum(kept['requests'].values()):,}",
        *(f"{INVARIANTS[name][0]} {broken.get(name, 0)}" for name in ("I1", "I2", "I5", "I6", "I7")),
        f"random histories {_ratio(_of(kept, [HISTORIES]))}",
        f"file-system states {_ratio(_of(kept, [DISKS]))}",
        f"mutants killed {_ratio(_of(kept, [MUTANTS]))}",
    ]
    if (real := _of(kept, [REAL]))[1]:
        parts.append(f"real processes killed {_ratio(real)}")
    if kept["cut"]:
        parts.append(f"not finished for lack of time {len(kept['cut'])} jobs")
    return "; ".join([*parts, f"{kept['seconds']:,} s"])


def write(kept: dict[str, Any]) -> None:
    """The figures, the page, and the figure in the README."""
    text = json.dumps(kept, indent=1)
    KEPT.write_text(re.sub(r"\[\s+(\d+),\s+(\d+)\s+\]", r"[\1, \2]", text) + "\n")
    PAGE.write_text(page(kept))
    README.write_text(in_readme(README.read_text(), kept))


def in_readme(text: str, kept: dict[str, Any]) -> str:
    """The README with this figure between its marks."""
    before, begin, rest = text.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    return f"{before}{begin}\n{fill(line(kept), 120)}\n{end}{after}"


def _table(head: str, rows: Iterable[str]) -> str:
    columns = head.count("|") + 1
    return "\n".join([f"| {head} |", "|" + "---|" * columns, *(f"| {row} |" for row in rows)])


def page(kept: dict[str, Any]) -> str:
    """The whole page."""
    red, real = kept["red"], _of(kept, [REAL])
    wrong = "\n".join(["## What was wrong", "", *(f"- {said.splitlines()[0][:300]}" for said in red[:50]), "", ""])
    return _PAGE.format(
        line=line(kept),
        commands="\n".join(kept["commands"]),
        wrong=wrong if red else "",
        scenes=_table(
            "command | its requests | cases passed of cases run",
            (f"`{name}` | {kept['requests'].get(name, 0)} | {_ratio(_of(kept, [name]))}" for name in PLAYS),
        ),
        kinds=_table(
            "what befalls a command | cases passed of cases run",
            (f"{what} | {_ratio(_what(kept, what, PLAYS))}" for what in (*(f.name for f in PACKED), *OTHERS)),
        ),
        equal=f"{sum(kept['equal'].values()):,}",
        invariants=_table(
            "invariant | what must hold | column | cases that broke it",
            (f"{key} | {said} | {column} | {kept['broken'].get(key, 0)}" for key, (column, said) in INVARIANTS.items()),
        ),
        histories=_ratio(_of(kept, [HISTORIES])),
        stories=_table(
            "run in which the power fails | states read well of all states",
            (f"{story} | {_ratio(_what(kept, story, [DISKS]))}" for story in STORIES),
        ),
        mutants=_table(
            "line of the recipe that is switched off | seen",
            (f"{name} | {'yes' if _what(kept, name, [MUTANTS]) == (1, 1) else 'no'}" for name in SWITCHED_OFF),
        ),
        real=f"{_ratio(real)} passed." if real[1] else "None was held.",
        unreached=f"{kept['unreached']:,}",
    )


_PAGE: Final = """# Reliability, in figures

{line}

```sh
{commands}
```

The promise, and how it is kept: [how nothing is lost](../explanation/nothing-is-lost.md). This page is written by that
command from what it saw (`--write`), or by several, one after the other (`--add`). `--every N` holds one fault case of
N, evenly chosen; without it every case is held, and that takes hours.

{wrong}## What is done

A case is one command, struck by one thing. Then all is repaired, and the same command runs again until it succeeds,
three times at most; then once more; then `teardown`, twice. The commands run on the [sandbox](sandbox-fidelity.md),
whose accounts are full of other people's resources with similar names, ranges and tags. What there is counts by the
sandbox's own books, not by what plinkctl says or AWS's API shows.

{scenes}

A dry run numbers each command's requests, reads too. Each of these befalls each request that it can befall:

{kinds}

"Until repaired" lasts for the whole run. A hang is over when plinkctl gives the connection up. "Killed" is every
instant that differs from others: each request before and after its effect, each commit before and after the rename.
{equal} further instants leave a house that equals one of these, and are no cases. A clock is set by an hour, forwards
or backwards. A disk refuses one of its calls, or that and all later ones. Time is virtual: a grace costs nothing.

Faults that strike different nodes may share a run. If that run is red, each of them is tried by itself.

## What must hold

{invariants}

## Random histories

{histories} passed: two to six steps each, which are commands with a fault, a kill or a signal, time that passes, and
other people's hands, drawn from a seed; then the same end as above. A red one is told in short and kept
(`tests/faults/test_histories.py`).

## Power cuts

Every disk that a power cut could leave: writes lost, short or reordered, names changed or not. From each the old
state is read, or the new one, and work goes on.

{stories}

## Is the harness blind?

Each line of the recipe switched off, one at a time. Seen means: there is a trial that is red without that line, and
the very same trial is green with it.

{mutants}

## Real processes

Real processes, connections and time: the sandbox kills the process with `kill -9` at a request, before the effect,
after it, or when it is answered (`--real N` holds one case of N; `--real 1` all). {real}

## How to read it

- "lost", "duplicated", "left over", "foreign touched" and "false successes" count cases in which I1, I2, I5, I6 and I7
  did not hold. They are nought, or there is a section of what was wrong.
- A fault whose request does not come again while it is set is no case: {unreached} of them here.
- It is the sandbox that was struck, not AWS. [How faithful it is](sandbox-fidelity.md).
"""
