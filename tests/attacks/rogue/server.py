"""Whoever has stolen a server's keys, in its place: TLS, hello, and for every verb whatever a test wants it to answer."""
import os
import socket
import ssl
import struct
import subprocess
import threading
import time

from .keys import Key, pem_of
from .protobuf import blob, number, signed
from .wire import NAMES, PORT, REPLY, VERBS, header


def _openssl(*arguments, data=None):
    return subprocess.run(["openssl", *arguments], input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True).stdout


def _certificates(raw):
    """The certificates in a file, whatever is around them: (DER, the name in it)."""
    out, at = [], 0
    while at < len(raw) - 4:
        if raw[at:at + 2] == b"\x30\x82":
            der = raw[at:at + 4 + struct.unpack(">H", raw[at + 2:at + 4])[0]]
            text = subprocess.run(["openssl", "x509", "-inform", "DER", "-noout", "-ext", "subjectAltName"], input=der, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.decode()
            if "farkeep:" in text:
                out.append((der, "farkeep:" + text.split("URI:farkeep:")[1].split(",")[0].strip()))
                at += len(der)
                continue
        at += 1
    return out


class Connection:
    """One of somebody who takes the server for the real one."""

    def __init__(self, stream):
        self.stream, self.reader = stream, stream.makefile("rb")

    def read(self):
        """The next request: its number, verb, name, head, body."""
        while True:
            head_size, body_size, request, verb, flags, _ = struct.unpack("<IIIBBH", self.reader.read(16))
            head, body = self.reader.read(head_size), self.reader.read(body_size)
            if not flags & REPLY:
                return request, verb, NAMES.get(verb, verb), head, body

    def reply(self, request, verb, head=b"", flags=REPLY, body=b""):
        self.stream.sendall(header(len(head), len(body), request, verb, flags) + head + body)

    def fail(self, request, code, why="not now"):
        self.reply(request, VERBS["failure"], number(1, code) + blob(2, why))


class Server:
    """`data`: the folder of a server that does not run.  `answers`: for each verb a function from the request's head to the answer's.  `lies`: for each
    verb a function of (connection, request number, verb number, head), which answers or not.  All else is refused."""

    def __init__(self, data, address, work):
        with open(data + "/identity/server", "rb") as f:
            found = _certificates(f.read())
        self.leaf, name = next(c for c in found if c[1].startswith("farkeep:server:"))
        self.issuing = next(c for c in found if c[1].startswith("farkeep:ca:"))[0]
        self.id = bytes.fromhex(name.split(":")[-1])
        self.key, self.issuing_key, self.work = Key(data + "/identity/server.key"), data + "/identity/issuing.key", work
        chain = work + "/rogue-server.pem"
        with open(chain, "w") as f:
            f.write(pem_of(self.leaf) + pem_of(self.issuing))
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(chain, self.key.path)
        self.context.set_alpn_protocols(["farkeep/1"])
        self.answers, self.lies, self.asked = {}, {}, []
        self.listening = socket.create_server((address, PORT))
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()

    def _accept(self):
        while True:
            try:
                raw, _ = self.listening.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(raw,), daemon=True).start()

    def _serve(self, raw):
        try:
            with self.context.wrap_socket(raw, server_side=True) as stream:
                connection = Connection(stream)
                while True:
                    request, verb, name, head, body = connection.read()
                    self.asked.append(name)
                    if name == "bye":
                        return
                    if name in self.lies:
                        self.lies[name](connection, request, verb, head)
                    elif name in self.answers:
                        connection.reply(request, verb, self.answers[name](head))
                    elif name == "hello":
                        connection.reply(request, verb, number(1, 1) + blob(2, "rogue") + blob(3, self.id) + signed(4, time.time_ns()))
                    elif name == "ping":
                        connection.reply(request, verb, body=body)
                    else:
                        self.otherwise(connection, request, verb, name, head)
        except (OSError, EOFError, ValueError, struct.error, ssl.SSLError):
            pass  # who asked has had enough

    def otherwise(self, connection, request, verb, name, head):
        connection.fail(request, 16)

    def certify(self, account, agent, key, days):
        """A chain for an agent by this server's own issuing key, as in an answer to `renew`."""
        ext, ca = self.work + "/rogue.ext", self.work + "/rogue-issuing.pem"
        with open(ext, "w") as f:
            f.write("subjectAltName=URI:farkeep:agent:%s:%s\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n"
                    "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n" % (account, agent))
        with open(ca, "w") as f:
            f.write(pem_of(self.issuing))
        der = _openssl("x509", "-req", "-inform", "DER", "-CA", ca, "-CAkey", self.issuing_key, "-set_serial", str(int.from_bytes(os.urandom(8), "big")), "-extfile", ext, "-days", str(days),
                       "-outform", "DER", data=key.request())
        return blob(1, der) + blob(1, self.issuing)

    def receipt(self, sequence, digest, pad=0):
        """A signed receipt; `pad` bytes of it are an unknown field."""
        inner = number(3, sequence) + blob(4, digest) + blob(5, self.id) + signed(6, time.time_ns()) + (blob(15, b"x" * pad) if pad else b"")
        return blob(1, inner) + blob(2, self.key.sign(b"farkeep/1/receipt" + inner)) + blob(3, self.leaf) + blob(3, self.issuing)
