//! What the kernel knows of this process.

use super::sample::{Sample, Value};
use std::{fs, sync::LazyLock, time::Instant};

/// When the first part of the server asked: its start, as good as.
static STARTED: LazyLock<(Instant, i64)> = LazyLock::new(|| (Instant::now(), crate::hub::now()));

/// Takes note of when the process began.
pub(super) fn begin() {
    LazyLock::force(&STARTED);
}

/// The kernel counts processor time for user space in hundredths of a second, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads anew. Where there is no `/proc` the values are 0.
pub(super) fn samples(into: &mut Vec<Sample>) {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let number = |name: &str| -> f64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|rest| rest.split_whitespace().next()).and_then(|n| n.parse().ok()).unwrap_or(0.0)
    };
    let descriptors = fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count());
    let (began, at) = *STARTED;
    into.extend([
        Sample::level("tidewire_process_resident_memory_bytes", "Memory in use", number("VmRSS:") * 1024.0),
        Sample::level("tidewire_process_open_fds", "File descriptors in use: clients, listeners, files of the store", descriptors as f64),
        Sample::level("tidewire_process_max_fds", "File descriptors that the process may have", open_files_max()),
        Sample::level("tidewire_process_threads", "Threads", number("Threads:")),
        Sample {
            value: Value::Count(processor_seconds()),
            ..Sample::count("tidewire_process_cpu_seconds", "Processor time that was used", 0)
        },
        Sample::level("tidewire_process_start_time_seconds", "When the process began, in seconds since 1970", (at / 1_000_000) as f64),
        Sample::level("tidewire_uptime_seconds", "How long the process has been there", began.elapsed().as_secs_f64().floor()),
        Sample::level("tidewire_build_info", "Always 1; what is running is in the labels", 1.0)
            .with("version", env!("CARGO_PKG_VERSION"))
            .with("profile", if cfg!(debug_assertions) { "debug" } else { "release" })
            .with("arch", std::env::consts::ARCH),
        Sample::level("soketi_process_start_time_seconds", "tidewire_process_start_time_seconds", (at / 1_000_000) as f64),
    ]);
}

fn open_files_max() -> f64 {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|n| n.parse().ok()).unwrap_or(0.0)
}

/// User and system time: fields 14 and 15 of `/proc/self/stat`, counted from behind the name in parentheses.
fn processor_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    fields.skip(11).take(2).filter_map(|n| n.parse::<f64>().ok()).sum::<f64>() / TICKS_PER_SECOND
}
