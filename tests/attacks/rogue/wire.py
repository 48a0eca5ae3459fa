"""TLS and frames (lib/wire/PROTOCOL.md §1, §2), spoken by hand: valid, or bent in any way."""
import os
import socket
import ssl
import struct
import time

from .protobuf import blob, fields, number, one, signed

PORT = 16384
VERBS = dict(hello=1, ping=2, bye=3, failure=4, register=10, renew=11, directory=12, report=13, open=20, have=21, put=22, commit=23, snapshots=24, get=25, add_slot=26,
             slots=27, join=40, registry=41, vaults=42)
NAMES = {v: k for k, v in VERBS.items()}
# lib/base/error.hpp, in order from 1
ERRORS = dict(enumerate(("malformed unsupported_version too_large damaged id_mismatch missing_object rollback fork identity unauthorised bad_token bad_secret unreachable disconnected "
                         "timed_out protocol busy quota no_space io usage configuration not_found exists cancelled incomplete proxy proxy_login command").split(), 1))
REPLY, MORE = 1, 2


class Refused(Exception):
    """The server answered with a failure."""

    def __init__(self, code, text):
        super().__init__("%s: %s" % (ERRORS.get(code, code), text))
        self.code = ERRORS.get(code, str(code))


def header(head_size, body_size, request, verb, flags=0, zero=0):
    return struct.pack("<IIIBBH", head_size, body_size, request, VERBS.get(verb, verb), flags, zero)


def frame(verb, head=b"", body=b"", request=1, flags=0):
    return header(len(head), len(body), request, verb, flags) + head + body


def tls(certificate=None, key=None):
    """A client that believes any server: it is the server that has to be careful here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["farkeep/1"])
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


class Connection:
    def __init__(self, address, context=None, timeout=20, hello=True):
        raw = socket.create_connection((address, PORT), timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = (context or tls()).wrap_socket(raw)
        self.numbers, self.buffer, self.kept = 0, b"", {}
        if hello:
            self.welcome = fields(self.ask("hello", number(1, 1) + number(2, 1) + blob(3, "rogue") + signed(4, time.time_ns())))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.stream.close()

    def send(self, data):
        self.stream.sendall(data)

    def request(self, verb, head=b"", body=b""):
        self.numbers += 1
        self.send(frame(verb, head, body, self.numbers))
        return self.numbers

    def receive(self, size):
        while len(self.buffer) < size:
            data = self.stream.recv(max(65536, size - len(self.buffer)))
            if not data:
                raise EOFError("the server ended the connection")
            self.buffer += data
        out, self.buffer = self.buffer[:size], self.buffer[size:]
        return out

    def frame(self):
        """(verb, flags, request, head, body); pings are answered."""
        while True:
            head_size, body_size, request, verb, flags, _ = struct.unpack("<IIIBBH", self.receive(16))
            head, body = self.receive(head_size), self.receive(body_size)
            if verb == VERBS["ping"] and not flags & REPLY:
                self.send(frame("ping", b"", body, request, REPLY))
                continue
            return NAMES.get(verb, verb), flags, request, head, body

    def reply(self, request):
        """(head, body, whether more follow) of the next frame of this answer.  Frames of other answers are kept for those who ask."""
        while True:
            waiting = self.kept.get(request)
            verb, flags, number_, head, body = waiting.pop(0) if waiting else self.frame()
            if number_ != request:
                self.kept.setdefault(number_, []).append((verb, flags, number_, head, body))
                continue
            if verb == "failure":
                message = fields(head)
                raise Refused(one(message, 1, 0), one(message, 2).decode(errors="replace"))
            if flags & MORE and not head and not body:
                continue  # a sign of life
            return head, body, bool(flags & MORE)

    def ask(self, verb, head=b"", body=b""):
        return self.reply(self.request(verb, head, body))[0]

    def get(self, ids, more=b""):
        """(records one behind the other, ids that are missing)"""
        request = self.request("get", blob(1, b"".join(ids)) + more)
        records = missing = b""
        while True:
            head, body, goes_on = self.reply(request)
            records += body
            missing += one(fields(head), 2)
            if not goes_on:
                return records, [missing[i:i + 32] for i in range(0, len(missing), 32)]

    def has(self, ids):
        bits = one(fields(self.ask("have", blob(1, b"".join(ids)))), 1)
        return [bool(bits[i // 8] >> i % 8 & 1) for i in range(len(ids))]

    def is_ended(self, seconds):
        """Whether the server ends the connection within so long, whatever it says before."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.stream.settimeout(max(0.05, end - time.monotonic()))
            try:
                if not self.stream.recv(65536):
                    return True
            except (TimeoutError, ssl.SSLWantReadError):
                continue
            except OSError:
                return True
        return False


def new_id(size=32):
    return os.urandom(size)
