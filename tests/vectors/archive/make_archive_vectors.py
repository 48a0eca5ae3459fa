#!/usr/bin/env python3
"""A second implementation of lib/archive/FORMAT.md, that writes the vectors beside it.

The C++ code must read what this writes, and where a file is called <case>.ok.txt it must write the same bytes too (with a
random generator that counts 00, 01, 02 ... and compression off).  <case>.<outcome>.txt: outcome is ok or the error that
the reader must give.  Protocol Buffers and zstd frames are made by hand here.
Needs python3-cryptography; run by hand when FORMAT.md changes, never by the build.
"""
import datetime
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "crypto"))
from make_vectors import ACCOUNT, AGENT, RAND32, ROOT, SESSION, SESSION_KEY, hkdf, hmac256, sha256, xaes  # noqa: E402

from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: E402
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID  # noqa: E402

ID_DATA = hkdf(ROOT, b"", b"farkeep/1/id/data", 32)
ID_NODE = hkdf(ROOT, b"", b"farkeep/1/id/node", 32)
NONCE_KEY = hkdf(ROOT, b"", b"farkeep/1/nonce", 32)
BIND_KEY = hkdf(ROOT, b"", b"farkeep/2/statement", 32)
SERIES_KEY = hkdf(ROOT, b"", b"farkeep/2/series", 32)
DATA, NODE, ENVELOPE = 1, 2, 3
REF1, REF2, REF3 = (bytes([n]) * 32 for n in (0xA1, 0xA2, 0xA3))


def write(folder, name, **fields):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    with open(os.path.join(HERE, folder, name + ".txt"), "w") as f:
        for key, value in fields.items():
            f.write(f"{key}: {value.hex() if isinstance(value, bytes) else value}\n")


# ---- records

def padme(n):
    if n < 2:
        return n
    e = n.bit_length() - 1
    low = e - e.bit_length()
    return (n + (1 << low) - 1) >> low << low


def data_id(plain):
    return hmac256(ID_DATA, plain)


def node_id(message, refs):
    return hmac256(ID_NODE, struct.pack("<I", len(message)), message, *refs)


def zstd_frame(blocks, size):
    """Raw blocks (bytes) and run-length blocks ((byte, count)), with the content size that the frame claims."""
    out = b"\x28\xb5\x2f\xfd" + bytes([0xA0]) + struct.pack("<I", size)
    for i, block in enumerate(blocks):
        last = i + 1 == len(blocks)
        kind, length, body = (0, len(block), block) if isinstance(block, bytes) else (1, block[1], bytes([block[0]]))
        out += struct.pack("<I", last | kind << 1 | length << 3)[:3] + body
    return out


def payload(objects, codec=0, body=None, plain_size=None, zero=bytes(3), pad=None, lengths=None):
    body = b"".join(objects) if body is None else body
    plain_size = sum(map(len, objects)) if plain_size is None else plain_size
    out = bytes([codec]) + zero + struct.pack("<II", len(body), plain_size)
    out += b"".join(struct.pack("<I", n) for n in (lengths or map(len, objects))) + body
    return out + (bytes(padme(len(out)) - len(out)) if pad is None else pad)


def record(kind, ids, inside, refs=None, suite=1, magic=b"FKR1", key=SESSION_KEY, account=ACCOUNT):
    """`refs`: for nodes, the references of each."""
    flat = [r for each in refs or [] for r in each]
    head = magic + bytes([suite, kind]) + struct.pack("<HII", len(ids), len(flat), len(inside) + 16) + SESSION
    tail = b"".join(ids)
    if kind == NODE:
        tail += b"".join(struct.pack("<I", len(each)) for each in refs) + b"".join(flat)
    # The compressor's level and version are hedged as well: level off (3), and what the reader does not check.
    parts = (head, tail, bytes([inside[0], 3]), ZSTD_VERSION)
    nonce = hmac256(NONCE_KEY, RAND32, *[struct.pack("<Q", len(p)) + p for p in parts])[:24]
    header = head + nonce + tail
    return header + xaes(key, nonce, header + account + AGENT, inside)


ZSTD_VERSION = struct.pack("<I", 10504)


