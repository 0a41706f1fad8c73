"""The pickles of make_hostile.py, in both containers of torch.save."""

import pickle
import struct

from builders import *


def write(case):
    calls(case)
    programs(case)
    tensors(case)
    roots(case)
    legacy_files(case)


def calls(case):
    """Every way of a pickle to get something called."""

    def bad(stem, root, error, *contains):
        case(f"call_{stem}.bin", torch_zip(root), error, *contains)

    command = text("touch owned-by-a-pickle")
    bad("system", mapping(t=call(name("posix", "system"), command)), "Forbidden", "`posix.system`")
    bad("os_system", call(name("os", "system"), command), "Forbidden", "`os.system`")
    bad("eval", call(name("builtins", "eval"), text("1+1")), "Forbidden", "`builtins.eval`")
    bad("exec", call(name("__builtin__", "exec"), text("1")), "Forbidden", "`__builtin__.exec`")
    bad("getattr", call(name("builtins", "getattr"), name("os", "system")), "Forbidden", "`builtins.getattr`")
    bad("inst", b"(" + command + b"isubprocess\nPopen\n", "Forbidden", "`subprocess.Popen`")
    bad("inst_known", b"(icollections\nOrderedDict\n", "Forbidden", "`collections.OrderedDict`")
    bad("obj", b"(" + name("subprocess", "Popen") + command + b"o", "Forbidden", "`subprocess.Popen`")
    bad("obj_known", b"(" + name("collections", "OrderedDict") + command + b"o", "Pickle", "instance")
    bad("newobj", name("subprocess", "Popen") + group(command) + b"\x81", "Forbidden", "`subprocess.Popen`")
    bad("newobj_known", name("torch", "Size") + group(command) + b"\x81", "Pickle", "instance")
    bad(
        "newobj_ex",
        name("subprocess", "Popen") + group(command) + b"}\x92",
        "Forbidden",
        "`subprocess.Popen`",
    )
    bad("newobj_ex_known", name("torch", "device") + group(command) + b"}\x92", "Pickle", "instance")
    bad(
        "stack_global",
        text("posix") + text("system") + b"\x93" + group(command) + b"R",
        "Forbidden",
        "`posix.system`",
    )
    bad("stack_global_number", number(1) + number(2) + b"\x93", "Pickle", "no text")
    bad("extension", b"\x82\x01" + group(command) + b"R", "Pickle", "registry")
    bad("extension_2", b"\x83\x01\x00" + group(command) + b"R", "Pickle", "registry")
    bad("extension_4", b"\x84\x01\x00\x00\x00" + group(command) + b"R", "Pickle", "registry")
    bad(
        "load_bytes",
        call(name("torch.storage", "_load_from_bytes"), text("x")),
        "Forbidden",
        "_load_from_bytes",
    )
    bad(
        "numpy",
        mapping(t=call(name("numpy.core.multiarray", "_reconstruct"))),
        "Forbidden",
        "numpy.core.multiarray",
    )
    bad(
        "attribute",
        name("torch", "serialization.os.system") + group(command) + b"R",
        "Forbidden",
        "os.system",
    )
    bad("storage", call(name("torch", "FloatStorage"), number(2**40)), "Pickle", "does not take")
    bad("text", text("system") + group(command) + b"R", "Pickle", "no function")
    bad("no_tuple", name("torch", "Size") + text("x") + b"R", "Pickle", "no tuple")
    bad("build_tensor", tensor() + mapping(a=number(1)) + b"b", "Pickle", "state")
    bad("build_setstate", name("torch", "Size") + mapping(a=number(1)) + b"b", "Pickle", "state")
    bad("control_name", name("os\x1b[31m", "system"), "Forbidden", "\\u{1b}[31m")
    bad("long_name", name("a" * 5000, "b"), "Forbidden", "aaaa…")


