from setuptools import Extension, setup

import picows

echo = Extension("native_echo", ["native_echo.c"], include_dirs=[picows.get_include()])
setup(name="native_echo", ext_modules=[echo])
