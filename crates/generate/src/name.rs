//! Names made of other names.

/// A name of letters, digits, `.`, `_` and `-`, which can be a file's, a component's and a part of an address: the `*` of a
/// pattern becomes `any`.
pub fn plain(name: &str) -> String {
    let name = name.strip_suffix('*').map_or_else(|| name.to_owned(), |prefix| format!("{prefix}any"));
    name.replace(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)), "_")
}

/// A name that none of `taken` is; it is added to them.
pub fn unique(name: String, taken: &mut Vec<String>) -> String {
    let mut candidate = name.clone();
    let mut n = 2;
    while taken.contains(&candidate) {
        candidate = format!("{name}-{n}");
        n += 1;
    }
    taken.push(candidate.clone());
    candidate
}

/// Text as a regular expression that matches it alone.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if r"\.+*?()|[]{}^$/".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
