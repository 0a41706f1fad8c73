"""Writes broken and hostile weights files to the folder `files`, and manifest.json, which says how
each of them must be refused: the variant of the error and texts that its message holds.

Only the standard library: python make_hostile.py
"""

import json
import math
import os
import shutil
import struct
import zipfile

from builders import *

FOLDER = os.path.dirname(os.path.abspath(__file__))
MANIFEST = []


def case(path, content, error, *contains):
    """A file that must be refused with an error whose message contains the file's name and all of `contains`."""
    target = os.path.join(FOLDER, "files", path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as file:
        file.write(content)
    MANIFEST.append({"file": path, "error": error, "contains": list(contains)})


def general():
    MANIFEST.append({"file": ".", "error": "NotAFile", "contains": []})
    MANIFEST.append({"file": "not_there.bin", "error": "Read", "contains": []})
    case("empty.safetensors", b"", "Truncated")
    case("text.bin", b"hello, I am no model", "UnknownFormat", "hello")
    case(
        "lfs.bin",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n",
        "UnknownFormat",
        "Git LFS",
    )
    case("tar.bin", b"storages".ljust(257, b"\0") + b"ustar\x0000".ljust(255, b"\0"), "UnknownFormat", "tar")
    case("five_bytes.safetensors", struct.pack("<Q", 96)[:5], "UnknownFormat")


def headers():
    good = {"t": entry([4], 0, 16)}

    def bad(stem, content, error, *contains):
        case(f"st_{stem}.safetensors", content, error, *contains)

    bad("length_huge", safetensors(good, FLOATS, 2**64 - 1), "Header", "18446744073709551615")
    bad("length_large", safetensors(good, FLOATS, 2**40), "Header")
    bad("length_beyond", safetensors(good, FLOATS, 90_000_000), "Truncated", "header")
    bad("length_short", safetensors(good, FLOATS, 20), "Header")
    bad("length_zero", safetensors(good, FLOATS, 0), "Header")
    bad("cut_in_header", safetensors(good, FLOATS)[:30], "Truncated", "header")
    bad("cut_before_data", safetensors(good), "Tensor", "`t`")
    bad("cut_in_data", safetensors(good, FLOATS)[:-1], "Tensor", "`t`", "15 bytes")
    bad("trailing", safetensors(good, FLOATS + b"\0"), "Header", "1 bytes after the last tensor")
    bad("no_json", safetensors(b"{not json}", FLOATS), "Header")
    bad("no_object", safetensors(b'{"t": 3}', FLOATS), "Header", "`t`")
    bad("not_utf8", safetensors(b'{"\xff\xfe": 3}', FLOATS), "Header")
    bad("empty", safetensors({}), "NotAStateDict")
    one = b'{"dtype":"F32","shape":[4],"data_offsets":[0,16]}'
    bad("same_name", safetensors(b'{"t":' + one + b',"t":' + one + b"}", FLOATS), "DuplicateTensor", "`t`")
    bad(
        "same_field",
        safetensors(b'{"t":' + one[:-1] + b',"dtype":"I32"}}', FLOATS),
        "Header",
        "`t`",
        "duplicate",
    )
    bad(
        "same_metadata",
        safetensors(b'{"__metadata__":{},"__metadata__":{},"t":' + one + b"}", FLOATS),
        "Header",
        "duplicate",
    )
    repeated = b'{"__metadata__":{"a":"1","a":"2"},"t":' + one + b"}"
    bad("same_metadata_key", safetensors(repeated, FLOATS), "Header", "`a` occurs twice")
    bad("metadata_no_text", safetensors({"__metadata__": {"a": 1}} | good, FLOATS), "Header", "`a`")
    bad("overlap", safetensors(good | {"u": entry([2], 8, 16)}, FLOATS), "Tensor", "`u`", "overlaps")
    bad("same_place", safetensors(good | {"u": entry([4], 0, 16)}, FLOATS), "Tensor", "`u`", "overlaps")
    bad(
        "gap",
        safetensors({"t": entry([1], 0, 4), "u": entry([1], 8, 12)}, FLOATS[:12]),
        "Tensor",
        "`u`",
        "gap",
    )
    bad("out_of_range", safetensors({"t": entry([400], 0, 1600)}, FLOATS), "Tensor", "`t`", "0..1600 of 16")
    bad("offsets_huge", safetensors({"t": entry([4], 2**63, 2**64 - 1)}, FLOATS), "Tensor", "`t`")
    bad("offsets_reversed", safetensors({"t": entry([4], 16, 0)}, FLOATS), "Tensor", "`t`")
    bad("offset_negative", safetensors({"t": entry([4], -16, 0)}, FLOATS), "Header", "`t`")
    bad("shape_wrong", safetensors({"t": entry([5], 0, 16)}, FLOATS), "Tensor", "`t`", "20")
    bad(
        "shape_product",
        safetensors({"t": entry([2**40, 2**40], 0, 16)}, FLOATS),
        "Tensor",
        "`t`",
        "no memory",
    )
    bad("shape_bytes", safetensors({"t": entry([2**62], 0, 16)}, FLOATS), "Tensor", "`t`", "no memory")
    bad("shape_negative", safetensors({"t": entry([-4], 0, 16)}, FLOATS), "Header", "`t`")
    bad("shape_float", safetensors({"t": entry([4.0], 0, 16)}, FLOATS), "Header", "`t`")
    bad("rank", safetensors({"t": entry([1] * 100, 0, 4)}, FLOATS[:4]), "Header", "`t`", "at most 16")
    bad("deep_json", safetensors(b'{"t":' + b"[" * 5000 + b"]" * 5000 + b"}", FLOATS), "Header", "`t`")
    bad("extra_field", safetensors({"t": entry([4], 0, 16) | {"code": "x"}}, FLOATS), "Header", "`t`", "code")
    bad("type_unknown", safetensors({"t": entry([1], 0, 16, "F128")}, FLOATS), "WrongType", "`t`", "F128")
    bad("type_unsigned", safetensors({"t": entry([2], 0, 16, "U64")}, FLOATS), "WrongType", "`t`", "U64")
    bad("control_name", safetensors({"\x1b[31mred": entry([5], 0, 16)}, FLOATS), "Tensor", "\\u{1b}[31mred")
    values()


def values():
    """Weights that are none."""
    for stem, dtype, data, element in [
        ("nan", "F32", struct.pack("<4f", 1, 2, math.nan, 3), 2),
        ("infinite", "F32", struct.pack("<4f", -math.inf, 2, 1, 3), 0),
        ("half_nan", "F16", b"\x00\x3c\x00\x7e", 1),
        ("bfloat_infinite", "BF16", b"\x80\x3f\x80\x7f", 1),
        ("double_too_large", "F64", struct.pack("<2d", 1.0, 1e39), 1),
    ]:
        header = {"t": entry([len(data) // {"F32": 4, "F64": 8}.get(dtype, 2)], 0, len(data), dtype)}
        case(f"st_{stem}.safetensors", safetensors(header, data), "NotFinite", "`t`", f"element {element}")
    nan = struct.pack("<4f", 1, 2, 3, math.nan)
    case("zip_nan.bin", torch_zip(mapping(t=tensor()), {"0": nan}), "NotFinite", "`t`", "element 3")
    strided = tensor(shape=(2, 2), strides=(1, 2))
    case("zip_nan_strided.bin", torch_zip(mapping(t=strided), {"0": nan}), "NotFinite", "`t`", "element 3")
    integers = mapping(t=tensor(source=storage(kind="IntStorage")))
    case("zip_integers.bin", torch_zip(integers), "WrongType", "`t`", "i32")


def indexes():
    part = safetensors({"a": entry([4], 0, 16)}, FLOATS)
    other = safetensors({"b": entry([4], 0, 16)}, FLOATS)

    def bad(stem, weight_map, error, *contains, shards=None, document=None):
        shards = {"1.safetensors": part} if shards is None else shards
        for shard, content in shards.items():
            os.makedirs(os.path.join(FOLDER, "files", f"index_{stem}"), exist_ok=True)
            with open(os.path.join(FOLDER, "files", f"index_{stem}", shard), "wb") as file:
                file.write(content)
        document = json.dumps({"weight_map": weight_map}).encode() if document is None else document
        case(f"index_{stem}/model.safetensors.index.json", document, error, *contains)

    for stem, shard in [
        ("parent", "../st_gap.safetensors"),
        ("absolute", "/etc/passwd"),
        ("backslash", "..\\x.safetensors"),
        ("drive", "C:x.safetensors"),
        ("dots", ".."),
        ("unnamed", ""),
        ("folder", "sub/1.safetensors"),
        ("nul", "a\0b"),
    ]:
        bad(stem, {"a": shard}, "UnsafeShard")
    bad("missing", {"a": "1.safetensors", "b": "2.safetensors"}, "MissingShard", "2.safetensors")
    bad(
        "nowhere",
        {"a": "1.safetensors", "b": "1.safetensors"},
        "MisplacedTensor",
        "`b`",
        "1.safetensors",
        "nor",
    )
    two = {"1.safetensors": part, "2.safetensors": other}
    bad(
        "elsewhere",
        {"a": "2.safetensors", "b": "1.safetensors"},
        "MisplacedTensor",
        "`a`",
        "1.safetensors",
        shards=two,
    )
    twice = {"1.safetensors": part, "2.safetensors": part}
    bad("twice", {"a": "1.safetensors", "b": "2.safetensors"}, "DuplicateTensor", "`a`", shards=twice)
    mixed = {"1.safetensors": part, "2.bin": torch_zip(mapping(b=tensor()))}
    bad("mixed", {"a": "1.safetensors", "b": "2.bin"}, "Index", "different formats", shards=mixed)
    listed = b'{"weight_map": {"a": "1.safetensors", "a": "2.safetensors"}}'
    bad("same_key", None, "DuplicateTensor", "`a`", document=listed)
    bad("same_map", None, "Index", "duplicate", document=b'{"weight_map": {}, "weight_map": {}}')
    bad("no_map", None, "Index", "weight_map", document=b'{"metadata": {"total_size": 16}}')
    bad("no_tensors", {}, "Index", "no tensors")
    bad("no_text", {"a": 1}, "Index", "`a`")
    bad("no_json", None, "Index", document=b"\x80\x02}.")
    bad("empty", None, "Index", document=b"")
    # The error of a broken shard names the shard.
    bad("broken_shard", {"a": "1.safetensors"}, "Tensor", shards={"1.safetensors": part[:-1]})
    MANIFEST[-1]["named"] = "1.safetensors"


def patched(content, old, new):
    assert len(old) == len(new) and old in content
    return content.replace(old, new)


def zips():
    good = torch_zip(mapping(t=tensor()))
    pickled = program(mapping(t=tensor()))

    def bad(stem, content, error, *contains):
        case(f"zip_{stem}.bin", content, error, *contains)

    for share in [10, 30, 60, 90]:
        bad(f"cut_{share}", good[: len(good) * share // 100], "Zip")
    bad("cut_1_byte", good[:-1], "Zip")
    bad("nothing", archive([]), "Zip", "data.pkl")
    bad("no_pickle", archive([("m/version", b"3\n")]), "Zip", "data.pkl")
    bad("two_pickles", archive([("m/data.pkl", pickled), ("n/data.pkl", pickled)]), "Zip", "more than one")
    twin = archive([("m/data.pkl", pickled), ("m/dat2.pkl", pickled)])
    bad("same_name", patched(twin, b"dat2.pkl", b"data.pkl"), "Zip", "same name")
    bomb = archive([("m/data.pkl", b"N" * 5_000_000)], zipfile.ZIP_DEFLATED)
    bad("bomb", bomb, "ZipEntry", "m/data.pkl", "compressed")
    stored = [("m/data.pkl", pickled), ("m/data/0", b"\0" * 3_000_000, zipfile.ZIP_DEFLATED)]
    bad("bomb_storage", archive(stored), "ZipEntry", "m/data/0", "compressed")
    small, huge = struct.pack("<II", len(pickled), len(pickled)), struct.pack("<II", 2**31, 2**31)
    bad("pickle_size", patched(good, small, huge), "Zip")
    central = good.rindex(small)
    bad("sizes_differ", good[:central] + huge + good[central + 8 :], "Zip", "overlap")
    encrypted = bytearray(good)
    for magic, flags in [(b"PK\x03\x04", 6), (b"PK\x01\x02", 8)]:
        encrypted[good.index(magic) + flags] |= 1
    bad("encrypted", bytes(encrypted), "ZipEntry", "encrypted")
    for stem, entry_name in [
        ("parent", "../evil.pkl"),
        ("inner_parent", "m/../../evil"),
        ("absolute", "/etc/evil"),
        ("backslash", "m\\evil"),
        ("drive", "C:evil"),
        ("nul", "m/a\0b"),
    ]:
        bad(
            f"name_{stem}",
            torch_zip(mapping(t=tensor()), more=[(entry_name, b"x")]),
            "ZipEntry",
            "leaves the archive",
        )
    three = archive([("m/data.pkl", pickled), ("m/data/0", FLOATS), ("m/data/1", FLOATS)])
    first, second = three.index(b"PK\x03\x04", 4), three.index(b"PK\x01\x02", three.index(b"PK\x01\x02") + 4)
    last = three.rindex(b"PK\x01\x02")
    bad("same_header", three[: last + 42] + struct.pack("<I", first) + three[last + 46 :], "Zip", "overlap")
    around = struct.pack("<II", 16 + 30 + 8 + 16, 16 + 30 + 8 + 16)  # the first storage takes in the second
    overlap = three[: first + 18] + around + three[first + 26 : second + 20] + around + three[second + 28 :]
    bad("overlap", overlap, "Zip", "overlap")
    count = good.rindex(b"PK\x05\x06") + 8
    bad("count", good[:count] + b"\xfe\xff\xfe\xff" + good[count + 4 :], "Zip")
    bad("big_endian", torch_zip(mapping(t=tensor()), byteorder=b"big"), "ByteOrder", "big-endian")
    bad("byteorder", torch_zip(mapping(t=tensor()), byteorder=b"middle"), "ZipEntry", "m/byteorder")
    bad(
        "script",
        torch_zip(mapping(t=tensor()), more=[("m/constants.pkl", b")."), ("m/code/a.py", b"1")]),
        "Zip",
        "TorchScript",
    )
    bad("no_storage", torch_zip(mapping(t=tensor()), {}), "Tensor", "`t`", "m/data/0")
    bad("storage_short", torch_zip(mapping(t=tensor()), {"0": FLOATS[:12]}), "Tensor", "`t`", "12 bytes")
    bad("storage_long", torch_zip(mapping(t=tensor()), {"0": FLOATS * 2}), "Tensor", "`t`", "32 bytes")
    bad(
        "storage_outside",
        torch_zip(mapping(t=tensor(source=storage(key="../../etc/passwd")))),
        "Tensor",
        "`t`",
    )


def write_all():
    shutil.rmtree(os.path.join(FOLDER, "files"), ignore_errors=True)
    general()
    headers()
    indexes()
    zips()
    import hostile_pickles

    hostile_pickles.write(case)
    with open(os.path.join(FOLDER, "manifest.json"), "w") as file:
        json.dump(MANIFEST, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    write_all()
