"""A certificate authority for tests: trustme's, or the openssl program's.

For free-threaded CPython what trustme needs has no wheels.
"""

from __future__ import annotations

import ssl
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def make_authority() -> Any:
    if find_spec("trustme"):
        import trustme

        return trustme.CA()
    return Authority()


class Authority:
    """What the tests use of trustme.CA."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self.folder = Path(self._folder.name)
        self._issued = 0
        usage = ["-addext", "keyUsage=critical,keyCertSign"]
        self.make("req", "-x509", "-subj", "/CN=authority", *usage, name="ca")
        self.cert_pem = Written(self.folder / "ca.pem")

    def make(self, *arguments: str, name: str) -> tuple[Path, Path]:
        """A new key and what `openssl req` makes of it."""
        key, out = self.folder / f"{name}.key", self.folder / f"{name}.pem"
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        self.openssl(*arguments, *new_key, "-keyout", str(key), "-out", str(out))
        return key, out

    def openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)

    def configure_trust(self, context: ssl.SSLContext) -> None:
        context.load_verify_locations(self.folder / "ca.pem")

    def issue_cert(self, *names: str) -> Issued:
        self._issued += 1
        name = f"issued{self._issued}"
        key, request = self.make("req", "-subj", f"/CN={names[0]}", name=name)
        alternatives = [f"{'IP' if n[-1].isdigit() else 'DNS'}:{n}" for n in names]
        extensions = self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={','.join(alternatives)}\n")
        certificate = self.folder / f"{name}.crt"
        authority = ["-CA", str(self.folder / "ca.pem"), "-CAkey", str(self.folder / "ca.key")]
        files = ["-in", str(request), "-out", str(certificate), "-extfile", str(extensions)]
        self.openssl("x509", "-req", "-CAcreateserial", *authority, *files)
        return Issued(certificate, key)


class Written:
    """What the tests use of trustme.Blob."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write_to_path(self, path: Path, append: bool = False) -> None:
        with path.open("ab" if append else "wb") as file:
            file.write(self.path.read_bytes())


class Issued:
    def __init__(self, certificate: Path, key: Path) -> None:
        self.certificate = certificate
        self.key = key
        self.private_key_pem = Written(key)
        self.cert_chain_pems = [Written(certificate)]

    def configure_cert(self, context: ssl.SSLContext) -> None:
        context.load_cert_chain(self.certificate, self.key)
