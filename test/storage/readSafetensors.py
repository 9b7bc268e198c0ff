"""Reads a safetensors file by the rules of its published format and prints what it holds as JSON."""

import hashlib
import json
import math
import struct
import sys

CODES = {"F32": "f", "F64": "d", "I32": "i"}


def without_duplicates(pairs):
    assert len(dict(pairs)) == len(pairs), "a name twice"
    return dict(pairs)


def tensors_of(header, data):
    end = 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        assert set(entry) == {"dtype", "shape", "data_offsets"}, entry
        begin, stop = entry["data_offsets"]
        assert begin == end, f"{name}: a gap or overlap"
        end = stop
        count = math.prod(entry["shape"])
        code = CODES[entry["dtype"]]
        assert stop - begin == count * struct.calcsize(code), f"{name}: shape and range differ"
        values = struct.unpack(f"<{count}{code}", data[begin:stop])
        total = 0.0
        for value in values:
            total += 0 if math.isnan(value) else value
        yield name, {
            "dtype": entry["dtype"],
            "shape": entry["shape"],
            "first": values[0] if values else None,
            "sum": total,
        }
    assert end == len(data), "data that belongs to no tensor"


def check_sums(raw, metadata, data):
    size = int(metadata["block_size"])
    digests = [hashlib.sha256(data[at : at + size]).hexdigest() for at in range(0, len(data), size)]
    assert metadata["block_sha256"] == "".join(digests), "blocks"
    digest = metadata["header_sha256"]
    zeroed = raw.replace(f'"header_sha256":"{digest}"'.encode(), b'"header_sha256":"' + b"0" * 64 + b'"')
    assert hashlib.sha256(zeroed).hexdigest() == digest, "header"


with open(sys.argv[1], "rb") as file:
    content = file.read()
(length,) = struct.unpack("<Q", content[:8])
assert length <= 100_000_000 and 8 + length <= len(content), "header length"
raw, data = content[8 : 8 + length], content[8 + length :]
assert raw.startswith(b"{") and length % 8 == 0, "header start"
header = json.loads(raw.decode("utf-8"), object_pairs_hook=without_duplicates)
metadata = header.pop("__metadata__", {})
assert all(isinstance(value, str) for value in metadata.values()), "metadata"
check_sums(raw, metadata, data)
print(json.dumps({"metadata": metadata, "tensors": dict(tensors_of(header, data))}))
