from Cython.Build import cythonize
from setuptools import setup

# Cython finds picows.pxd where picows is installed.
setup(name="native_echo", ext_modules=cythonize("native_echo.pyx"))
