"""The local AWS: moto, taught how PrivateLink behaves, behind one HTTP door on loopback.

Nothing in the core imports this package; only `cli/sandbox/`, `cli/demo.py` and the tests do, inside functions.
Two switches of moto are read once, when moto is first imported, so they are set here, before any module of
the package can import it:

- no default machine images: loading them costs more than everything else at start, and nothing here boots a machine;
- no CORS answers: with them any web page could call the sandbox, whose functions really run code.
"""

import os

os.environ.setdefault("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
