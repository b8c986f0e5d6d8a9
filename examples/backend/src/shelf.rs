//! Where a backend's state is kept between its runs: one lump of bytes.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    pin::Pin,
};

pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps the state; a later run finds what was saved last.
pub trait Shelf: Send + Sync + 'static {
    /// What was saved last; `None` where nothing is.
    ///
    /// # Errors
    /// When it cannot be read.
    fn load(&self) -> BoxFuture<'_, io::Result<Option<Vec<u8>>>>;

    /// Returns when it will be found again.
    ///
    /// # Errors
    /// When it may not be.
    fn save(&self, state: Vec<u8>) -> BoxFuture<'_, io::Result<()>>;
}

/// A file, replaced at each save.
pub struct InFile(pub PathBuf);

/// Nothing is kept.
pub struct Nowhere;

impl InFile {
    pub(crate) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        if self.0.exists() { fs::read(&self.0).map(Some) } else { Ok(None) }
    }

    fn write(&self, state: &[u8]) -> io::Result<()> {
        let folder = self.0.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let new = self.0.with_extension("new");
        let mut file = File::create(&new)?;
        file.write_all(state)?;
        file.sync_data()?;
        fs::rename(new, &self.0)?;
        File::open(folder)?.sync_all()
    }
}

impl Shelf for InFile {
    fn load(&self) -> BoxFuture<'_, io::Result<Option<Vec<u8>>>> {
        Box::pin(async { self.read() })
    }

    fn save(&self, state: Vec<u8>) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async move { self.write(&state) })
    }
}

impl Shelf for Nowhere {
    fn load(&self) -> BoxFuture<'_, io::Result<Option<Vec<u8>>>> {
        Box::pin(async { Ok(None) })
    }

    fn save(&self, _: Vec<u8>) -> BoxFuture<'_, io::Result<()>> {
        Box::pin(async { Ok(()) })
    }
}
