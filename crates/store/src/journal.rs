//! The journal's raw bytes, read before the storage engine may touch them.
//!
//! The engine cuts its journal at the first thing that it does not understand, whatever lies behind it: right for a write that
//! a crash has torn, wrong for damage in the middle. Only the bytes tell the two apart. So every batch carries a [`Marker`]:
//! its number, and up to which number everything was on the medium when it was written. Where the intact batches end and a
//! marker further on says that more than these was synced, bytes were damaged after they had been promised.
//!
//! ```text
//! journal  batch … | zeros
//! batch    1 | items u32 | seqno u64        then each item:  2 | kind u8 | compression u8 = 0 | keyspace u64 | key length u16
//!          | value length u32 | length here u32 | key | value        then:  3 | xxh3 of the items u64 | "FJL\x03"     all LE
//! ```

use crate::{
    OpenError,
    rows::{MARKER, Marker},
    varint::Reader,
};
use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// To compare with what nobody has written yet.
static ZEROS: [u8; 4096] = [0; 4096];

/// What the journals hold, in the order in which they were written.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub files: Vec<Scanned>,
    /// Number of the last batch before which all are intact; 0 where there is none.
    pub last: u64,
    /// The first damage.
    pub damage: Option<Damage>,
}

#[derive(Debug)]
pub(crate) struct Scanned {
    pub path: PathBuf,
    pub length: u64,
    /// Where the intact batches end.
    pub intact: u64,
    /// Behind `intact` there is something other than the zeros of a file that was made larger than its contents.
    pub torn: bool,
    /// Number and end of each batch that is intact.
    pub ends: Vec<(u64, u64)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Damage {
    pub file: usize,
    pub path: PathBuf,
    pub what: String,
}

/// Reads all journals of the folder. `promised` is the last batch that must be there, as far as is known from elsewhere.
pub(crate) fn scan(folder: &Path, promised: u64) -> Result<Scan, OpenError> {
    let mut scan = Scan::default();
    for (n, path) in paths(folder)?.into_iter().enumerate() {
        let bytes = std::fs::read(&path).map_err(OpenError::io(&path))?;
        let (file, damage) = look(&path, &bytes, &mut scan.last);
        scan.files.push(file);
        if let Some(what) = damage {
            // What follows the damage is not counted: it is lost with it, or the store stays shut.
            scan.damage = Some(Damage { file: n, path, what });
            return Ok(scan);
        }
    }
    let torn = scan.files.iter().position(|file| file.torn);
    if let Some(n) = torn.filter(|_| promised > scan.last) {
        let file = &scan.files[n];
        let what = format!("{}; everything up to batch {promised} was acknowledged", file.describe(scan.last));
        scan.damage = Some(Damage { file: n, path: file.path.clone(), what });
    }
    Ok(scan)
}

impl Scanned {
    fn describe(&self, last: u64) -> String {
        format!("bytes from {} on are not what was written (the last intact batch is {last})", self.intact)
    }
}

fn look(path: &Path, bytes: &[u8], last: &mut u64) -> (Scanned, Option<String>) {
    let mut file = Scanned { path: path.to_owned(), length: bytes.len() as u64, intact: 0, torn: false, ends: Vec::new() };
    let mut rest = bytes;
    while let Some((marker, length)) = batch(rest) {
        if let Some(marker) = marker {
            if *last != 0 && marker.previous != *last {
                let what = format!("batches {} to {} are missing before byte {}", *last + 1, marker.previous, file.intact);
                return (file, Some(what));
            }
            *last = marker.number;
        }
        rest = &rest[length..];
        file.intact += length as u64;
        file.ends.push((*last, file.intact));
    }
    file.torn = !rest.chunks(ZEROS.len()).all(|part| part == &ZEROS[..part.len()]);
    let synced = if file.torn { later_marker(rest).map_or(0, |m| m.synced) } else { 0 };
    let damage =
        (synced > *last).then(|| format!("{}; a later batch says that everything up to batch {synced} was synced", file.describe(*last)));
    (file, damage)
}

/// The batch at the start of these bytes, if it is whole and intact: its marker and its length.
fn batch(bytes: &[u8]) -> Option<(Option<Marker>, usize)> {
    let mut r = Reader(bytes);
    if r.u8().ok()? != 1 {
        return None;
    }
    let (count, _seqno) = (r.u32().ok()?, r.u64().ok()?);
    let items = r.0;
    let mut marker = None;
    for _ in 0..count {
        if r.u8().ok()? != 2 {
            return None;
        }
        let [_kind, compression] = r.array().ok()?;
        if compression != 0 {
            return None;
        }
        let _keyspace = r.u64().ok()?;
        let key_length = u16::from_le_bytes(r.array().ok()?);
        let _length = r.u32().ok()?;
        let length = r.u32().ok()?;
        let key = r.take(usize::from(key_length)).ok()?;
        let value = r.take(length as usize).ok()?;
        if key == MARKER {
            marker = Marker::decode(value);
        }
    }
    let items = &items[..items.len() - r.0.len()];
    if r.u8().ok()? != 3 || r.u64().ok()? != xxhash_rust::xxh3::xxh3_64(items) || r.take(4).ok()? != b"FJL\x03" {
        return None;
    }
    Some((marker, bytes.len() - r.0.len()))
}

/// Of all intact markers in these bytes, wherever they are, the one that knows of the most synced batches.
fn later_marker(bytes: &[u8]) -> Option<Marker> {
    let found = memchr::memmem::find_iter(bytes, &Marker::MAGIC);
    found.filter_map(|at| Marker::decode(bytes[at..].get(..Marker::LENGTH)?)).max_by_key(|m| m.synced)
}

/// All journals, oldest first.
pub(crate) fn paths(folder: &Path) -> Result<Vec<PathBuf>, OpenError> {
    let mut paths: Vec<(u64, PathBuf)> = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(OpenError::io(folder)(e)),
    };
    for entry in entries {
        let path = entry.map_err(OpenError::io(folder))?.path();
        let id = path.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".jnl")).and_then(|n| n.parse::<u64>().ok());
        paths.extend(id.map(|id| (id, path)));
    }
    paths.sort();
    Ok(paths.into_iter().map(|(_, path)| path).collect())
}

/// Makes an end of the file at `length`, on the medium too.
pub(crate) fn cut(path: &Path, length: u64) -> std::io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_all()
}

/// Makes an end of the file at `length` and writes what is before it once more, on a handle of its own. After a failed sync the
/// kernel may call pages clean that never reached the medium: only writing them again makes a later sync mean anything.
/// It is done in place, since there may be no room for a copy; the bytes are the same, so a crash meanwhile does no harm.
pub(crate) fn rewrite(path: &Path, length: u64) -> std::io::Result<()> {
    let bytes = std::fs::read(path)?;
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.write_all_at(&bytes[..bytes.len().min(length as usize)], 0)?;
    file.sync_all()
}

pub(crate) fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
