//! Names of classes and functions that a pickle mentions and a state dict does not need.

use std::fmt;

/// A class or function by its module and its name in there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::torch) struct Name<'a> {
    pub(super) module: &'a str,
    pub(super) name: &'a str,
}

/// Modules that run code or reach the system. Nothing here would call them, but no training script stores them: who
/// wrote the file wants Python to run something.
const HOSTILE: [&str; 29] = [
    "_operator",
    "_pickle",
    "_posixsubprocess",
    "asyncio",
    "cPickle",
    "ctypes",
    "ftplib",
    "http",
    "imp",
    "importlib",
    "marshal",
    "multiprocessing",
    "nt",
    "operator",
    "os",
    "pickle",
    "pip",
    "pkgutil",
    "posix",
    "pty",
    "requests",
    "runpy",
    "shutil",
    "smtplib",
    "socket",
    "subprocess",
    "sys",
    "urllib",
    "webbrowser",
];

/// Builtins of Python that are data.
const PLAIN: [&str; 16] = [
    "Ellipsis",
    "bool",
    "bytearray",
    "bytes",
    "complex",
    "dict",
    "float",
    "frozenset",
    "int",
    "list",
    "object",
    "range",
    "set",
    "slice",
    "str",
    "tuple",
];

impl Name<'_> {
    /// A name of `builtins`.
    pub(super) const fn builtin(name: &'static str) -> Name<'static> {
        Name { module: "builtins", name }
    }

    /// Returns true if a file that mentions this name is refused, wherever the name occurs.
    pub(super) fn is_refused(self) -> bool {
        let package = self.module.split('.').next().unwrap_or_default();
        match package {
            "builtins" | "__builtin__" => !PLAIN.contains(&self.name),
            // Private functions of PyTorch rebuild tensors of kinds that are not known here.
            "torch" if self.name.starts_with('_') => true,
            _ if HOSTILE.contains(&package) => true,
            // A name with a dot may lead into any module that its own has imported.
            _ => self.name.contains('.') && self.name.split('.').any(|part| HOSTILE.contains(&part)),
        }
    }

    /// Returns true for a function that makes an instance of the class in its first argument.
    pub(super) fn is_constructor(self) -> bool {
        self.name.starts_with("_reconstruct")
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.module, self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::Name;

    fn is_refused(name: &str) -> bool {
        let (module, name) = name.rsplit_once('.').expect("a module and a name");
        Name { module, name }.is_refused()
    }

    #[test]
    fn names_that_run_code_are_refused() {
        let hostile = [
            "os.system",
            "builtins.eval",
            "__builtin__.print",
            "subprocess.Popen",
            "torch._utils._rebuild_x",
        ];
        for name in hostile.into_iter().chain(["importlib.import_module", "urllib.request.urlopen"]) {
            assert!(is_refused(name), "{name}");
        }
        assert!(Name { module: "torch", name: "serialization.os.system" }.is_refused());
    }

    #[test]
    fn names_of_data_are_accepted() {
        let data = ["argparse.Namespace", "numpy.core.multiarray.scalar", "__main__.Args", "builtins.set"];
        let own = ["torch.optim.lr_scheduler.StepLR", "project.http.Config", "torch.float32"];
        for name in data.into_iter().chain(own) {
            assert!(!is_refused(name), "{name}");
        }
    }
}
