"""A run as events, for every renderer: two sides, a wait, a failure, something skipped, something held."""

import os
import re
import termios
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import FileIO, TextIOWrapper

from plinkctl.errors import AwsAnswer, AwsError, Exit
from plinkctl.events import (
    Action,
    Called,
    CheckDone,
    Event,
    ExtraFound,
    NodeActing,
    NodeDone,
    NodeFailed,
    NodeHeld,
    NodeSkipped,
    NodeStarted,
    NodeWaiting,
    Noted,
    PlannedNode,
    RunFinished,
    RunStarted,
    SideInfo,
    WalkPlanned,
)

T0 = 1_700_000_000.0
FRAME_END = "\x1b[J"

SIDES = (
    SideInfo(side="provider", account="111111111111", region="eu-west-1", caller="arn:aws:iam::111111111111:user/a"),
    SideInfo(side="consumer", account="222222222222", region="eu-west-1", caller="arn:aws:iam::222222222222:user/b"),
)

REFUSAL = AwsError(
    "the load balancer failed",
    answer=AwsAnswer(
        service="elbv2", operation="DescribeLoadBalancers", code="Failed", message="no addresses", request_id="r-1"
    ),
    nature="final",
    hint="plinkctl up --name demo",
)


def planned(node: str, *needs: str, usual: str = "") -> PlannedNode:
    return PlannedNode(node=node, kind=node.partition("/")[2], title=node, needs=needs, usual=usual)


def plan(*nodes: PlannedNode, at: float = T0) -> WalkPlanned:
    return WalkPlanned(at=at, direction="up", nodes=nodes)


def done(node: str, at: float, seconds: float = 1.0, *, changed: bool = True, id_: str = "id-1") -> NodeDone:
    return NodeDone(at=at, node=node, action=Action.CREATE, id=id_, seconds=seconds, changed=changed)


def story() -> list[Event]:
    """Every event there is, in an order that can happen."""
    return [
        RunStarted(at=T0, command="up", link="demo", sides=SIDES),
        plan(
            planned("provider/vpc"),
            planned("provider/nlb", "provider/vpc", usual="2 to 3 min"),
            planned("provider/service", "provider/nlb"),
            planned("consumer/endpoint"),
        ),
        NodeStarted(at=T0 + 1, node="provider/vpc"),
        NodeActing(at=T0 + 1, node="provider/vpc", action=Action.CREATE),
        Called(
            at=T0 + 2,
            side="provider",
            service="ec2",
            operation="CreateVpc",
            outcome="ok",
            request_id="r-0",
            seconds=0.2,
        ),
        done("provider/vpc", T0 + 2, id_="vpc-1"),
        NodeStarted(at=T0 + 2, node="provider/nlb"),
        NodeWaiting(at=T0 + 3, node="provider/nlb", what="state active", waited=1.0, usual="2 to 3 min"),
        NodeHeld(at=T0 + 4, node="consumer/endpoint", why="the provider must accept vpce-1"),
        NodeFailed(at=T0 + 5, node="provider/nlb", error=REFUSAL),
        NodeSkipped(at=T0 + 5, node="provider/service", because=("provider/nlb",)),
        Noted(at=T0 + 6, message="a zone is missing", level="warning"),
        CheckDone(at=T0 + 6, layer="dns", name="resolves", side="consumer", result="ok", detail="10.0.0.9"),
        ExtraFound(at=T0 + 6, node="provider/vpc", kind="vpc", id="vpc-2", deleted=False, why="a subnet is in it"),
        RunFinished(at=T0 + 7, exit_code=Exit.FAILED, seconds=7.0),
    ]


@dataclass
class Screen:
    """The little of a terminal that progress uses: enough to know what a person would see."""

    columns: int
    rows: int
    filled: str = " "
    lines: list[list[str]] = field(default_factory=list)
    scrolled: list[str] = field(default_factory=list)
    x: int = 0
    y: int = 0

    def __post_init__(self) -> None:
        self.lines = [[self.filled] * self.columns for _ in range(self.rows)]

    def feed(self, text: str) -> "Screen":
        for token in re.findall(r"\x1b\[[?\d;]*[A-Za-z]|[^\x1b]", text):
            if token.startswith("\x1b["):
                self._control(token[2:-1], token[-1])
            elif token == "\r":
                self.x = 0
            elif token == "\n":
                self.x = 0  # the tty turns a line feed into both
                self._down()
            else:
                self._put(token)
        return self

    def _control(self, number: str, what: str) -> None:
        match what:
            case "A":
                self.y = max(0, self.y - int(number or 1))
            case "H":
                self.x = self.y = 0
            case "K":
                self.lines[self.y][self.x :] = [" "] * (self.columns - self.x)
            case "J":
                self.lines[self.y][self.x :] = [" "] * (self.columns - self.x)
                for row in range(self.y + 1, self.rows):
                    self.lines[row] = [" "] * self.columns
            case "m":
                pass
            case _:
                raise AssertionError(f"a sequence nobody agreed on: {number}{what}")

    def _down(self) -> None:
        self.y += 1
        if self.y == self.rows:
            self.scrolled.append("".join(self.lines.pop(0)).rstrip())
            self.lines.append([" "] * self.columns)
            self.y -= 1

    def _put(self, char: str) -> None:
        if self.x == self.columns:
            self.x = 0
            self._down()
        self.lines[self.y][self.x] = char
        self.x += 1

    @property
    def text(self) -> list[str]:
        """The screen without the empty lines at its end."""
        seen = ["".join(line).rstrip() for line in self.lines]
        while seen and not seen[-1]:
            seen.pop()
        return seen


class Terminal:
    """A real pseudo terminal. `stream` is the program's end; what it wrote is collected as it comes."""

    def __init__(self, columns: int, rows: int) -> None:
        self._master, slave = os.openpty()
        self.stream = TextIOWrapper(FileIO(slave, "w"), encoding="utf-8", write_through=True)
        self._written = bytearray()
        self._news = threading.Condition()
        self.resize(columns, rows)
        self._reader = threading.Thread(target=self._collect)
        self._reader.start()

    def resize(self, columns: int, rows: int) -> None:
        termios.tcsetwinsize(self._master, (rows, columns))

    def close(self) -> None:
        self.everything()
        os.close(self._master)

    def everything(self) -> str:
        """All that was written; nothing can be written afterwards."""
        self.stream.close()
        self._reader.join()
        return self._text

    def written(self, until: str, *, start: int = 0) -> str:
        """What was written from `start` on, up to the first `until`; waits for it. Offsets are in characters."""
        with self._news:
            if not self._news.wait_for(lambda: until in self._text[start:], timeout=20):
                raise AssertionError(f"{until!r} did not come; this did: {self._text[start:]!r}")
            return self._text[start : self._text.index(until, start) + len(until)]

    def frame(self, marker: str, *, start: int = 0) -> str:
        """What was written up to the end of the first frame that ends after `marker`."""
        upto = len(self.written(marker, start=start))
        return self.written(marker, start=start) + self.written(FRAME_END, start=start + upto)

    def _collect(self) -> None:
        while True:
            try:
                piece = os.read(self._master, 65536)
            except OSError:  # Linux says EIO when the other end is closed
                piece = b""
            with self._news:
                self._written += piece
                self._news.notify_all()
            if not piece:
                return

    @property
    def _text(self) -> str:
        return self._written.decode(errors="ignore").replace("\r\n", "\n")


@contextmanager
def terminal(columns: int = 80, rows: int = 24) -> Iterator[Terminal]:
    opened = Terminal(columns, rows)
    try:
        yield opened
    finally:
        opened.close()
