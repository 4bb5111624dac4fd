"""``python -m tests.client``, which is `make client`: write the client's generated modules."""

import tempfile
from pathlib import Path

from tests.client import generator

api = generator.document()
with tempfile.TemporaryDirectory() as folder:
    generator.MODELS.write_text(generator.models(api, Path(folder)))
    generator.OPERATIONS.write_text(generator.operations(api, Path(folder)))
