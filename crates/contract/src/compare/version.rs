//! Versions of contracts, as far as they say whether something may break.

/// Whether `new` says of itself that it breaks what `old` was: its first number is higher, or, as long as that is 0, its
/// second ([Semantic Versioning](https://semver.org), 4 and 8).
pub fn is_major(old: &str, new: &str) -> bool {
    let (Some(old), Some(new)) = (numbers(old), numbers(new)) else { return false };
    new.0 > old.0 || new.0 == 0 && old.0 == 0 && new.1 > old.1
}

/// `1.4.2` is (1, 4); `v2` is (2, 0).
fn numbers(version: &str) -> Option<(u64, u64)> {
    let core = version.trim().trim_start_matches('v').split(['-', '+']).next()?;
    let mut parts = core.split('.').map(|part| part.parse::<u64>().ok());
    Some((parts.next()??, parts.next().unwrap_or(Some(0))?))
}
