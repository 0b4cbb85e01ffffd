"""What a stream can show, and text made fit for it: colour, encoding, width, control characters, broken pipes.

Knows nothing of plinkctl. Every text that came from AWS or from a file passes through `clean` before it is
written for a person; every stream is written through a `Sink`.
"""

import os
import re
from collections.abc import Mapping
from typing import Final, Literal, TextIO

Style = Literal["", "good", "bad", "warn", "dim", "strong"]

_SGR: Final[dict[Style, str]] = {"good": "32", "bad": "31", "warn": "33", "dim": "2", "strong": "1"}
_DUMB: Final = frozenset({"", "dumb", "unknown"})
_BREAKS: Final = r"[\t\n\r\v\f\x85\u2028\u2029]+"
_CONTROLS: Final = re.compile(
    _BREAKS + r"|[\x00-\x1f\x7f-\x9f"  # C0 with ESC, DEL, C1: 0x9b alone starts a sequence on some terminals
    r"\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f"  # direction marks reorder what is read, the rest hides
    r"\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
    r"\ud800-\udfff]"  # half characters: they cannot be encoded
)


def clean(text: object) -> str:
    """Make text from outside harmless on a terminal, on one line.

    A tag, a DNS name or an error message may hold escape sequences that move the cursor, rename the window or
    hide text. Line breaks and tabs become one space, other control characters their visible escape (`\\x1b`).
    """
    return _CONTROLS.sub(_visible, str(text))


def _visible(found: re.Match[str]) -> str:
    return " " if re.fullmatch(_BREAKS, found[0]) else found[0].encode("unicode_escape").decode()


def paint(text: str, style: Style, *, color: bool) -> str:
    """The text in a style; unchanged where colour is not wanted. The text must be clean."""
    return f"\x1b[{_SGR[style]}m{text}\x1b[0m" if color and style and text else text


def wants_color(stream: TextIO, environ: Mapping[str, str], no_color: bool) -> bool:
    """Whether this stream gets colour; asked for stdout and stderr apart, since one may be piped.

    Args:
        stream: Where the text goes.
        environ: `NO_COLOR` (non-empty: off, wins over all), `FORCE_COLOR` (non-empty: on), `TERM`.
        no_color: The user's `--no-color`.
    """
    if no_color or environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return can_move(stream, environ)


def can_move(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream is a terminal that understands more than lines."""
    return is_terminal(stream) and environ.get("TERM", "") not in _DUMB


def is_terminal(stream: TextIO) -> bool:
    """Whether the stream is a terminal; a closed one is not."""
    return not stream.closed and stream.isatty()


def speaks_utf8(stream: TextIO) -> bool:
    """Whether marks and lines beyond ASCII can be shown. A stream without an encoding (in memory) can."""
    return _encoding(stream).lower().replace("-", "") in {"utf8", "utf8sig"}


def cells(text: str) -> int:
    """How many columns the text takes on a terminal; it must be clean."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - piped ASCII must not pay for the import

    return cell_len(text)


def fitted(text: str, width: int, *, more: str = "…") -> str:
    """The text in exactly `width` columns: padded, or cut with a mark that says so."""
    if width <= 0:
        return ""
    if (size := cells(text)) <= width:
        return text + " " * (width - size)
    kept = text[: width - 1]
    while cells(kept) > width - 1:
        kept = kept[:-1]
    return fitted(kept + more, width)


class Sink:
    """A stream that is written whole lines and never raises: progress must not be able to end a run.

    Args:
        stream: A text stream, usually stderr.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.broken: Exception | None = None

    def write(self, text: str) -> None:
        """Write and flush. After the reader went away this does nothing; `broken` holds the reason."""
        if self.broken:
            return
        encoding = _encoding(self._stream)
        try:
            self._stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
            self._stream.flush()
        except BlockingIOError:
            return  # a full pipe that somebody set to non-blocking: this text is lost, the next may pass
        except OSError as error:
            self.broken = error
            _abandon(self._stream)
        except ValueError as error:  # the stream was closed
            self.broken = error


def _abandon(stream: TextIO) -> None:
    """Let what is left in the stream's buffer go nowhere.

    Without this the interpreter fails to flush it at its end, and turns the run's exit code into 120.
    """
    try:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
    except (OSError, ValueError):
        return


def _encoding(stream: TextIO) -> str:
    return getattr(stream, "encoding", None) or "utf-8"
