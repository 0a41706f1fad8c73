//! Python objects next to a state dict are ignored and never called.

use codepurify_checkpoint::{CheckpointError, StateDict};

/// A legacy file whose object is the pickle `object`, with one storage of two floats, `0`.
fn file(object: &[u8]) -> Vec<u8> {
    let magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.";
    let version = b"\x80\x02M\xe9\x03.";
    let system = b"\x80\x02}X\x0d\x00\x00\x00little_endian\x88s.";
    let keys = b"\x80\x02](X\x01\x00\x00\x000e.";
    let storage = [&2_u64.to_le_bytes()[..], &1_f32.to_le_bytes(), &2_f32.to_le_bytes()].concat();
    [magic, version.as_slice(), system, b"\x80\x02", object, b".", keys, &storage].concat()
}

fn text(text: &str) -> Vec<u8> {
    [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat()
}

fn global(module: &str, name: &str) -> Vec<u8> {
    format!("c{module}\n{name}\n").into_bytes()
}

fn tensor() -> Vec<u8> {
    let storage = [b"(".to_vec(), text("storage"), global("torch", "FloatStorage"), text("0"), text("cpu")];
    let storage = [storage.concat(), b"K\x02tQ".to_vec()].concat();
    let rebuild = global("torch._utils", "_rebuild_tensor");
    [rebuild, b"(".to_vec(), storage, b"K\x00K\x02\x85K\x01\x85tR".to_vec()].concat()
}

fn dict(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let pairs = pairs.iter().flat_map(|(key, value)| [text(key), value.clone()].concat());
    [b"}(".to_vec(), pairs.collect(), b"u".to_vec()].concat()
}

fn open(object: &[u8]) -> Result<StateDict, CheckpointError> {
    StateDict::from_bytes("saved.bin", file(object))
}

/// A state dict with the tensor `w`, and something under `other`.
fn with_state_dict(other: Vec<u8>) -> Vec<u8> {
    dict(&[("state_dict", dict(&[("w", tensor())])), ("other", other)])
}

#[test]
fn opaque_objects_are_listed_by_their_class() {
    let instance = |class: &[u8]| [class, b")\x81}X\x01\x00\x00\x00aK\x01sb"].concat();
    let call = |function: &[u8], arguments: &[u8]| [function, b"(", arguments, b"tR"].concat();
    let class = global("numpy", "ndarray");
    let objects = [
        (instance(&global("argparse", "Namespace")), "argparse.Namespace"),
        (call(&global("numpy.core.multiarray", "scalar"), b"K\x01"), "numpy.core.multiarray.scalar"),
        (call(&global("numpy.core.multiarray", "_reconstruct"), &class), "numpy.ndarray"),
        (call(&global("__builtin__", "set"), b"]K\x01a"), "__builtin__.set"),
        (b"\x8f(K\x01\x90".to_vec(), "builtins.set"),
        (b"(K\x01\x91".to_vec(), "builtins.frozenset"),
        ([b"(", &global("run", "Args")[..], b"K\x01o"].concat(), "run.Args"),
        (b"(K\x01irun\nArgs\n".to_vec(), "run.Args"),
        ([&global("run", "Args")[..], b")}\x92"].concat(), "run.Args"),
        (global("torch", "float32"), "torch.float32"),
        ([&call(&global("run", "Log"), b"")[..], b"X\x01\x00\x00\x00aK\x01s"].concat(), "run.Log"),
        ([&call(&global("run", "Rows"), b"")[..], b"K\x01a"].concat(), "run.Rows"),
        (call(&global("collections", "defaultdict"), &global("__builtin__", "list")), "dict"),
        (b"\x96\x01\x00\x00\x00\x00\x00\x00\x00x".to_vec(), "bytes"),
    ];
    for (object, kind) in objects {
        let state = open(&with_state_dict(object)).unwrap_or_else(|error| panic!("{kind}: {error}"));
        assert_eq!(state.skipped(), [format!("other ({kind})")]);
        assert_eq!(state.get("w").expect("is there").to_f32().expect("are floats"), [1.0, 2.0], "{kind}");
    }
}

#[test]
fn names_that_run_code_refuse_the_whole_file() {
    for (module, name) in [("os", "system"), ("builtins", "eval"), ("torch._utils", "_rebuild_qtensor")] {
        let object = [&global(module, name)[..], b"(tR"].concat();
        let error = open(&with_state_dict(object)).expect_err("an attack");
        assert!(matches!(error, CheckpointError::Forbidden { .. }), "{error}");
        assert!(error.to_string().contains(&format!("{module}.{name}")), "{error}");
    }
}

#[test]
fn a_whole_model_is_refused_by_its_class() {
    let model = [global("models", "Detector"), b")\x81".to_vec(), dict(&[("w", tensor())]), b"b".to_vec()];
    let message = open(&model.concat()).expect_err("no state dict").to_string();
    assert!(message.contains("models.Detector") && message.contains("state_dict()"), "{message}");
}

#[test]
fn a_state_dict_is_found_behind_several_keys() {
    let inner = dict(&[("net", dict(&[("w", tensor())])), ("epoch", b"K\x01".to_vec())]);
    let state = open(&dict(&[("model", inner), ("step", b"K\x02".to_vec())])).expect("is good");
    assert_eq!(state.skipped(), ["step (int)", "epoch (int)"]);
    assert!(state.get("w").is_some());
}

#[test]
fn two_state_dicts_are_refused_by_both_keys() {
    let one = || dict(&[("w", tensor())]);
    let message = open(&dict(&[("model", one()), ("state_dict", one())])).expect_err("which?").to_string();
    assert!(message.contains("`model`") && message.contains("`state_dict`"), "{message}");
}

#[test]
fn a_second_network_next_to_the_state_dict_is_named() {
    let one = || dict(&[("w", tensor())]);
    let state = open(&dict(&[("model", one()), ("model_ema", one())])).expect("`model` is meant");
    assert_eq!(state.unread(), ["model_ema"]);
    let state = open(&with_state_dict(dict(&[("state", dict(&[("0", one())]))]))).expect("an optimiser");
    assert!(state.unread().is_empty());
}

#[test]
fn renaming_keeps_names_that_would_collide() {
    let state = open(&dict(&[("a.w", tensor()), ("b.w", tensor())])).expect("is good");
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let names = |state: &StateDict| state.tensors().map(|view| view.name().to_owned()).collect::<Vec<_>>();
    let state = state.renamed(last);
    assert_eq!(names(&state), ["a.w", "b.w"]);
    assert_eq!(names(&state.renamed(|name| name.replace("a.", "c."))), ["b.w", "c.w"]);
}
