//! The binary `codepurify`.

use std::process::ExitCode;

/// Activations come and go in large blocks, on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    codepurify_cli::run(std::env::args_os()).into()
}
