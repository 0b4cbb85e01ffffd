"""A link is made and taken away in accounts full of other people's resources; not one of them is touched."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from e2e_tools import BOTH

from plinkctl.sandbox import remote

if TYPE_CHECKING:
    from shells import Shell

    from plinkctl.sandbox.daemon import Running


def test_up_and_teardown_leave_everybody_else_s_byte_for_byte(sandbox: Running, shell: Shell) -> None:
    before = remote.neighbours(sandbox)
    shell.ok("up", *BOTH)
    standing = remote.census(sandbox)
    assert [one for one in before if one not in standing] == []
    shell.ok("teardown", *BOTH, "--yes")
    assert json.dumps(remote.census(sandbox)) == json.dumps(before)
