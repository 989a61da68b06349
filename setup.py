"""Say what goes into the distribution; everything else about it is in ``pyproject.toml``.

``twisted.plugins`` is listed although it is Twisted's own package: a plugin is one module put
beside Twisted's, so the folder here has no ``__init__`` and ships nothing but that module.
"""

from setuptools import find_packages, setup

setup(
    # Without this line an editable install goes through an import hook, and Twisted, which looks
    # for plugins in the folders of sys.path, would not see ours.
    package_dir={"": "."},
    packages=[*find_packages(include=["txsockjs", "txsockjs.*"]), "twisted.plugins"],
    package_data={"txsockjs": ["py.typed", "demo/*"]},
    include_package_data=False,
    zip_safe=False,
)
