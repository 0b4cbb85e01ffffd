"""The way in, as `plinkctl` or `python -m plinkctl`: what a signal does is settled before anything is imported."""

from plinkctl.cli.signals import at_the_door


def main() -> None:
    """Run the command line and exit."""
    at_the_door()
    from plinkctl.cli.main import main as run  # noqa: PLC0415

    run()


if __name__ == "__main__":
    main()
