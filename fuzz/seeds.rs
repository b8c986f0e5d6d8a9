//! Writes the seeds of every target to `corpus/TARGET/`, where libFuzzer begins.

use std::{fs, io, path::Path};

fn main() -> io::Result<()> {
    for target in tidewire_hostile::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        fs::create_dir_all(&folder)?;
        for (at, seed) in target.seeds.iter().enumerate() {
            fs::write(folder.join(format!("seed-{at}")), seed)?;
        }
    }
    Ok(())
}
