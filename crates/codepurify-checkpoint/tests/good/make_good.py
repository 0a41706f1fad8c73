"""Writes the good weights files into this folder, and expected.json with their contents by PyTorch.

Needs torch and safetensors: python make_good.py
"""

import collections
import hashlib
import io
import json
import os
import pickle
import struct

import torch
from safetensors.torch import save_file

FOLDER = os.path.dirname(os.path.abspath(__file__))
NAMES = {
    torch.float64: "f64",
    torch.float32: "f32",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.int64: "i64",
    torch.int32: "i32",
    torch.int16: "i16",
    torch.int8: "i8",
    torch.uint8: "u8",
    torch.bool: "bool",
}
EXPECTED = {}
torch.manual_seed(3)


def path(name):
    return os.path.join(FOLDER, name)


def expect(name, container, tensors, skipped=(), prefix="", shards=()):
    """Notes what a file, or its shards, hold; names lose `prefix`."""
    content = b"".join(open(path(file), "rb").read() for file in sorted(shards) or [name])
    described = {}
    for key, tensor in tensors.items():
        assert key.startswith(prefix)
        values = tensor.detach().to(torch.float32).flatten().tolist() if tensor.is_floating_point() else None
        described[key[len(prefix) :]] = {
            "type": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "values": values,
        }
    digest = hashlib.sha256(content).hexdigest()
    EXPECTED[name] = {"format": container, "sha256": digest, "skipped": list(skipped), "tensors": described}


def every_type():
    """One tensor of each element type, and the shapes at the edges."""
    tensors = {
        "f64": torch.randn(3, 2, dtype=torch.float64),
        "f32": torch.randn(2, 3, 4),
        "f16": torch.cat([torch.randn(300), torch.tensor([65504.0, 2.0**-24, -0.0])]).half(),
        "bf16": torch.cat([torch.randn(5), torch.tensor([3.3e38, 1e-40])]).bfloat16(),
        "i64": torch.arange(514).expand((1, -1)),
        "i32": torch.tensor([-7, 8], dtype=torch.int32),
        "i16": torch.tensor([300], dtype=torch.int16),
        "i8": torch.tensor([-3, 4], dtype=torch.int8),
        "u8": torch.tensor([200, 3, 4], dtype=torch.uint8),
        "bool": torch.tensor([[True, False]]),
        "scalar": torch.tensor(0.1),
        "empty": torch.zeros(0, 5),
    }
    return tensors


def views():
    """Tensors that share storages, are apart in them, or start inside of them."""
    base = torch.randn(5, 6)
    return {
        "base": base,
        "tied": base,
        "transposed": base.t(),
        "column": base[:, 2],
        "block": base[1:4, 2:5],
        "offset": base[3],
        "every_other": base.flatten()[1::2],
        "swapped": torch.randn(2, 3, 4, 2).permute(3, 0, 2, 1),
        "one_by": base[2:3, :1],
        "parameter": torch.nn.Parameter(torch.randn(2, 2)),
        "half_view": torch.randn(4, 4).half().t(),
    }


def module():
    """A state dict as a model gives it, with `_metadata`."""
    return torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4)).state_dict()


def save_torch(name, content, tensors, skipped=(), prefix="", **options):
    legacy = options.get("_use_new_zipfile_serialization") is False
    torch.save(content, path(name), **options)
    expect(name, "torch legacy pickle" if legacy else "torch zip", tensors, skipped, prefix)


def save_both(stem, content, tensors, skipped=(), prefix="", **options):
    save_torch(f"{stem}.zip.bin", content, tensors, skipped, prefix, **options)
    save_torch(
        f"{stem}.legacy.bin",
        content,
        tensors,
        skipped,
        prefix,
        _use_new_zipfile_serialization=False,
        **options,
    )


