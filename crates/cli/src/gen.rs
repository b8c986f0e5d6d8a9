//! `tidewire gen`: what is made from a contract, written to files, or compared with those that are there; and the way back.

mod write;

use crate::fail;
use clap::ValueEnum;
use std::{fs, path::PathBuf, process::ExitCode, sync::Arc};
use tidewire_contract::{Contract, compile_source, load_all, problem::render_all};
use tidewire_generate::{
    File, Files,
    asyncapi::{self, View},
    jsonschema, markdown, typescript,
};

/// Makes documents and code from contracts: the same contract gives the same bytes.
///
/// Without `--out`, one file goes to standard output. What a kind of file has no word for is said on standard error.
#[derive(clap::Args)]
pub struct Args {
    /// What to make.
    #[arg(value_enum)]
    kind: Kind,
    /// A contract's folder, or a folder of contracts; for `contract`, an AsyncAPI document (JSON or YAML).
    contract: PathBuf,
    /// A file, or a folder (one that is there, or a name that ends in `/`) that gets files of their own names.
    #[arg(long)]
    out: Option<PathBuf>,
    /// For `asyncapi`: channels and events, or endpoints and frames. A folder gets both if this is not given.
    #[arg(long, value_enum)]
    view: Option<Seen>,
    /// Write nothing: exit with 1 if what is at `--out` is not what would be written.
    #[arg(long, requires = "out")]
    check: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Kind {
    /// Definitions of all that clients send and receive, for TypeScript: NAME.ts.
    Typescript,
    /// AsyncAPI 3.0: NAME.asyncapi.json, and NAME.wire.asyncapi.json for the frames.
    Asyncapi,
    /// JSON Schemas of payloads and frames: a folder NAME, or one bundle.
    Jsonschema,
    /// The contract document, for people: NAME.md.
    Markdown,
    /// A contract from an AsyncAPI document: the same one that it was made of; as much of one as can be made, if it was made of none.
    Contract,
}

#[derive(Clone, Copy, ValueEnum)]
enum Seen {
    Logical,
    Wire,
}

pub fn main(args: &Args) -> ExitCode {
    if args.view.is_some() && args.kind != Kind::Asyncapi {
        return fail("`--view` is for `asyncapi` alone: leave it out");
    }
    let made = if args.kind == Kind::Contract { restored(args) } else { generated(args) };
    let made = match made {
        Ok(made) => made,
        Err(message) => {
            eprint!("{message}");
            return ExitCode::FAILURE;
        }
    };
    for note in &made.notes {
        eprintln!("note: {note}");
    }
    match write::out(&made.files, args.out.as_deref(), args.check) {
        Ok(()) if args.kind == Kind::Contract => compiles(&made.files),
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(message),
    }
}

/// The files of each contract, or what is wrong with them as it is to be printed.
fn generated(args: &Args) -> Result<Files, String> {
    let contracts = load_all(&args.contract).map_err(|problems| render_all(&problems))?;
    let mut made = Files::default();
    for contract in &contracts {
        let files = make(args, contract);
        let several = contracts.len() > 1;
        made.files.extend(files.files);
        made.notes.extend(files.notes.into_iter().map(|note| if several { format!("{}: {note}", contract.name) } else { note }));
    }
    Ok(made)
}

fn make(args: &Args, contract: &Arc<Contract>) -> Files {
    let name = &contract.name;
    let to_folder = write::is_folder(args.out.as_deref());
    match args.kind {
        Kind::Typescript => Files::one(format!("{name}.ts"), typescript::definitions(contract)),
        Kind::Markdown => Files::one(format!("{name}.md"), markdown::document(contract)),
        Kind::Jsonschema if to_folder => jsonschema::files(contract),
        Kind::Jsonschema => jsonschema::bundle(contract),
        Kind::Asyncapi => {
            let views: &[View] = match args.view {
                Some(Seen::Wire) => &[View::Wire],
                None if to_folder => &[View::Logical, View::Wire],
                Some(Seen::Logical) | None => &[View::Logical],
            };
            let mut files = Files::default();
            for view in views {
                let (document, notes) = asyncapi::document(contract, *view);
                let infix = if *view == View::Wire { ".wire" } else { "" };
                files.files.push(File { path: format!("{name}{infix}.asyncapi.json"), text: format!("{document:#}\n") });
                // Both views have the same schemas.
                files.notes = notes;
            }
            files
        }
        Kind::Contract => Files::default(),
    }
}

fn restored(args: &Args) -> Result<Files, String> {
    let path = args.contract.display();
    let text = fs::read_to_string(&args.contract).map_err(|e| {
        let hint = if args.contract.is_dir() { ": it is a folder, and `contract` reads an AsyncAPI document" } else { "" };
        format!("tidewire: {path} cannot be read: {e}{hint}\n")
    })?;
    let restored = asyncapi::restore(&text).map_err(|failure| format!("tidewire: {path}: {failure}\n"))?;
    let mut files = restored.files();
    // On standard output there is only room for the contract itself.
    if !write::is_folder(args.out.as_deref()) && files.files.len() > 1 {
        if args.out.is_some() {
            return Err(format!("tidewire: a contract is a folder of {} files: name one, `--out FOLDER/`\n", files.files.len()));
        }
        files.notes.push(format!("the contract refers to {} schema files: `--out FOLDER/` writes them too", files.files.len() - 1));
        files.files.truncate(1);
    }
    Ok(files)
}

/// Says what is wrong with a contract that was made, if something is.
fn compiles(files: &[File]) -> ExitCode {
    let Some(contract) = files.iter().find(|file| file.path == "contract.yaml") else { return ExitCode::SUCCESS };
    if files.len() == 1 && contract.text.contains("schemas/") {
        return ExitCode::SUCCESS;
    }
    let schemas = |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.clone());
    match compile_source(&contract.path, &contract.text, &schemas) {
        Ok(_) => ExitCode::SUCCESS,
        Err(problems) => {
            eprint!("{}", render_all(&problems));
            eprintln!("tidewire: this is what could be made of the document; it needs these changes before it is a contract");
            ExitCode::FAILURE
        }
    }
}
