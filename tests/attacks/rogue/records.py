"""Records as a server sees them (lib/archive/FORMAT.md §2): headers in the clear, and any bytes where the seal would be."""
import hashlib
import os
import struct

DATA, NODE, ENVELOPE = 1, 2, 3
_FIXED = "<4sBBHII16s24s"
_ID = 32


def _record(kind, session, ids, sealed, counts=(), references=(), nonce=None):
    return (struct.pack(_FIXED, b"FKR1", 1, kind, len(ids), len(references), len(sealed), session, os.urandom(24) if nonce is None else nonce) + b"".join(ids)
            + struct.pack("<%dI" % len(counts), *counts) + b"".join(references) + sealed)


def envelope(session):
    identity = hashlib.sha256(b"farkeep/1/envelope" + session).digest()
    return _record(ENVELOPE, session, [identity], b"FKEV\x01\x01" + session + os.urandom(24 + 48), nonce=bytes(24))


def data(session, ids, size=64):
    return _record(DATA, session, ids, os.urandom(size))


def node(session, nodes, size=64):
    """`nodes`: (id, [ids that it refers to])"""
    return _record(NODE, session, [i for i, _ in nodes], os.urandom(size), [len(refs) for _, refs in nodes], [r for _, refs in nodes for r in refs])


class Record:
    """One of those that a server gave."""

    def __init__(self, raw):
        _, _, self.kind, count, references, sealed, self.session, _ = struct.unpack_from(_FIXED, raw)
        at = struct.calcsize(_FIXED)
        self.ids = [raw[at + _ID * i:at + _ID * (i + 1)] for i in range(count)]
        at += _ID * count + (4 * count if self.kind == NODE else 0)
        self.references = [raw[at + _ID * i:at + _ID * (i + 1)] for i in range(references)]
        self.size = at + _ID * references + sealed
        self.raw = raw[:self.size]


def split(records):
    out = []
    while records:
        out.append(Record(records))
        records = records[out[-1].size:]
    return out
