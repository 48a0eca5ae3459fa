#!/usr/bin/env python3
"""A second implementation of lib/crypto/KEYS.md, with Python's own libraries, that writes the vectors beside it.

The C++ code must read what this writes, and must write the same bytes when its random generator counts 00, 01, 02 ...
A file is named <case>.<outcome>.txt; the outcome is ok or the error that the reader must give.
Needs python3-cryptography (for AES, X25519); run by hand when KEYS.md changes, never by the build.
"""
import base64
import hashlib
import hmac
import os
import struct
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = bytes(range(0x00, 0x20))
ACCOUNT = bytes(range(0x20, 0x30))
AGENT = bytes(range(0x30, 0x40))
SESSION_KEY = bytes(range(0x40, 0x60))
SESSION = bytes(range(0x60, 0x70))
RAND32 = bytes(range(0x00, 0x20))  # what a counting generator gives first
PRIVATE = bytes(range(0x80, 0xa0))  # of the organisation, or of the write-only agent's owner
OTHER_PRIVATE = bytes(range(0xa0, 0xc0))
PASSPHRASE = b"correct horse battery staple"


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def hmac256(key, *parts):
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


def hkdf(key, salt, info, size):
    prk = hmac256(salt or bytes(32), key)
    out = t = b""
    for i in range(1, 255):
        if len(out) >= size:
            return out[:size]
        t = hmac256(prk, t, info, bytes([i]))
        out += t


def hedge(key, *parts):
    return hmac256(key, RAND32, *[struct.pack("<Q", len(p)) + p for p in parts])


def hedge_key(secret):
    return hkdf(secret, b"", b"farkeep/1/hedge", 32)


def gcm(key, nonce, aad, plain):
    return AESGCM(key).encrypt(nonce, plain, aad)


def xaes(key, nonce, aad, plain):
    ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    l = int.from_bytes(ecb.update(bytes(16)), "big")
    k1 = (l << 1) & (2**128 - 1)
    if l >> 127:
        k1 ^= 0x87
    derived = b""
    for counter in (1, 2):
        m = bytes([0, counter, ord("X"), 0]) + nonce[:12]
        derived += ecb.update((int.from_bytes(m, "big") ^ k1).to_bytes(16, "big"))
    return gcm(derived, nonce[12:], aad, plain)


