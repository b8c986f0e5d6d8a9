//! How the process keeps its memory.

/// Measured: an idle client costs a third of what it costs with the system's allocator, which keeps what bursts leave behind.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measured with 10,000 idle clients: 0.70 KB for each in small pages; 0.95 to 1.27 KB, another figure with each run, where the
/// kernel makes huge pages of what the allocator has asked for (by 2 MB, used or not). Delivery costs the same.
pub fn keep_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        // An old kernel, or one that forbids it.
        tracing::debug!(%error, "the kernel may give huge pages");
    }
}