def records():
    def put(name, data, **fields):
        write("record", name, record=data, **fields)

    one, two = b"a chunk of text", bytes(range(100))
    ids = [data_id(one), data_id(two)]
    put("chunks.ok", record(DATA, ids, payload([one, two])), object_0=one, object_1=two)
    message, refs = b"not parsed here", [REF1, REF2]
    put("nodes.ok", record(NODE, [node_id(b"", []), node_id(message, refs)], payload([b"", message]), [[], refs]),
        object_0=b"", object_1=message)

    long = b"x" * 70000
    packed = zstd_frame([b"x" * 4464, (ord("x"), 65536)], len(long))
    put("packed.read", record(DATA, [data_id(long)], payload([long], codec=1, body=packed)), object_0=long)

    # Sizes inside the seal
    put("padding_not_zero.malformed", record(DATA, [data_id(two)], payload([two])[:-1] + b"\x01"))
    put("no_padding.malformed", record(DATA, [data_id(two)], payload([two], pad=b"")))
    put("too_much_padding.malformed", record(DATA, [data_id(two)], payload([two], pad=bytes(40))))
    put("zero_bytes_not_zero.malformed", record(DATA, [data_id(two)], payload([two], zero=b"\0\1\0")))
    put("codec_2.unsupported_version", record(DATA, [data_id(two)], payload([two], codec=2)))
    put("lengths_do_not_add_up.malformed", record(DATA, ids, payload([one, two], lengths=[15, 99])))
    put("lengths_add_up_modulo_2_32.malformed",
        record(NODE, ids, payload([one, two], lengths=[0xffffffff, 116]), [[], []]))
    put("empty_chunk.malformed", record(DATA, [data_id(b""), data_id(one)], payload([b"", one])))
    put("stored_size_differs.malformed", record(DATA, [data_id(two)], payload([two], plain_size=99, lengths=[99])))
    large = b"y" * 524289
    frame = zstd_frame([(ord("y"), 131072)] * 4 + [b"y"], len(large))
    put("chunk_of_512_KiB_and_one.too_large", record(DATA, [data_id(large)], payload([large], codec=1, body=frame)))
    put("shorter_than_its_lengths.malformed", record(DATA, ids * 10, payload([one], lengths=[15])))

    # Compression
    bomb = zstd_frame([(0, 131072)] * 64, 8 << 20)
    put("bomb_beyond_its_plain_size.malformed",
        record(DATA, [data_id(bytes(1000))], payload([bytes(1000)], codec=1, body=bomb)))
    put("bomb_within_its_plain_size.too_large",
        record(DATA, [data_id(bytes(1000))], payload([], codec=1, body=bomb, plain_size=8 << 20, lengths=[8 << 20])))
    put("unpacks_to_less.malformed",
        record(DATA, [data_id(long)], payload([long], codec=1, body=zstd_frame([b"x" * 10], 10))))
    put("not_zstd.malformed", record(DATA, [data_id(long)], payload([long], codec=1, body=b"rubbish")))

    # What the ids say
    put("other_content.id_mismatch", record(DATA, [data_id(two)], payload([one])))
    put("chunk_called_node.id_mismatch", record(NODE, [data_id(one)], payload([one]), [[]]))
    put("references_exchanged.id_mismatch",
        record(NODE, [node_id(message, refs)], payload([message]), [[REF2, REF1]]))
    put("reference_moved_to_the_next_node.id_mismatch",
        record(NODE, [node_id(message, refs), node_id(message, [])], payload([message, message]), [[REF1], [REF2]]))

    # Outside
    good = record(DATA, [data_id(two)], payload([two]))
    put("other_session_key.damaged", record(DATA, [data_id(two)], payload([two]), key=bytes(32)))
    put("other_account.damaged", record(DATA, [data_id(two)], payload([two]), account=bytes(16)))
    put("tag_changed.damaged", good[:-1] + bytes([good[-1] ^ 1]))
    put("id_changed.damaged", good[:56] + bytes([good[56] ^ 1]) + good[57:])
    put("magic.malformed", record(DATA, [data_id(two)], payload([two]), magic=b"FKR2"))
    put("suite_2.unsupported_version", record(DATA, [data_id(two)], payload([two]), suite=2))
    put("type_4.unsupported_version", record(4, [data_id(two)], payload([two])))
    put("cut_short.malformed", good[:-1])
    put("one_byte_more.malformed", good + b"\0")
    put("nothing.malformed", b"")


# ---- Protocol Buffers, by hand

def varint(n):
    n &= 2**64 - 1
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def zigzag(n):
    return varint(n << 1 ^ n >> 63)


def field(number, value):
    """Numbers, bytes, and packed columns (tuples); zero and empty are left out, as proto3 does."""
    if isinstance(value, tuple):
        value = b"".join(value)
        return varint(number << 3 | 2) + varint(len(value)) + value if value else b""
    if isinstance(value, bytes):
        return varint(number << 3 | 2) + varint(len(value)) + value if value else b""
    return varint(number << 3) + varint(value) if value else b""