def public(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def agree(private, peer):
    return X25519PrivateKey.from_private_bytes(private).exchange(X25519PublicKey.from_public_bytes(peer))


def checksum(slot):
    return sha256(b"farkeep/1/slot", slot)[:8]


def tail(head_body, keys, root=ROOT):
    kek, kcom = keys[:32], keys[32:]
    out = head_body + gcm(kek, bytes(12), head_body, root)
    out += hmac256(kcom, out)
    return out + checksum(out)


def passphrase_slot(n=1 << 16, r=8, p=1, version=1, kind=1, really=None, root=ROOT):
    """`really` is the cost that the keys are made at, where the one written is beyond what may be computed."""
    cost = struct.pack("<QII", n, r, p)
    salt = hedge(hedge_key(ROOT), b"slot/passphrase", cost)
    n, r, p = really or (n, r, p)
    stretched = hashlib.scrypt(PASSPHRASE, salt=salt, n=n, r=r, p=p, maxmem=1 << 30, dklen=64)
    keys = hkdf(stretched, b"", b"farkeep/1/slot/passphrase", 64)
    return tail(b"FKSL" + bytes([version, kind]) + cost + salt, keys, root)


def escrow_slot(root=ROOT):
    to = public(PRIVATE)
    ephemeral = hedge(hedge_key(ROOT), b"slot/escrow", to)
    ends = public(ephemeral) + to
    keys = hkdf(agree(ephemeral, to), ends, b"farkeep/1/slot/escrow", 64)
    return tail(b"FKSL\1\2" + ends, keys, root)


def wrap_envelope(kind=1, version=1):
    wrap = hkdf(ROOT, b"", b"farkeep/1/wrap", 32)
    head = b"FKEV" + bytes([version, kind]) + SESSION
    nonce = hedge(hedge_key(wrap), SESSION, SESSION_KEY)[:24]
    return head + nonce + xaes(wrap, nonce, head, SESSION_KEY)


def x25519_envelope():
    to = public(PRIVATE)
    ephemeral = hedge(hedge_key(SESSION_KEY), b"envelope", to, SESSION)
    ends = public(ephemeral) + to
    head = b"FKEV\1\2" + SESSION + ends
    key = hkdf(agree(ephemeral, to), ends, b"farkeep/1/envelope/x25519", 32)
    return head + gcm(key, bytes(12), head, SESSION_KEY)


def recovery(version=1, root=ROOT):
    raw = bytes([version]) + root + ACCOUNT + AGENT
    raw += sha256(b"farkeep/1/recovery", raw)[:10]
    letters = base64.b32encode(raw).decode()
    return "-".join(letters[i:i + 5] for i in range(0, len(letters), 5))


def key_file(version=2, root=ROOT):
    head = b"FKRK" + bytes([version]) + ACCOUNT + AGENT
    return head + root + hmac256(hkdf(root, b"", b"farkeep/1/check", 32), head)


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def rechecked(slot):
    """A slot changed by somebody who knows how the checksum is made."""
    return slot[:-8] + checksum(slot[:-8])


def write(folder, name, **fields):
    os.makedirs(os.path.join(HERE, folder), exist_ok=True)
    with open(os.path.join(HERE, folder, name + ".txt"), "w") as f:
        for key, value in fields.items():
            f.write(f"{key}: {value.hex() if isinstance(value, bytes) else value}\n")


def main():
    good = passphrase_slot()
    phrase = PASSPHRASE.decode()

    def slot(name, data, passphrase=phrase):
        write("slot", name, slot=data, passphrase=passphrase, root=ROOT)

    slot("passphrase.ok", good)
    slot("passphrase_wrong.bad_secret", good, "correct horse battery stable")
    slot("flipped_byte.damaged", flipped(good, 60))
    slot("salt_changed_with_checksum.bad_secret", rechecked(flipped(good, 30)))
    slot("sealed_changed_with_checksum.bad_secret", rechecked(flipped(good, 60)))
    slot("commitment_changed_with_checksum.bad_secret", rechecked(flipped(good, 110)))
    slot("cut_short.damaged", good[:-1])
    slot("cut_to_nothing.malformed", good[:10])
    slot("one_byte_more.malformed", rechecked(good[:-8] + bytes(1 + 8)))
    slot("other_magic.malformed", rechecked(b"FKSX" + good[4:]))
    slot("version_2.unsupported_version", passphrase_slot(version=2))
    slot("kind_3.unsupported_version", passphrase_slot(kind=3))
    slot("n_below_floor.malformed", passphrase_slot(n=1 << 15))
    slot("r_below_floor.malformed", passphrase_slot(r=4))
    slot("p_zero.malformed", passphrase_slot(p=0, really=(1 << 16, 8, 1)))
    slot("n_no_power_of_two.malformed", passphrase_slot(n=100000, really=(1 << 16, 8, 1)))
    slot("n_above_ceiling.too_large", passphrase_slot(n=1 << 20, really=(1 << 16, 8, 1)))
    slot("n_overflows.too_large", passphrase_slot(n=1 << 60, really=(1 << 16, 8, 1)))
    slot("r_above_ceiling.too_large", passphrase_slot(r=1 << 30, really=(1 << 16, 8, 1)))
    slot("p_above_ceiling.too_large", passphrase_slot(p=5, really=(1 << 16, 8, 1)))

    slot("key_of_zeros.damaged", passphrase_slot(root=bytes(32)))

    escrow = escrow_slot()

    def escrowed(name, data, private=PRIVATE):
        write("slot", name, slot=data, private=private, root=ROOT)

    escrowed("escrow.ok", escrow)
    escrowed("escrow_other_key.bad_secret", escrow, OTHER_PRIVATE)
    escrowed("escrow_to_passphrase_slot.bad_secret", good)
    escrowed("escrow_ephemeral_changed_with_checksum.damaged", rechecked(flipped(escrow, 10)))
    escrowed("escrow_ephemeral_zero.malformed", rechecked(escrow[:6] + bytes(32) + escrow[38:]))
    escrowed("escrow_key_of_zeros.damaged", escrow_slot(root=bytes(32)))
    slot("passphrase_to_escrow_slot.bad_secret", escrow)

    def envelope(name, data, **secret):
        secret.setdefault("session", SESSION)
        if "private" not in secret:
            secret.setdefault("root", ROOT)
        write("envelope", name, envelope=data, session_key=SESSION_KEY, **secret)

    wrap, sealed_for = wrap_envelope(), x25519_envelope()
    envelope("wrap.ok", wrap)
    envelope("wrap_other_root.damaged", wrap, root=OTHER_PRIVATE)
    envelope("wrap_nonce_changed.damaged", flipped(wrap, 22))
    envelope("wrap_other_session.id_mismatch", wrap, session=ACCOUNT)
    envelope("wrap_session_changed.damaged", flipped(wrap, 6), session=flipped(SESSION, 0))
    envelope("version_2.unsupported_version", wrap_envelope(version=2))
    envelope("kind_3.unsupported_version", wrap_envelope(kind=3))
    envelope("cut_short.malformed", wrap[:-1])
    envelope("one_byte_more.malformed", wrap + b"\0")
    envelope("other_magic.malformed", b"FKSL" + wrap[4:])
    envelope("wrap_called_x25519.malformed", wrap[:5] + b"\2" + wrap[6:])
    envelope("x25519.ok", sealed_for, private=PRIVATE)
    envelope("x25519_other_key.bad_secret", sealed_for, private=OTHER_PRIVATE)
    envelope("x25519_ephemeral_changed.damaged", flipped(sealed_for, 30), private=PRIVATE)
    envelope("x25519_ephemeral_zero.malformed", sealed_for[:22] + bytes(32) + sealed_for[54:], private=PRIVATE)
    envelope("x25519_to_wrap.bad_secret", wrap, private=PRIVATE)
    envelope("wrap_to_x25519.bad_secret", sealed_for)

    def typed(name, text):
        write("recovery", name, typed=text, root=ROOT, account=ACCOUNT, agent=AGENT)

    text = recovery()
    typed("printed.ok", text)
    typed("lower_case_and_blanks.ok", text.lower().replace("-", " \t"))
    typed("zero_one_eight_for_letters.ok", text.replace("O", "0").replace("I", "1").replace("B", "8"))
    typed("one_letter_less.malformed", text[:-1])
    typed("one_letter_more.malformed", text + "A")
    typed("nine_is_no_letter.malformed", "9" + text[1:])
    typed("nothing.malformed", "")
    typed("two_groups_exchanged.bad_secret", text[6:11] + "-" + text[:5] + text[11:])
    typed("version_2.unsupported_version", recovery(version=2))
    typed("key_of_zeros.malformed", recovery(root=bytes(32)))

    def kept(name, data):
        write("key_file", name, file=data, root=ROOT, account=ACCOUNT, agent=AGENT)

    file = key_file()
    kept("bound.ok", file)
    kept("version_1.ok", ROOT)
    kept("version_1_zeros.damaged", bytes(32))
    kept("zeros.damaged", key_file(root=bytes(32)))
    kept("account_changed.damaged", flipped(file, 5))
    kept("agent_changed.damaged", flipped(file, 36))
    kept("key_changed.damaged", flipped(file, 37))
    kept("check_changed.damaged", flipped(file, 100))
    kept("version_3.unsupported_version", key_file(version=3))
    kept("other_magic.malformed", b"FKRX" + file[4:])
    kept("cut_short.malformed", file[:-1])
    kept("one_byte_more.malformed", file + b"\0")
    kept("one_byte_less_than_version_1.malformed", ROOT[:-1])
    kept("nothing.malformed", b"")

    if "--examples" in sys.argv:
        for label in ("id/data", "id/node", "cut", "nonce", "wrap", "local", "check", "recover"):
            print(label, hkdf(ROOT, b"", b"farkeep/1/" + label.encode(), 32).hex())
        for data in (good, wrap, sealed_for, escrow, file):
            print(data.hex(" ", -1))
        print(text)


if __name__ == "__main__":
    main()
