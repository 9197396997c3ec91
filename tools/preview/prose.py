# (C) datadog-sagemaker-training authors 2026-present
# All rights reserved
# Licensed under a 3-clause BSD style license (see LICENSE)
"""The Markdown of notes, monitors and events, as the HTML that a page may show.

What users have written may be anywhere in it: none of their HTML stays, and no image, which would be fetched.
"""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from tools.datadog.assets import VARIABLE, Json, Verdict
from tools.datadog.notifications import notification


def note(text: str) -> str:
    """Of a widget. Its template variables become elements to fill in; links keep them as they are."""
    return NOTES.render(text)


def event(text: str) -> str:
    """Markdown only if it says so: https://docs.datadoghq.com/events/guides/dogstatsd/."""
    if text.startswith('%%%'):
        return MARKDOWN.render(text.removeprefix('%%%').removesuffix('%%%'))
    return f'<p>{escape(text)}</p>'


def message(definition: Json, group: Mapping[str, str], verdict: Verdict, at: float) -> str:
    """What a monitor would send that was triggered then."""
    return MARKDOWN.render(notification(definition, group, verdict, at))


def _markdown(**rules: Callable[..., str]) -> MarkdownIt:
    markdown = MarkdownIt('js-default').disable('image')
    for name, rule in ({'link_open': _link_open} | rules).items():
        markdown.add_render_rule(name, rule)
    return markdown


def _link_open(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    tokens[index].attrs |= {'target': '_blank', 'rel': 'noopener'}
    return self.renderToken(tokens, index, options, env)


def _text(self: RendererHTML, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    return VARIABLE.sub(r'<span data-var="\1"></span>', escape(tokens[index].content))


MARKDOWN = _markdown()
NOTES = _markdown(text=_text)