def column(number, values):
    return field(number, tuple(varint(v) for v in values))


def signed_column(number, values):
    return field(number, tuple(zigzag(v) for v in values))


def element(number, value):
    """Of a repeated field of bytes or messages: written even when empty."""
    return varint(number << 3 | 2) + varint(len(value)) + value


# ---- nodes

def leaf(**changes):
    """etc (folder), etc/fstab (one chunk), etc/motd (inline), etc/mtab (symlink), etc/vast (two lists)."""
    c = dict(shared=[0, 3, 4, 5, 4], suffix=[3, 6, 4, 3, 4], names=b"etc" b"/fstab" b"motd" b"tab" b"vast",
             kinds=bytes([2, 1, 1, 3, 1]), modes=[0o755, 0o644, 0o644, 0o777, 0o600], owner=[0, 0, 1, 0, 0],
             mtime=[1700000000, 5, -1700000006, 1700000001, 0], mtime_ns=[0, 123456789, 999999999, 0, 1],
             size=[1000, 5, 2**40], ctime=[1700000005, 1, -1], ctime_ns=[1, 2, 3], inode=[77, 1, -8],
             chunks=[1, 0, 2], chunk_size=[2**40 - 9], inline=b"hello")
    c.update(changes)
    out = column(2, c["shared"]) + column(3, c["suffix"]) + field(4, c["names"]) + field(5, c["kinds"])
    out += column(6, c["modes"]) + column(7, c["owner"])
    out += element(8, field(3, b"root") + field(4, b"root"))
    out += element(8, field(1, 1000) + field(2, 100) + field(3, b"ann") + field(4, b"users"))
    out += signed_column(9, c["mtime"]) + column(10, c["mtime_ns"]) + column(11, c["size"])
    out += signed_column(12, c["ctime"]) + column(13, c["ctime_ns"]) + signed_column(14, c["inode"])
    out += column(15, c["chunks"]) + column(16, c["chunk_size"]) + field(17, c["inline"])
    out += element(18, field(1, 1) + element(5, field(1, b"user.note") + field(2, b"\xff")) + field(6, 5))
    out += element(18, field(1, 3) + field(2, b"/proc/mounts"))
    out += element(18, field(1, 4) + field(9, 1) + field(10, 2))
    return out


def inner(level=1, paths=(b"etc/passwd", b"var"), entries=(10, 20), content=(4096, 2**50), more=b""):
    out = field(1, level) + b"".join(element(32, p) for p in paths)
    return out + column(33, entries) + column(34, content) + more


def chunk_list(level=0x80, sizes=(65536, 524288, 1)):
    return field(1, level) + column(40, sizes)


