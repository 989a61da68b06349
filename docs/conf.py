"""How Sphinx builds these pages; ``make docs`` runs it, and takes warnings for errors."""

from docutils import nodes
from pygments.lexers.special import TextLexer

import txsockjs

project = "txsockjs"
author = "The txsockjs developers"
copyright = author
version = release = txsockjs.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc"]
html_theme = "furo"  # light and dark, for desktops and phones
html_title = f"txsockjs {version}"
html_static_path = ["_static"]
html_css_files = ["fit.css"]
html_js_files = ["columns.js"]
html_show_copyright = False

# Headings can be linked to, as in page.md#a-heading.
myst_heading_anchors = 3

# In docstrings, single backticks are code.
default_role = "code"
autodoc_member_order = "bysource"
# Defaults as they stand in the source, not as objects print.
autodoc_preserve_defaults = True
# A class of txsockjs.tornado has the name of the one it stands for, so that the name alone, as in
# an annotation, has two targets.
suppress_warnings = ["ref.python"]


# Characters; longer code in a table breaks anywhere, shorter code does not (see fit.css).
LONG = 24


def mark_long_code(app, doctree, page):
    """Mark the code in tables that would make its column too wide."""
    for table in doctree.findall(nodes.table):
        for code in table.findall(nodes.literal):
            if any(len(word) > LONG for word in code.astext().split()):
                code["classes"].append("long")


def setup(app):
    """Take haproxy's configuration for text: Pygments does not know it."""
    app.add_lexer("haproxy", TextLexer)
    app.connect("doctree-resolved", mark_long_code)