def programs(case):
    """Pickles that are no programs, or endless ones."""

    def bad(stem, content, error, *contains):
        case(f"pickle_{stem}.bin", torch_zip(content, raw=True), error, *contains)

    whole = program(mapping(t=tensor()))
    bad("empty", b"", "Truncated", "pickle")
    bad("cut", whole[: len(whole) // 2], "Truncated", "pickle")
    bad("no_stop", whole[:-1], "Truncated", "pickle")
    bad("opcode", b"\x80\x02\xff.", "Pickle", "0xff")
    bad("protocol", b"\x80\x09}.", "Pickle", "protocol 9")
    bad("persistent_text", b"\x80\x00Pstorage\n.", "Pickle", "0x50")
    bad("text_length", program(b"\x8d" + struct.pack("<Q", 2**60) + b"x"), "Truncated", "pickle")
    bad("bytes_length", program(b"\x8e" + struct.pack("<Q", 2**64 - 1) + b"x"), "Truncated", "pickle")
    bad("long_length", program(b"\x8b" + struct.pack("<I", 2**31) + b"x"), "Truncated", "pickle")
    bad("line", b"\x80\x02cposix", "Truncated", "pickle")
    bad("not_utf8", program(b"X\x02\x00\x00\x00\xff\xfe"), "Pickle", "UTF-8")
    bad("number", program(b"I12x\n"), "Pickle", "number")
    bad("stack_empty", program(b"R"), "Pickle", "stack is empty")
    bad("beyond_mark", program(number(1) + b"(0" + b"0" + b"0"), "Pickle", "stack is empty")
    bad("mark_missing", program(b"t"), "Pickle", "group")
    bad("odd_items", program(b"}(" + text("key") + b"u"), "Pickle", "key without a value")
    bad("append_to_tuple", program(b")" + number(1) + b"a"), "Pickle", "appended to tuple")
    bad("item_of_list", program(b"]" + number(1) + number(2) + b"s"), "Pickle", "key is set in list")
    bad("memo_missing", program(b"j\xff\xff\xff\xff"), "Pickle", "memo entry 4294967295")
    bad("list_in_itself", program(mapping(t=tensor(), x=b"]q\x00h\x00a")), "Pickle", "holds itself")
    bad("dict_in_itself", program(b"}q\x00" + text("a") + b"h\x00s"), "Pickle", "holds itself")
    bad("circle", program(b"]q\x00]q\x01h\x00aa"), "Pickle", "holds itself")
    bad("tuple_in_itself", program(b"]q\x00h\x00\x85a"), "Pickle", "holds itself")
    bad("deep_lists", program(b"]" * 20_000 + b"a" * 19_999), "Pickle", "too deeply")
    bad("deep_tuples", program(b"N" + b"\x85" * 30_000), "Pickle", "too deeply")
    bad("deep_dicts", program(b"}K\x00" * 3000 + b"N" + b"s" * 3000), "Pickle", "too deeply")
    pairs = (b"](" + (b"h" + bytes([n])) * 2 + b"eq" + bytes([n + 1]) for n in range(90))
    laughs = b"]q\x00" + b"".join(pairs)
    bad("laughs", program(laughs), "NotAStateDict", "list")


def tensors(case):
    """Descriptions that contradict themselves, their storage or the file."""

    def bad(stem, value, error="Tensor", *contains):
        case(
            f"tensor_{stem}.bin",
            torch_zip(mapping(t=value)),
            error,
            *(["`t`"] if error == "Tensor" else []),
            *contains,
        )

    bad("size_negative", tensor(shape=(-4,)), "Tensor", "negative size")
    bad("stride_negative", tensor(strides=(-1,), offset=3), "Tensor", "negative stride")
    bad("offset_negative", tensor(offset=-1), "Tensor", "negative offset")
    bad("out_of_range", tensor(shape=(5,)), "Tensor", "beyond its storage")
    bad("offset_out_of_range", tensor(offset=1), "Tensor", "beyond its storage")
    bad("offset_huge", tensor(offset=2**63 - 1), "Tensor")
    bad("stride_out_of_range", tensor(shape=(2, 2), strides=(3, 1)), "Tensor", "beyond its storage")
    bad("stride_huge", tensor(shape=(3, 3), strides=(2**62, 2**62)), "Tensor", "no memory")
    bad("strides_missing", tensor(shape=(2, 2), strides=(1,)), "Tensor", "1 strides for 2 dimensions")
    bad("shape_product", tensor(shape=(2**40, 2**40), strides=(0, 0)), "Tensor", "no memory")
    bad("expanded", tensor(shape=(1000, 1000, 1000), strides=(0, 0, 0)), "Tensor", "contiguous")
    bad("rank", tensor(shape=(1,) * 17, strides=(1,) * 17), "Tensor", "16 dimensions")
    bad(
        "shape_no_tuple",
        call(name("torch._utils", "_rebuild_tensor"), storage(), number(0), b"]", b")"),
        "Tensor",
        "shape of type list",
    )
    bad(
        "shape_no_int",
        call(name("torch._utils", "_rebuild_tensor"), storage(), number(0), group(text("4")), numbers([1])),
        "Tensor",
        "no integer",
    )
    bad("shape_too_long", tensor(shape=(2**70,)), "Tensor", "no integer")
    bad("no_storage", tensor(source=text("0")), "Tensor", "str for a storage")
    bad("arguments", call(name("torch._utils", "_rebuild_tensor_v2"), storage()), "Tensor", "does not take")
    bad("negative_bit", tensor(metadata=[mapping(neg=b"\x88")]), "Tensor", "negative or conjugate")
    bad(
        "parameter_of_text",
        call(name("torch._utils", "_rebuild_parameter"), text("x"), b"\x88", b"}"),
        "Tensor",
        "does not take",
    )
    bad("storage_size", tensor(source=storage(elements=5)), "Tensor", "16 bytes")
    bad("storage_huge", tensor(source=storage(elements=2**62)), "Tensor", "cannot be")
    bad("storage_negative", tensor(source=storage(elements=-4)), "Tensor", "cannot be")
    bad("storage_kind", tensor(source=storage(kind="DoubleStorage")), "Tensor", "16 bytes")
    bad("storage_unknown", tensor(source=storage(kind="QInt8Storage")), "Forbidden", "torch.QInt8Storage")
    bad("id_no_tuple", text("0") + b"Q", "Tensor", "persistent id")
    bad("id_short", group(text("storage")) + b"Q", "Tensor", "persistent id")
    bad(
        "id_module",
        group(text("module"), name("torch", "Size"), text("a"), text("b"), number(1)) + b"Q",
        "Tensor",
        "persistent id",
    )
    view = group(text("v"), number(2), number(3))
    bad("view_out_of_range", tensor(shape=(1,), source=storage(view=view)), "Tensor", "beyond its end")
    view = group(text("v"), number(-1), number(3))
    bad("view_negative", tensor(shape=(1,), source=storage(view=view)), "Tensor", "beyond its end")
    many = b"".join(text(str(n)) + b"h\x00" for n in range(200))
    shared = (
        b"}" + text("a") + tensor(shape=(1000,), source=storage(elements=1000)) + b"q\x00s(" + many + b"u"
    )
    case("tensor_shared_by_all.bin", torch_zip(shared, {"0": FLOATS * 250}), "Limit", "share storages")


def roots(case):
    """Objects that are no state dict."""

    def bad(stem, root, error, *contains):
        case(f"root_{stem}.bin", torch_zip(root), error, *contains)

    bad("tensor", tensor(), "NotAStateDict", "tensor")
    bad("list", b"](" + tensor() + b"e", "NotAStateDict", "list")
    bad("none", b"N", "NotAStateDict", "None")
    bad("empty", b"}", "NotAStateDict", "no tensors")
    bad(
        "no_tensors", mapping(epoch=number(3), state_dict=mapping(a=number(1))), "NotAStateDict", "no tensors"
    )
    bad("other_key", mapping(weights=mapping(a=tensor())), "NotAStateDict", "model_state_dict")
    twice = b"}(" + (text("model") + mapping(t=tensor())) * 2 + b"u"
    bad("same_wrapper", twice, "NotAStateDict", "`model` occurs twice")
    bad("number_for_name", b"}" + number(3) + tensor() + b"s", "NotAStateDict", "int")
    bad("same_name", b"}(" + (text("t") + tensor()) * 2 + b"u", "DuplicateTensor", "`t`")


def legacy_files(case):
    good = mapping(t=tensor())

    def bad(stem, content, error, *contains):
        case(f"legacy_{stem}.bin", content, error, *contains)

    whole = legacy(good)
    cuts = {
        "magic": 8,
        "protocol": 20,
        "system": 40,
        "object": 120,
        "count": len(whole) - 20,
        "storage": len(whole) - 3,
    }
    for stem, length in cuts.items():
        bad(f"cut_{stem}", whole[:length], "Truncated")
    bad("trailing", whole + b"\0", "Pickle", "1 bytes after")
    bad("big_endian", legacy(good, little=False), "ByteOrder")
    bad("no_endian", legacy(good, system=mapping(a=number(1))), "Pickle", "byte order")
    bad("version", legacy(good, version=1002), "Pickle", "1001")
    bad("plain", pickle.dumps({"a": [1, 2]}, protocol=2), "UnknownFormat", "torch.save")
    bad("plain_call", program(call(name("posix", "system"), text("id"))), "Forbidden", "`posix.system`")
    bad("call", legacy(mapping(t=call(name("posix", "system"), text("id")))), "Forbidden", "`posix.system`")
    bad(
        "call_in_system",
        legacy(good, system=call(name("os", "system"), text("id"))),
        "Forbidden",
        "`os.system`",
    )
    bad("count", legacy(good, [("0", 3, FLOATS[:12])]), "Pickle", "3 elements")
    bad(
        "count_huge",
        legacy(mapping(t=tensor(source=storage(elements=2**40))), [("0", 2**40, FLOATS)]),
        "Truncated",
        "storage `0`",
    )
    bad(
        "count_overflow",
        legacy(mapping(t=tensor(source=storage(elements=2**62))), [("0", 2**62, FLOATS)]),
        "Pickle",
        "cannot be",
    )
    bad(
        "count_negative",
        legacy(mapping(t=tensor(source=storage(elements=-1))), [("0", -1, FLOATS)]),
        "Pickle",
        "cannot be",
    )
    bad("not_listed", legacy(good, []), "Tensor", "`t`", "not listed")
    bad("listed_twice", legacy(good, [("0", 4, FLOATS)] * 2), "Pickle", "listed twice")
    bad("unknown_key", legacy(good, [("0", 4, FLOATS), ("1", 4, FLOATS)]), "Pickle", "refers to storage `1`")
    bad("out_of_range", legacy(mapping(t=tensor(shape=(5,)))), "Tensor", "`t`", "beyond its storage")
    view = group(text("v"), number(1), number(4))
    bad(
        "view",
        legacy(mapping(t=tensor(shape=(1,), source=storage(view=view)))),
        "Tensor",
        "`t`",
        "beyond its end",
    )
