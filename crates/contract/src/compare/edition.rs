//! One of the two contracts, with its files.

use crate::{
    Contract,
    compile::{
        source::Reporter,
        yaml::{self, Node},
    },
};
use std::{cell::RefCell, collections::HashMap, ops::Range, path::PathBuf, rc::Rc, sync::Arc};

/// The file of the contract itself.
pub(super) const CONTRACT_FILE: &str = "contract.yaml";

/// A contract as it was, or as it is to be.
pub struct Edition<'a> {
    pub contract: &'a Contract,
    /// Its folder, as findings call it: `contracts/chat`, `v1.2.0:contracts/chat`.
    pub folder: PathBuf,
    /// The text of a file by its path relative to the folder.
    read: &'a dyn Fn(&str) -> Option<String>,
    files: RefCell<HashMap<String, Rc<File>>>,
}

/// A file, read, with a place for every value.
pub(super) struct File {
    pub text: Arc<str>,
    document: Option<Node>,
}

impl<'a> Edition<'a> {
    pub fn new(contract: &'a Contract, folder: PathBuf, read: &'a dyn Fn(&str) -> Option<String>) -> Edition<'a> {
        Edition { contract, folder, read, files: RefCell::default() }
    }

    pub(super) fn file(&self, name: &str) -> Rc<File> {
        if let Some(file) = self.files.borrow().get(name) {
            return Rc::clone(file);
        }
        let text: Arc<str> = (self.read)(name).unwrap_or_default().into();
        // JSON is YAML: the same reader gives every value its place.
        let document = yaml::read(&text, &Reporter::new(PathBuf::new(), Arc::clone(&text)));
        let file = Rc::new(File { text, document });
        self.files.borrow_mut().insert(name.to_owned(), Rc::clone(&file));
        file
    }

    /// Whether the contract's file says something there.
    pub(super) fn says(&self, pointer: &str) -> bool {
        self.file(CONTRACT_FILE).find(pointer).1
    }
}

impl File {
    /// Where the value at a pointer stands, or the nearest that is around it; and whether it is that itself.
    pub fn find(&self, pointer: &str) -> (Range<usize>, bool) {
        let Some(document) = &self.document else { return (0..0, false) };
        let (span, is_it) = document.at_pointer(pointer);
        (span.unwrap_or(0..1), is_it)
    }
}
