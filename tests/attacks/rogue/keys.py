"""Ed25519 by the openssl program: Python's standard library has none, and a test shall not need more than the lab does."""
import base64
import os
import subprocess


def _openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


class Key:
    """A private key in a PEM file."""

    def __init__(self, path):
        self.path = path

    @classmethod
    def make(cls, path):
        _openssl("genpkey", "-algorithm", "ed25519", "-out", path)
        return cls(path)

    def public(self):
        """The 32 bytes of the public key."""
        return _openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")[-32:]

    def sign(self, data):
        # pkeyutl wants the size of a raw input, so a file
        name = self.path + ".%d.tosign" % os.getpid()
        with open(name, "wb") as f:
            f.write(data)
        try:
            return _openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.path, "-in", name)
        finally:
            os.unlink(name)

    def request(self):
        """A certificate request, DER, that asks for no name: the server gives it."""
        return _openssl("req", "-new", "-key", self.path, "-subj", "/", "-outform", "DER")


def pem_of(der):
    text = base64.b64encode(der).decode()
    return "-----BEGIN CERTIFICATE-----\n" + "\n".join(text[i:i + 64] for i in range(0, len(text), 64)) + "\n-----END CERTIFICATE-----\n"
