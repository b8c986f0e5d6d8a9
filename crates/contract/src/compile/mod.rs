//! From the folder to the [`Contract`], or to every mistake in it.

pub(crate) mod rule;
pub(crate) mod schema;

use crate::{Contract, problem::Problem};
use std::{path::Path, sync::Arc};

/// Compiles the contract in `folder` (`contract.yaml` and what it refers to).
///
/// # Errors
/// Every mistake found, in the order of the source; never empty.
pub fn compile(folder: &Path) -> Result<Contract, Vec<Problem>> {
    let _ = folder;
    todo!()
}

/// Compiles every contract below `folder` (or `folder` itself, if it is one), and checks that they can be served side by side.
///
/// # Errors
/// Every mistake of every contract; never empty.
pub fn load_all(folder: &Path) -> Result<Vec<Arc<Contract>>, Vec<Problem>> {
    let _ = folder;
    todo!()
}