def nodes():
    def put(name, message, refs):
        write("node", name, message=message, refs=b"".join(refs), id=node_id(message, refs))

    three = [REF1, REF2, REF3]
    put("leaf.ok", leaf(), three)
    put("empty.ok", b"", [])
    put("inner.ok", inner(), three[:2])
    put("list.ok", chunk_list(), three)
    put("list_of_lists.ok", chunk_list(0x81, (2**33, 2**50, 7)), three)

    put("leaf_without_a_mode.malformed", leaf(modes=[0o755] * 4), three)
    put("leaf_mode_with_file_type.malformed", leaf(modes=[0o755, 0o100644, 0, 0, 0]), three)
    put("leaf_kind_9.malformed", leaf(kinds=bytes([2, 1, 1, 9, 1])), three)
    put("leaf_path_out_of_order.malformed", leaf(names=b"etc" b"/fstab" b"aotd" b"tab" b"vast"), three)
    put("leaf_path_absolute.malformed", leaf(names=b"/tc" b"/fstab" b"motd" b"tab" b"vast"), three)
    put("leaf_path_with_nul.malformed", leaf(names=b"etc" b"/fs\0ab" b"motd" b"tab" b"vast"), three)
    put("leaf_names_left_over.malformed", leaf(names=b"etc" b"/fstab" b"motd" b"tab" b"vastx"), three)
    put("leaf_shares_more_than_there_is.malformed", leaf(shared=[1, 3, 4, 5, 4], suffix=[2, 6, 4, 3, 4]), three)
    put("leaf_owner_not_there.malformed", leaf(owner=[0, 0, 2, 0, 0]), three)
    put("leaf_reference_too_few.malformed", leaf(), three[:2])
    put("leaf_reference_too_many.malformed", leaf(), three + [REF1])
    put("leaf_sizes_beyond_content.malformed", leaf(chunk_size=[2**40 + 1]), three)
    put("leaf_chunk_beyond_512_KiB.too_large", leaf(size=[524289, 5, 2**40]), three)
    put("leaf_inline_too_short.malformed", leaf(inline=b"hell"), three)
    put("leaf_inline_97.malformed", leaf(size=[1000, 97, 2**40], inline=b"h" * 97), three)
    put("leaf_seconds_overflow.malformed", leaf(mtime=[2**62, 2**62, 0, 0, 0]), three)
    put("leaf_extra_for_nobody.malformed", leaf() + element(18, field(1, 5)), three)
    put("leaf_cut_off.malformed", leaf()[:-1], three)
    put("leaf_not_protobuf.malformed", b"\xff" * 20, [])
    put("inner_out_of_order.malformed", inner(paths=(b"var", b"etc/passwd")), three[:2])
    put("inner_last_path_twice.malformed", inner(paths=(b"var", b"var")), three[:2])
    put("inner_count_missing.malformed", inner(entries=(10,)), three[:2])
    put("inner_without_children.malformed", inner(paths=(), entries=(), content=()), [])
    put("inner_with_list.malformed", inner(more=column(40, (1, 1))), three[:2])
    put("level_16.unsupported_version", inner(level=16), three[:2])
    put("level_0x88.unsupported_version", chunk_list(0x88), three)
    put("list_size_zero.malformed", chunk_list(sizes=(65536, 0, 1)), three)
    put("list_size_missing.malformed", chunk_list(sizes=(65536, 1)), three)
    put("list_chunk_beyond_512_KiB.too_large", chunk_list(sizes=(65536, 524289, 1)), three)


# ---- manifests

NOW = 1_800_000_000
ROOT_KEY, AGENT_KEY, OTHER_KEY = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (0xC1, 0xC2, 0xC3))


def certificate(subject, uri, key, issuer=None, ca=False):
    from_time = lambda s: datetime.datetime.fromtimestamp(s, datetime.timezone.utc)
    name = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    signer = ROOT_KEY
    b = x509.CertificateBuilder().subject_name(name(subject)).issuer_name(issuer.subject if issuer else name(subject))
    b = b.public_key(key.public_key()).serial_number(0x1234567890).not_valid_before(from_time(NOW - 3600))
    b = b.not_valid_after(from_time(NOW + 10 * 365 * 86400))
    b = b.add_extension(x509.BasicConstraints(ca, None), True)
    b = b.add_extension(x509.KeyUsage(not ca, False, False, False, False, ca, ca, False, False), True)
    b = b.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    b = b.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
    b = b.add_extension(x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)]), False)
    if not ca:
        b = b.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), False)
    return b.sign(signer, None)


def der(c):
    return c.public_bytes(serialization.Encoding.DER)


def details():
    out = field(1, b"daily") + field(2, b"web1") + element(3, b"/etc") + element(3, b"/srv/\xff") + element(4, b"first")
    out += varint(5 << 3) + zigzag(NOW * 10**9) + varint(6 << 3) + zigzag(NOW * 10**9 + 5)
    out += field(7, 1000) + field(8, 100) + field(9, 10) + field(10, 2**40) + field(11, 12345) + field(12, 1) + field(13, 2)
    return out + field(14, b"farkeep 0.1.0") + element(15, field(1, b"/etc/shadow") + field(2, b"permission denied"))


def statement(sequence=2, form=1, previous=b"\x11" * 32, account=ACCOUNT, plain=None, aad_sequence=None, label=b"farkeep/1/details"):
    aad = label + account + AGENT + struct.pack("<Q", aad_sequence or sequence)
    plain = details() if plain is None else plain
    parts = (label, account, AGENT, struct.pack("<Q", sequence), plain)
    nonce = hmac256(NONCE_KEY, RAND32, *[struct.pack("<Q", len(p)) + p for p in parts])[:24]
    out = field(1, form) + field(2, account) + field(3, AGENT) + field(4, sequence) + field(5, previous)
    out += field(6, REF1) + field(7, SESSION) + varint(8 << 3) + zigzag(NOW * 10**9 + 7)
    return out + field(9, nonce) + field(10, xaes(SESSION_KEY, nonce, aad, plain))


