"""`state unlock`: end a lock that its process can end no more."""

from collections.abc import Callable
from typing import Any

from plinkctl.app.run import Run
from plinkctl.link import Side


def unlock(run: Run, sides: tuple[Side, ...], *, agree: Callable[[Side, str], None]) -> dict[str, Any]:
    """End the locks of these sides, each only as it was shown.

    Args:
        run: The run.
        sides: The sides asked for.
        agree: Asks the user, with the holder in words; raises RefusedError when the answer is no.

    Returns:
        `unlocked`, a list of side and holder.

    Raises:
        StateError: The lock is one that only its process ends.
    """
    unlocked: list[dict[str, str]] = []
    for side in sides:
        held = run.states.holder(run.link.name, side)
        if held is None:
            run.note(f"nobody holds the {side} side of {run.link.name!r}")
            continue
        if held.hold:
            agree(side, held.who)
        if run.states.unlock(run.link.name, side, held):
            unlocked.append({"side": side.value, "holder": held.who})
        else:
            run.note(f"the lock of the {side} side was gone, or another's, before it could be ended", "warning")
    return {"unlocked": unlocked}
