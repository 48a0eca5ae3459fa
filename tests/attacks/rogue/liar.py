"""A server with a real server's key that answers as it is told, and as an empty vault where it is told nothing.  It listens where that one did."""
import os
import threading
import time

from .protobuf import blob, number
from .server import Server
from .wire import REPLY

MORE = 2


class Liar(Server):
    """`data`: the folder of the server whose name it bears.  `head`: number and id of the snapshot that it shows as its newest."""

    def __init__(self, data, address, folder, head):
        self.head = head
        super().__init__(data, address, folder)

    def otherwise(self, connection, request, verb, name, head):
        if name == "open":
            connection.reply(request, verb, number(1, self.head[0]) + blob(2, self.head[1]) + number(3, 100))
        elif name == "have":
            ids = len(head) // 32
            connection.reply(request, verb, blob(1, bytes((1 << min(8, ids - 8 * i)) - 1 for i in range((ids + 7) // 8))))
        elif name in ("put", "report", "snapshots"):
            connection.reply(request, verb)
        else:
            super().otherwise(connection, request, verb, name, head)


def fail(code):
    return lambda c, request, verb, head: c.fail(request, code, "because")


def garbage(c, request, verb, head):
    c.reply(request, verb, blob(1, os.urandom(40)) + blob(2, os.urandom(40)))


def cut(c, request, verb, head):
    c.stream.close()
    raise EOFError


def at_work(c, request, verb, head):
    """Signs of life, for ever."""
    def go_on():
        try:
            while True:
                c.reply(request, verb, flags=REPLY | MORE)
                time.sleep(2)
        except OSError:
            pass
    threading.Thread(target=go_on, daemon=True).start()
