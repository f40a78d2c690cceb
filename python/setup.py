"""Builds the library with the Swift toolchain and puts it into the package; everything else is in pyproject.toml."""

import pathlib
import subprocess

from setuptools import setup
from setuptools.command.bdist_wheel import bdist_wheel
from setuptools.command.build_py import build_py

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


class BuildWithLibrary(build_py):
    def run(self):
        super().run()
        target = pathlib.Path(self.build_lib) / "latent_attention" / "libLatentAttentionC.so"
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([REPOSITORY / "Scripts" / "build-library", target], check=True)


class PlatformWheel(bdist_wheel):
    """A wheel for any Python 3 on this platform: the library is loaded by ctypes, not linked to Python."""

    def finalize_options(self):
        super().finalize_options()
        self.root_is_pure = False

    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


setup(cmdclass={"build_py": BuildWithLibrary, "bdist_wheel": PlatformWheel})
