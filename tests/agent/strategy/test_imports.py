"""Names an issue leaves unbound are imported from where the repository has them."""

from __future__ import annotations

from agent.strategy.imports import commonest

LINES = """import numpy as np
>>> import numpy as np
    import nimpy as np
from .core import np
from shop import total, last as final
In [3]: from shop import total
import os.path
import json, sys
from __future__ import annotations
this import np is prose
"""


def test_the_commonest_import_of_a_name_is_taken() -> None:
    assert commonest(LINES, ["np", "total", "final", "json", "os", "annotations", "nothing"]) == {
        "np": "import numpy as np",
        "total": "from shop import total",
        "final": "from shop import last as final",
        "json": "import json",
    }
