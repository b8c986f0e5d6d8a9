//! `tidewire new`: a contract to begin with.

use crate::fail;
use rand::{Rng, distr::Alphanumeric};
use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};
use tidewire_contract::{compile, is_contract_name, render_all};
use tidewire_server::config::BackendKey;

/// Begins a contract: a folder with a contract.yaml that explains itself, the schemas of its events, actors and a flow. It can be checked,
/// mocked and served as it is.
///
/// Nothing that is there is written over.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  \
    tidewire new chat\n  \
    tidewire new chat --in protocols")]
pub struct Args {
    /// The contract's name: a-z, 0-9 and -, beginning with a letter.
    name: String,
    /// The folder of contracts; the new one is a folder in it. It is made if it is not there.
    #[arg(long = "in", value_name = "FOLDER", default_value = "contracts")]
    folder: PathBuf,
}

const CONTRACT: &str = include_str!("new/contract.yaml");
const SCHEMAS: &[(&str, &str)] = &[
    ("message.send.json", include_str!("new/schemas/message.send.json")),
    ("message.created.json", include_str!("new/schemas/message.created.json")),
    ("message.deleted.json", include_str!("new/schemas/message.deleted.json")),
];

pub fn main(args: &Args) -> ExitCode {
    if !is_contract_name(&args.name) {
        return fail(format!("'{}' cannot be a contract's name: a-z, 0-9 and -, beginning with a letter, at most 63 of them", args.name));
    }
    let folder = args.folder.join(&args.name);
    if let Err(error) = fs::create_dir_all(&args.folder) {
        return fail(format!("cannot make the folder {}: {error}", args.folder.display()));
    }
    match fs::create_dir(&folder) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            return fail(format!("{} is there already, and nothing was written: choose another name", folder.display()));
        }
        Err(error) => return fail(format!("cannot make the folder {}: {error}", folder.display())),
    }
    if let Err(error) = write(&folder, &args.name) {
        return fail(format!("cannot write to {}: {error}", folder.display()));
    }
    if let Err(problems) = compile(&folder) {
        return fail(format!("what was written does not compile:\n{}", render_all(&problems)));
    }
    print!("{}", next(&folder, args));
    ExitCode::SUCCESS
}

fn write(folder: &Path, name: &str) -> io::Result<()> {
    fs::write(folder.join("contract.yaml"), CONTRACT.replace("__NAME__", name).replace("__TITLE__", &title(name)))?;
    fs::create_dir(folder.join("schemas"))?;
    SCHEMAS.iter().try_for_each(|(file, schema)| fs::write(folder.join("schemas").join(file), schema))
}

/// `night-shift` → `Night shift`.
fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut chars = words.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// What can be done now. The keys are made for these lines and are kept nowhere.
fn next(folder: &Path, args: &Args) -> String {
    let random = || -> String { rand::rng().sample_iter(Alphanumeric).take(48).map(char::from).collect() };
    let (name, path, all, key) = (&args.name, folder.display(), args.folder.display(), random());
    let variable = format!("TIDEWIRE_CONTRACTS_{}", name.to_ascii_uppercase().replace('-', "_"));
    format!(
        "{path}/contract.yaml and its schemas are there. Now:\n\n\
         tidewire check {path}            # whether it has mistakes, and what is missing\n\
         tidewire flow {path}             # play its flows against a server of their own\n\
         tidewire mock {path}             # serve it with made-up events, without a backend\n\
         tidewire gen markdown {path}     # its documentation; `gen typescript` for types\n\n\
         # Serve it. These keys are new, and are kept nowhere but here:\n\
         export {variable}_AUTH_SECRET={secret}\n\
         export {variable}_BACKEND_KEYS={hash}\n\
         tidewire serve --contracts {all}\n\n\
         # In another terminal, with the same two lines `export`:\n\
         TOKEN=$(tidewire token {name} --claim sub=ana --claim 'rooms=[\"lobby\"]')\n\
         tidewire tail room:lobby --contracts {all} --token $TOKEN\n\
         tidewire publish room:lobby message.deleted '{{\"id\":\"6f0f9d2e-8a44-5a0e-9b1a-0d4c1a5f7e11\"}}' --backend-key {key}\n",
        secret = random(),
        hash = BackendKey::of(&key).to_text(),
    )
}
