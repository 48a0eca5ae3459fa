"""An agent without scruples: it has a key and a certificate, and nobody's root key."""
import base64
import hashlib
import os
import time

from .keys import Key, pem_of
from .protobuf import blob, fields, number, one, signed
from .records import data, envelope, node
from .wire import Connection, new_id, tls


def token_bytes(text):
    text = text.strip().replace("-", "").upper()
    return base64.b32decode(text + "=" * (-len(text) % 8))


def said_by(stored_snapshot):
    """The fields of the statement in a StoredSnapshot, of either format."""
    statement = fields(one(fields(one(fields(stored_snapshot), 1)), 1))
    return fields(one(statement, 11)) if one(statement, 1, 0) == 2 else statement


class Agent:
    def __init__(self, folder, account, agent, chain, key):
        self.account, self.agent, self.chain, self.key = account, agent, chain, key
        os.makedirs(folder, exist_ok=True)
        certificates = folder + "/chain.pem"
        with open(certificates, "w") as f:
            f.write("".join(pem_of(c) for c in chain))
        self.context = tls(certificates, key.path)
        self.sequence, self.previous = 0, b""

    @classmethod
    def register(cls, address, folder, token=None, name="rogue", more=b"", key=None):
        """`more`: further fields of the Register message."""
        os.makedirs(folder, exist_ok=True)
        key = key or Key.make(folder + "/key.pem")
        with Connection(address) as c:
            answer = fields(c.ask("register", (blob(1, token_bytes(token)) if token else b"") + blob(2, key.request()) + blob(3, name) + more))
        return cls(folder, one(answer, 1), one(answer, 2), answer[3], key)

    @classmethod
    def thief_of(cls, state, folder):
        """Whoever has read an agent's identity and private key, as ransomware on its machine does."""
        with open(state + "/identity", "rb") as f:
            identity = fields(f.read())
        return cls(folder, one(identity, 1), one(identity, 2), identity[4], Key(state + "/agent.key"))

    def connect(self, address, **how):
        c = Connection(address, self.context, **how)
        c.vault = fields(c.ask("open"))
        return c

    def manifest(self, root, session, sequence=None, previous=None, details=bytes(16), more=b""):
        """(SignedManifest, the snapshot's id)"""
        sequence = self.sequence + 1 if sequence is None else sequence
        previous = self.previous if previous is None else previous
        statement = (number(1, 1) + blob(2, self.account) + blob(3, self.agent) + number(4, sequence) + (blob(5, previous) if previous else b"") + blob(6, root)
                     + blob(7, session) + signed(8, time.time_ns()) + blob(9, os.urandom(24)) + blob(10, details) + more)
        signature = self.key.sign(b"farkeep/1/manifest" + statement)
        return blob(1, statement) + blob(2, signature) + b"".join(blob(3, c) for c in self.chain), hashlib.sha256(statement).digest()

    def put(self, c, records, count, wait=True):
        request = c.request("put", number(1, count), records)
        return c.reply(request) if wait else request

    def commit(self, c, manifest, digest):
        """The Committed message; the next manifest follows this one if it was."""
        answer = fields(c.ask("commit", blob(1, manifest)))
        if 1 in answer:
            self.sequence, self.previous = self.sequence + 1, digest
        return answer

    def snapshot(self, c, **how):
        """A snapshot of one chunk: (the answer, root, chunk)."""
        session, root, chunk = new_id(16), new_id(), new_id()
        self.put(c, envelope(session) + data(session, [chunk]) + node(session, [(root, [chunk])]), 3, wait=False)
        return self.commit(c, *self.manifest(root, session, **how)), root, chunk

