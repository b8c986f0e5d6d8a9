//! What the kernel knows of this process.

use prometheus_client::{
    metrics::gauge::Gauge,
    registry::{Registry, Unit},
};
use std::fs;

#[derive(Debug, Default)]
pub(super) struct Process {
    resident: Gauge,
    descriptors: Gauge,
    threads: Gauge,
}

impl Process {
    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register_with_unit("process_resident_memory", "Memory in use", Unit::Bytes, self.resident.clone());
        registry.register("process_open_fds", "File descriptors in use", self.descriptors.clone());
        registry.register("process_threads", "Threads", self.threads.clone());
    }

    /// Reads anew. Where there is no `/proc` the values stay 0.
    pub(super) fn read(&self) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let number = |name: &str| -> i64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.split_whitespace().next()).and_then(|n| n.parse().ok()).unwrap_or(0)
        };
        self.resident.set(number("VmRSS:") * 1024);
        self.threads.set(number("Threads:"));
        self.descriptors.set(fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as i64));
    }
}
