"""What the kinds share that only wait: for ACM, for public DNS, for somebody else's act.

They make nothing and delete nothing. As nodes of the graph they say what the next node waits for, and `up` tells it.
"""

from plinkctl.kinds.base import Attrs, Ctx, Kind


class Awaited(Kind):
    """A condition. `probe` looks whether it holds; PENDING where time brings it, HELD where somebody else must act."""

    attached = True
    renewable = True

    def find(self, ctx: Ctx) -> Attrs | None:
        """Nothing is ever there already."""
        return None

    def create(self, ctx: Ctx) -> Attrs:
        """Nothing is made; it is known from now on by what it is about."""
        return {"id": str(ctx.params["about"])}

    def delete(self, ctx: Ctx, attrs: Attrs) -> None:
        """Nothing to delete."""
