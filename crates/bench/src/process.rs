//! What the kernel knows of a process that is measured: its processor time and its memory.

use nix::{sys::time::TimeValLike, time::clock_getcpuclockid, unistd::Pid};
use std::{fs, io};

/// Processor time of a process so far, in nanoseconds: all its threads, those that have ended too. It is read from the
/// process's own clock; the times in `/proc` are rounded to hundredths of a second.
///
/// # Errors
/// There is no such process.
pub fn cpu_ns(pid: u32) -> io::Result<u64> {
    let time = clock_getcpuclockid(Pid::from_raw(pid as i32)).and_then(|clock| clock.now());
    let time = time.map_err(|e| io::Error::other(format!("the processor time of process {pid} cannot be read: {e}")))?;
    Ok(time.num_nanoseconds() as u64)
}

/// Memory of a process that is in use (its resident set), in bytes.
///
/// # Errors
/// There is no such process, or it is somebody else's.
pub fn memory(pid: u32) -> io::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))
        .map_err(|e| io::Error::other(format!("the memory of process {pid} cannot be read: {e}")))?;
    resident(&text).ok_or_else(|| io::Error::other(format!("process {pid} does not say how much memory it uses")))
}

/// The resident set in what `smaps_rollup` says, in bytes.
fn resident(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|l| l.strip_prefix("Rss:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_threads_that_have_ended_counts() {
        let pid = std::process::id();
        let before = cpu_ns(pid).expect("a clock");
        let spent = std::thread::spawn(move || while cpu_ns(pid).expect("a clock") - before < 20_000_000 {});
        spent.join().expect("it ends");
        assert!(cpu_ns(pid).expect("a clock") - before >= 20_000_000);
    }

    #[test]
    fn memory_is_the_resident_set() {
        assert_eq!(resident("00400000-7fff r\nRss:              1234 kB\nPss: 7 kB\n"), Some(1234 * 1024));
        assert_eq!(resident("Pss: 7 kB\n"), None);
        assert!(memory(std::process::id()).expect("there is memory") > 0);
    }
}
