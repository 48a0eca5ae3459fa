"""Protocol Buffers by hand: what the project's messages need, and every liberty that a library would not allow.

A message is written as the sum of its fields (`number(1, 7) + blob(2, b"x")`), and read as a dict from field number to the list of its values."""


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while True:
        low, n = n & 127, n >> 7
        out.append(low | (128 if n else 0))
        if not n:
            return bytes(out)


def number(field, value):
    """uint32, uint64, bool, enum"""
    return varint(field << 3) + varint(value)


def signed(field, value):
    """sint32, sint64"""
    return number(field, (value << 1) ^ (value >> 63))


def blob(field, value):
    """bytes, string, a message"""
    value = value.encode() if isinstance(value, str) else bytes(value)
    return varint(field << 3 | 2) + varint(len(value)) + value


def fields(data):
    out, at = {}, 0

    def read_varint():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n

    while at < len(data):
        key = read_varint()
        kind = key & 7
        if kind == 0:
            value = read_varint()
        elif kind == 2:
            size = read_varint()
            value, at = bytes(data[at:at + size]), at + size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, at = bytes(data[at:at + size]), at + size
        else:
            raise ValueError("wire type %d" % kind)
        out.setdefault(key >> 3, []).append(value)
    return out


def one(message, field, default=b""):
    """A message's field, or what it has when it is not there."""
    return message[field][0] if field in message else default