def old_storage_views(name):
    """A legacy file with views of storages, which PyTorch wrote before 0.4 and still reads."""

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return value.id if isinstance(value, Storage) else None

    class Storage:
        def __init__(self, view):
            self.id = ("storage", torch.FloatStorage, "root", "cpu", 12, view)

    class Tensor:
        def __init__(self, *arguments):
            self.arguments = arguments

        def __reduce__(self):
            return torch._utils._rebuild_tensor, self.arguments

    data = torch.randn(12)
    content = collections.OrderedDict(
        whole=Tensor(Storage(None), 0, (3, 4), (4, 1)),
        part=Tensor(Storage(("part", 5, 6)), 1, (2, 2), (3, 1)),
    )
    file = io.BytesIO()
    pickle.dump(0x1950A86A20F9469CFC6C, file, protocol=2)
    pickle.dump(1001, file, protocol=2)
    pickle.dump({"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}, file, protocol=2)
    Pickler(file, protocol=2).dump(content)
    pickle.dump(["root"], file, protocol=2)
    file.write(struct.pack("<q", 12) + data.numpy().tobytes())
    with open(path(name), "wb") as output:
        output.write(file.getvalue())
    loaded = torch.load(path(name), weights_only=False)
    assert torch.equal(loaded["part"], data.as_strided((2, 2), (3, 1), 5 + 1))
    expect(name, "torch legacy pickle", loaded)


def shards():
    first, second = {"a.weight": torch.randn(2, 2)}, {
        "b.weight": torch.randn(3),
        "b.bias": torch.randn(1).half(),
    }
    both = first | second
    for kind, pattern, save in [
        ("safetensors", "model-0000{}-of-00002.safetensors", save_file),
        ("torch zip", "pytorch_model-0000{}-of-00002.bin", torch.save),
    ]:
        weight_map = {}
        for number, part in enumerate([first, second], 1):
            shard = pattern.format(number)
            save(part, path(shard))
            weight_map |= dict.fromkeys(part, shard)
        name = f"{pattern.split('-')[0]}.{pattern.split('.')[1]}.index.json"
        with open(path(name), "w") as output:
            json.dump({"metadata": {"total_size": 30}, "weight_map": weight_map}, output, indent=1)
        expect(name, f"{kind}, 2 shards", both, shards=set(weight_map.values()))


def main():
    types = every_type()
    save_file(
        {key: value.contiguous() for key, value in types.items()}, path("types.safetensors"), {"format": "pt"}
    )
    expect("types.safetensors", "safetensors", types)
    save_both("types", types, types)
    shared = views()
    save_both("views", shared, shared)
    state = module()
    save_both("module", state, state)
    parallel = {f"module.{key}": value for key, value in state.items()}
    save_both("parallel", parallel, parallel, prefix="module.")

    extra = {
        "epoch": 3,
        "loss": 0.5,
        "note": "best",
        "done": True,
        "none": None,
        "steps": [1, 2],
        "shape": torch.Size([2]),
        "device": torch.device("cpu"),
        "big": 2**70,
        "raw": b"\x00\xff",
    }
    kinds = ["int", "float", "str", "bool", "None", "list", "tuple", "torch.device", "int", "bytes"]
    skipped = [f"{key} ({kind})" for key, kind in zip(extra, kinds)]
    save_both("mixed", extra | state, state, skipped)
    optimizer = torch.optim.AdamW(torch.nn.Linear(2, 2).parameters()).state_dict()
    for wrapper in ["state_dict", "model_state_dict", "model"]:
        content = extra | {wrapper: state, "optimizer": optimizer}
        save_torch(f"{wrapper}.zip.bin", content, state, [*skipped, "optimizer (dict)"])
    save_torch("protocol1.zip.bin", state, state, pickle_protocol=1)
    for protocol in [3, 4, 5]:
        save_both(f"protocol{protocol}", state, state, pickle_protocol=protocol)
    old_storage_views("old_views.legacy.bin")
    shards()
    with open(path("expected.json"), "w") as output:
        json.dump(EXPECTED, output, indent=1, sort_keys=True)
        output.write("\n")


main()
