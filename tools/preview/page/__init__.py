# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The page's template, style and scripts, and the one file that they become with what there is to show."""

import base64
import gzip
import json
import re
from collections.abc import Mapping
from graphlib import TopologicalSorter
from pathlib import Path

from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

from tools.datadog.assets import Json
from tools.datadog.frames import Window
from tools.datadog.recording import Recording
from tools.preview.document import NOTICE, Monitors, document

PAGE = Path(__file__).parent
IMPORT = re.compile(r"^import \{[^}]+\} from '\./(\w+)\.js';\n", re.MULTILINE)
EXPORT = re.compile('^export ', re.MULTILINE)


def write(recording: Recording, window: Window, path: Path, notice: str = NOTICE, monitors: Monitors = None) -> None:
    path.write_text(page(document(recording, window, notice, monitors)), encoding='utf-8')


def page(shown: Json | None, folder: Path = PAGE) -> str:
    """The page, from its template, style and scripts, and with all that it shows: None if its server has that."""
    template, style = ((folder / name).read_text(encoding='utf-8') for name in ('page.html', 'page.css'))
    parts = {
        '/*style*/': style,
        '/*plotly*/': get_plotlyjs(),
        '/*script*/': joined({path.stem: path.read_text(encoding='utf-8') for path in folder.glob('*.js')}),
        '/*data*/': base64.b64encode(compressed(shown)).decode() if shown else '',
        '/*server*/': '' if shown else "; connect-src 'self'",
    }
    return re.sub('|'.join(map(re.escape, parts)), lambda match: parts[match[0]], template)


def compressed(shown: Json) -> bytes:
    """As the page reads it."""
    return gzip.compress(json.dumps(shown, allow_nan=False, separators=(',', ':')).encode(), mtime=0)


def joined(modules: Mapping[str, str]) -> str:
    """Modules, name -> source, as one: each after those that it imports; CycleError if there is no such order.

    They share one scope, so no two may declare the same name at their top.
    """
    imports = {name: sorted(IMPORT.findall(source)) for name, source in sorted(modules.items())}
    order = TopologicalSorter(imports).static_order()
    return '\n'.join(EXPORT.sub('', IMPORT.sub('', modules[name])) for name in order)
