"""Names an issue leaves unbound are imported from where the repository has them."""

from __future__ import annotations

from agent.strategy.guided.reproduce.imports import commonest, with_submodules

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


def test_modules_that_are_reached_through_a_package_are_imported() -> None:
    imports = {"pkg": "import pkg", "p": "import other.pkg as p", "f": "from pkg import f"}
    code = ["print(pkg.sub.deep.Thing(p.sub.x))\npkg.sub.other\npkg.g()", "f.sub.deep", "x.sub.deep", "broken("]
    modules = {"pkg", "pkg.sub", "pkg.sub.deep", "other.pkg.sub", "f.sub", "x.sub"}
    assert with_submodules(imports, code, modules) == {
        "pkg": "import pkg\nimport pkg.sub.deep\nimport pkg.sub",
        "p": "import other.pkg as p\nimport other.pkg.sub",
        "f": "from pkg import f",
    }
