"""Checks a log proof (docs/proof.md) with nothing of ours: BLAKE2b of Python, ed25519 of PyNaCl.
It must not know libcbm."""
import base64
import hashlib

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey


def blake(*parts):
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


def statement(point):
    return (f"CBM checkpoint 1\nseq {point['seq']}\nhash {point['hash']}\n"
            f"previous {point['previous_seq']} {point['previous_hash']}\n"
            f"time {point['time']}\nkey {point['key']}\n").encode()


def is_signed(point):
    try:
        VerifyKey(bytes.fromhex(point["key"])).verify(statement(point), bytes.fromhex(point["signature"]))
        return True
    except BadSignatureError:
        return False


def check(proof, key=None):
    """Nothing, or (first, last) of the first range of seqs that is not what was signed."""
    at, good = (proof["start"]["seq"], bytes.fromhex(proof["start"]["hash"])) if proof["start"] else (0, bytes(32))
    entries = {entry["seq"]: entry for entry in proof["entries"]}
    for point in ([proof["start"]] if proof["start"] else []) + proof["checkpoints"]:
        assert is_signed(point) and key in (None, point["key"]), point["seq"]
    for point in proof["checkpoints"]:
        chain = good
        for seq in range(at + 1, point["seq"] + 1):
            entry = entries.get(seq, {"leaf": "00" * 32})
            stored = entry.get("record")
            if isinstance(stored, str):
                stored = base64.b64decode(stored)
            leaf = bytes.fromhex(entry["leaf"]) if stored is None else blake(seq.to_bytes(8, "big"), stored)
            chain = blake(chain, leaf)
        if chain.hex() != point["hash"]:
            return at + 1, point["seq"]
        at, good = point["seq"], chain
    return None
