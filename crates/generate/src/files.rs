//! What a generator hands out.

/// Files, and what could not be said in them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Files {
    /// In the order of their paths.
    pub files: Vec<File>,
    /// What the kind of file has no word for, a sentence each; for the one who generates.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Relative, with `/` between its parts.
    pub path: String,
    /// Ends in a newline.
    pub text: String,
}

impl Files {
    /// One file, and nothing left unsaid.
    pub fn one(path: impl Into<String>, text: String) -> Files {
        Files { files: vec![File { path: path.into(), text }], notes: Vec::new() }
    }
}
