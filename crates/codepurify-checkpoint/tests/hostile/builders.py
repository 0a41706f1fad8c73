"""Weights files from parts that can be wrong one at a time. Only the standard library; equal calls give equal bytes."""

import io
import json
import pickle
import struct
import zipfile


def safetensors(header, data=b"", length=None):
    """`header` is a dict, or the JSON text itself; `length` is what the file says about it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(shape, start, stop, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, stop]}


# Parts of pickles: bytes that leave one object on the stack.


def text(value):
    encoded = value.encode()
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value):
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    encoded = pickle.encode_long(value)
    return b"\x8a" + bytes([len(encoded)]) + encoded


def group(*parts):
    """A tuple."""
    return b"(" + b"".join(parts) + b"t"


def numbers(values):
    return group(*(number(value) for value in values))


def name(module, qualified):
    return f"c{module}\n{qualified}\n".encode()


def call(function, *arguments):
    return function + group(*arguments) + b"R"


def storage(key="0", elements=4, kind="FloatStorage", view=None):
    parts = [text("storage"), name("torch", kind), text(key), text("cpu"), number(elements)]
    return group(*parts, *([] if view is None else [view])) + b"Q"


def tensor(shape=(4,), strides=(1,), offset=0, source=None, metadata=()):
    hooks = call(name("collections", "OrderedDict"))
    source = storage() if source is None else source
    rebuild = name("torch._utils", "_rebuild_tensor_v2")
    return call(rebuild, source, number(offset), numbers(shape), numbers(strides), b"\x89", hooks, *metadata)


def mapping(**items):
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def program(root, protocol=2):
    return b"\x80" + bytes([protocol]) + root + b"."


# Containers of torch.save.

FLOATS = struct.pack("<4f", 1.0, -2.0, 3.0, 0.5)


def archive(entries, compression=zipfile.ZIP_STORED):
    """A zip file of (name, bytes) or (name, bytes, compression)."""
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as file:
        for item in entries:
            info = zipfile.ZipInfo(item[0], date_time=(1980, 1, 1, 0, 0, 0))
            info.filename = item[0]
            info.compress_type = item[2] if len(item) > 2 else compression
            file.writestr(info, item[1])
    return output.getvalue()


def torch_zip(root, storages=None, more=(), byteorder=b"little", raw=False):
    """`root` is the pickled object without its frame, unless `raw`."""
    storages = {"0": FLOATS} if storages is None else storages
    entries = [("m/data.pkl", root if raw else program(root)), ("m/byteorder", byteorder)]
    entries += [(f"m/data/{key}", content) for key, content in storages.items()]
    return archive([*entries, ("m/version", b"3\n"), *more])


MAGIC = program(b"\x8a\x0a" + pickle.encode_long(0x1950A86A20F9469CFC6C))


def legacy(
    root, storages=(("0", 4, FLOATS),), little=True, version=1001, keys=None, magic=MAGIC, system=None
):
    """`storages` are (key, number of elements, bytes)."""
    system = mapping(little_endian=b"\x88" if little else b"\x89") if system is None else system
    keys = [key for key, _, _ in storages] if keys is None else keys
    listed = b"](" + b"".join(text(key) for key in keys) + b"e"
    heads = magic + program(number(version)) + program(system) + program(root) + program(listed)
    return heads + b"".join(struct.pack("<q", count) + content for _, count, content in storages)
