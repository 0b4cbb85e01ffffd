"""plinkctl connects two AWS accounts with AWS PrivateLink, proves the connection and takes it away."""

from importlib.metadata import version

__version__ = version("plinkctl")
