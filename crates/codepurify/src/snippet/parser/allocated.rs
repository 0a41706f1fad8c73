//! Counts what the parser allocates. It offers no other way to see how much memory it takes.
#![allow(unsafe_code)]

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::ffi::c_void;
use std::sync::Once;

use tree_sitter::{Allocator, set_allocator};

/// Memory that a parser has allocated, also what it freed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allocated {
    pub(super) bytes: usize,
    /// Nodes of its stack. Few are freed before the text ends, so this tells how high the stack has been.
    pub(super) stack_nodes: usize,
}

impl Allocated {
    pub(super) fn is_within(self, limit: Self) -> bool {
        self.bytes <= limit.bytes && self.stack_nodes <= limit.stack_nodes
    }
}

const NOTHING: Allocated = Allocated { bytes: 0, stack_nodes: 0 };

thread_local! {
    static ALLOCATED: Cell<Allocated> = const { Cell::new(NOTHING) };
}

/// Counts from zero what parsers allocate on this thread.
pub(super) fn restart() {
    static COUNTED: Once = Once::new();
    // SAFETY: these are the functions of the C library, which tree-sitter uses by default: memory that was allocated
    // before is freed rightly. They return null for no size above zero.
    COUNTED.call_once(|| unsafe {
        set_allocator(Some(Allocator { malloc, calloc, realloc, free: libc::free }));
    });
    ALLOCATED.set(NOTHING);
}

/// Returns what parsers have allocated on this thread since [`restart`].
pub(super) fn so_far() -> Allocated {
    ALLOCATED.get()
}

/// A node of the stack as in tree-sitter's `stack.c`; only its size counts. A node of the tree that happens to have the
/// same size counts as well: one with nineteen children.
#[repr(C)]
struct StackNode {
    state: u16,
    position: [u32; 3],
    links: [StackLink; 8],
    link_count: u16,
    ref_count: u32,
    error_cost: u32,
    node_count: u32,
    dynamic_precedence: i32,
}

#[repr(C)]
struct StackLink {
    node: usize,
    subtree: usize,
    is_pending: bool,
}

fn counted(memory: *mut c_void, bytes: usize) -> *mut c_void {
    if memory.is_null() && bytes > 0 {
        handle_alloc_error(Layout::array::<u8>(bytes).unwrap_or(Layout::new::<u8>()));
    }
    let Allocated { bytes: before, stack_nodes } = ALLOCATED.get();
    let is_node = usize::from(bytes == size_of::<StackNode>());
    ALLOCATED.set(Allocated { bytes: before.saturating_add(bytes), stack_nodes: stack_nodes + is_node });
    memory
}

unsafe extern "C" fn malloc(bytes: usize) -> *mut c_void {
    // SAFETY: any size may be asked for.
    counted(unsafe { libc::malloc(bytes) }, bytes)
}

unsafe extern "C" fn calloc(count: usize, bytes: usize) -> *mut c_void {
    // SAFETY: any size may be asked for.
    counted(unsafe { libc::calloc(count, bytes) }, count.saturating_mul(bytes))
}

unsafe extern "C" fn realloc(memory: *mut c_void, bytes: usize) -> *mut c_void {
    // SAFETY: the caller passes what these functions returned, or null.
    counted(unsafe { libc::realloc(memory, bytes) }, bytes)
}