def body(sequence=2, previous=b"\x11" * 32, root=REF1, label=b"farkeep/2/details", series=None, plain=None, more=b""):
    plain = details() if plain is None else plain
    parts = (label, ACCOUNT, AGENT, struct.pack("<Q", sequence), plain)
    nonce = hmac256(NONCE_KEY, RAND32, *[struct.pack("<Q", len(p)) + p for p in parts])[:24]
    series = hmac256(SERIES_KEY, b"daily")[:16] if series is None else series
    out = field(2, ACCOUNT) + field(3, AGENT) + field(4, sequence) + field(5, previous) + field(6, root) + field(7, SESSION)
    out += varint(8 << 3) + zigzag(NOW * 10**9 + 7) + field(9, nonce)
    return out + field(10, xaes(SESSION_KEY, nonce, b"".join(parts[:4]), plain)) + field(11, series) + more


def bound(b, form=2, key=BIND_KEY, label=b"farkeep/2/binding", binding=None, before=b"", more=b""):
    binding = hmac256(key, label, b) if binding is None else binding
    return field(1, form) + before + field(11, b) + field(12, binding) + more


def manifests():
    root = certificate("root", "farkeep:ca", ROOT_KEY, ca=True)
    agent = certificate("agent", f"farkeep:agent:{ACCOUNT.hex()}:{AGENT.hex()}", AGENT_KEY, root)

    def put(name, s, key=AGENT_KEY, label=b"farkeep/1/manifest", chain=(agent,), signature=None):
        signature = key.sign(label + s) if signature is None else signature
        m = field(1, s) + field(2, signature) + b"".join(element(3, der(c)) for c in chain)
        write("manifest", name, manifest=m, root=der(root), at=str(NOW), snapshot=sha256(s))

    put("second.ok", statement())
    put("first.ok", statement(sequence=1, previous=b""))
    put("other_key.identity", statement(), key=OTHER_KEY)
    put("other_label.identity", statement(), label=b"farkeep/1/receipt")
    put("other_account.identity", statement(account=bytes(16)))
    put("root_as_signer.identity", statement(), key=ROOT_KEY, chain=(root,))
    put("details_of_another_number.damaged", statement(aad_sequence=3))
    put("details_not_protobuf.malformed", statement(plain=b"\xff\xff"))
    put("too_many_problems.too_large", statement(plain=details() + element(15, b"") * 100))
    put("format_3.unsupported_version", bound(body(), form=3))
    put("first_with_a_predecessor.malformed", statement(sequence=1))
    put("second_without_one.malformed", statement(previous=b""))
    put("number_zero.malformed", statement(sequence=0))
    put("short_signature.malformed", statement(), signature=bytes(63))
    put("no_certificate.malformed", statement(), chain=())
    put("no_statement.malformed", b"")
    put("nine_certificates.too_large", statement(), chain=(agent,) * 9)

    second = b"farkeep/2/manifest"
    put("bound_second.ok", bound(body()), label=second)
    put("bound_first.ok", bound(body(sequence=1, previous=b"")), label=second)
    put("bound_last_number.ok", bound(body(sequence=2**64 - 1)), label=second)
    put("bound_signed_as_format_1.identity", bound(body()))
    put("bound_root_exchanged.unbound", bound(body(root=REF2), binding=hmac256(BIND_KEY, b"farkeep/2/binding", body())), label=second)
    put("bound_by_another_key.unbound", bound(body(), key=NONCE_KEY), label=second)
    put("bound_under_another_label.unbound", bound(body(), label=second), label=second)
    put("bound_details_of_format_1.damaged", bound(body(label=b"farkeep/1/details")), label=second)
    put("details_of_format_2.damaged", statement(label=b"farkeep/2/details"))
    put("bound_binding_of_31_bytes.malformed", bound(body(), binding=bytes(31)), label=second)
    put("bound_without_binding.malformed", field(1, 2) + field(11, body()), label=second)
    put("bound_series_of_15_bytes.malformed", bound(body(series=bytes(15))), label=second)
    put("bound_without_series.malformed", bound(body(series=b"")), label=second)
    put("bound_and_a_root_outside.malformed", bound(body(), before=field(6, REF1)), label=second)
    put("bound_without_body.malformed", field(1, 2) + field(12, bytes(32)), label=second)
    put("bound_number_zero.malformed", bound(body(sequence=0)), label=second)
    put("format_1_with_a_body.malformed", statement() + field(11, body()))
    put("format_1_with_a_binding.malformed", statement() + field(12, bytes(32)))


if __name__ == "__main__":
    records()
    nodes()
    manifests()
