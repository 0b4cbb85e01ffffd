"""One process holds one world, and many tests share it: what each of them does first."""

from plinkctl.sandbox import world


def pristine(sandbox: world.World) -> None:
    """Make it as on its first day: no resources, no delays, nothing seen late, a clock that only `advance` moves.

    A test that left a lag behind would make the next one, if it expects none, fail at its first request.
    """
    sandbox.profile = world.INSTANT
    sandbox.isolation = "shim"
    sandbox.enforced = False
    sandbox.clock.freeze()
    sandbox.seed, sandbox.visibility, sandbox.page_size = 0, 0.0, None  # no lag also in profiles that have one
    sandbox.quotas, sandbox.constrained_zones = {}, frozenset()
    world.reset()
