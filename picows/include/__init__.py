"""Where extensions find what they are compiled with."""

import os.path


def get_include() -> str:
    """The folder of picows.h and picows_cpython.h, for a compiler's ``-I``.

    Cython needs no folder: it finds picows.pxd where picows is installed.
    """
    return os.path.dirname(os.path.abspath(__file__))
