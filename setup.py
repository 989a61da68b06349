"""Say what goes into the distribution; everything else about it is in ``pyproject.toml``.

``twisted.plugins`` is listed although it is Twisted's own package: a plugin is one module put
beside Twisted's, so the folder here has no ``__init__`` and ships nothing but that module.
"""

import re
from pathlib import Path

from setuptools import find_packages, setup


def description():
    """Give the README for a package index, where links to files of the repository lead nowhere.

    They become the paths of the files, which the source distribution holds.
    """

    def shown(link):
        text, path = link.groups()
        return f"`{path}`" if text == path else f"{text} (`{path}`)"

    readme = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    told = re.sub(r"\[([^\]]+)\]\((?![a-z]+:|#)([^)#]+)(?:#[^)]*)?\)", shown, readme)
    return f"{told}\nThe files that are named here are in the source distribution.\n"


setup(
    long_description=description(),
    long_description_content_type="text/markdown",
    # Without this line an editable install goes through an import hook, and Twisted, which looks
    # for plugins in the folders of sys.path, would not see ours.
    package_dir={"": "."},
    packages=[*find_packages(include=["txsockjs", "txsockjs.*"]), "twisted.plugins"],
    package_data={"txsockjs": ["py.typed", "cli/demo/*", "admin/page/*", "script/*"]},
    include_package_data=False,
    zip_safe=False,
)
