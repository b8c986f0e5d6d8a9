//! `tidewire check --against`: what a new contract would break.

mod old;

use crate::fail;
use old::Old;
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};
use tidewire_contract::{
    Contract,
    compare::{Edition, Finding, Severity, compare_all, is_major, kind_of},
    load_all,
    problem::render_all,
};

/// The part of `check` that compares.
#[derive(clap::Args)]
pub struct Against {
    /// Compare with what the contracts were: a folder, or a git revision (`HEAD~3`, `v1.2.0`, `v1.2.0:its/folder`).
    ///
    /// Exits with 1 if somebody who is out there would break.
    #[arg(long, value_name = "OLD")]
    against: Option<String>,
    /// Accept a finding on purpose: `ID@CONTRACT/FILE#POINTER`, as its last line says.
    #[arg(long, value_name = "FINDING", requires = "against")]
    allow: Vec<String>,
    /// Exit with 1 on what may break, too.
    #[arg(long, requires = "against")]
    strict: bool,
}

impl Against {
    /// Whether there is anything to compare with.
    pub fn wanted(&self) -> bool {
        self.against.is_some()
    }
}

/// What became of a finding.
#[derive(Clone, Copy, PartialEq)]
enum Standing {
    Fails,
    /// It is told, and does not fail.
    Told,
    /// By `--allow`.
    Accepted,
    /// The contract's version says that it breaks.
    Announced,
}

/// Compares the contracts in `folder`, which have no mistakes, with those that `--against` names.
pub fn main(args: &Against, folder: &Path, contracts: &[Arc<Contract>], json: bool) -> ExitCode {
    let Some(against) = &args.against else { return ExitCode::SUCCESS };
    if let Some(unknown) = args.allow.iter().find(|allow| allow.split_once('@').is_none_or(|(id, _)| kind_of(id).is_none())) {
        return fail(format!("'{unknown}' accepts nothing: write ID@CONTRACT/FILE#POINTER, as the last line of a finding says"));
    }
    let old = match Old::find(against, folder) {
        Ok(old) => old,
        Err(message) => return fail(message),
    };
    let before = match load_all(&old.folder) {
        Ok(before) => before,
        Err(mut problems) => {
            problems.iter_mut().for_each(|problem| problem.file = old.shown(&problem.file));
            eprint!("{}", render_all(&problems));
            return fail(format!("the contracts to compare with have mistakes: {}", old.name));
        }
    };
    // One contract is compared with the one that it was, whatever there was beside it.
    let one = folder.join("contract.yaml").is_file();
    let before: Vec<_> = before.into_iter().filter(|b| !one || contracts.iter().any(|c| c.name == b.name)).collect();
    if one && before.is_empty() {
        let names: Vec<&str> = contracts.iter().map(|c| c.name.as_str()).collect();
        return fail(format!("there is no contract `{}` in {}", names.join("`, `"), old.name));
    }
    let findings = compare(&before, contracts, &old);
    let standing = |finding: &Finding| standing(finding, args, &before, contracts);
    if json {
        let all: Vec<Value> = findings.iter().map(|finding| as_json(finding, standing(finding))).collect();
        match serde_json::to_string_pretty(&all) {
            Ok(json) => println!("{json}"),
            Err(error) => return fail(error),
        }
    } else {
        for finding in &findings {
            let standing = standing(finding);
            println!("{}\n", finding.render(matches!(standing, Standing::Accepted | Standing::Announced)));
        }
        sum_up(&findings, &standing, &old);
    }
    for allow in args.allow.iter().filter(|allow| findings.iter().all(|finding| finding.accept != **allow)) {
        eprintln!("tidewire: nothing is found that --allow {allow} would accept: it can be removed");
    }
    if findings.iter().any(|finding| standing(finding) == Standing::Fails) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn compare(before: &[Arc<Contract>], now: &[Arc<Contract>], old: &Old) -> Vec<Finding> {
    type Reader = Box<dyn Fn(&str) -> Option<String>>;
    let readers = |contracts: &[Arc<Contract>]| -> Vec<Reader> {
        let reader = |contract: &Arc<Contract>| -> Reader {
            let folder = contract.folder.clone();
            Box::new(move |file: &str| std::fs::read_to_string(folder.join(file)).ok())
        };
        contracts.iter().map(reader).collect()
    };
    let (old_readers, new_readers) = (readers(before), readers(now));
    let shown = |contract: &Contract| old.shown(&contract.folder);
    let was: Vec<Edition<'_>> = before.iter().zip(&old_readers).map(|(c, read)| Edition::new(c, shown(c), read)).collect();
    let is: Vec<Edition<'_>> = now.iter().zip(&new_readers).map(|(c, read)| Edition::new(c, c.folder.clone(), read)).collect();
    compare_all(&was, &is)
}

fn standing(finding: &Finding, args: &Against, before: &[Arc<Contract>], now: &[Arc<Contract>]) -> Standing {
    if args.allow.contains(&finding.accept) {
        return Standing::Accepted;
    }
    let fails = finding.severity == Severity::Breaks || args.strict && finding.severity == Severity::MayBreak;
    let version = |contracts: &[Arc<Contract>]| contracts.iter().find(|c| c.name == finding.contract).map(|c| c.version.clone());
    let announced = matches!((version(before), version(now)), (Some(before), Some(now)) if is_major(&before, &now));
    match (fails, announced) {
        (false, _) => Standing::Told,
        (true, true) => Standing::Announced,
        (true, false) => Standing::Fails,
    }
}

fn as_json(finding: &Finding, standing: Standing) -> Value {
    let mut value = serde_json::to_value(finding).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.insert("accepted".to_owned(), matches!(standing, Standing::Accepted | Standing::Announced).into());
    }
    value
}

fn sum_up(findings: &[Finding], standing: &dyn Fn(&Finding) -> Standing, old: &Old) {
    let count = |wanted: &dyn Fn(&Finding) -> bool| findings.iter().filter(|finding| wanted(finding)).count();
    let of = |severity: Severity| count(&|finding| finding.severity == severity);
    let accepted = count(&|finding| standing(finding) == Standing::Accepted);
    let announced = count(&|finding| standing(finding) == Standing::Announced);
    let mut line = format!(
        "against {}: {} break, {} may break, {} to be noted",
        old.name,
        of(Severity::Breaks),
        of(Severity::MayBreak),
        of(Severity::Notable)
    );
    if accepted > 0 {
        line.push_str(&format!("; {accepted} accepted"));
    }
    if announced > 0 {
        line.push_str(&format!("; {announced} announced by the version"));
    }
    println!("{line}");
    if count(&|finding| standing(finding) == Standing::Fails && finding.severity == Severity::Breaks) > 0 {
        println!("docs/evolving.md says what each of them means");
    }
}

/// For [`old`]: where a path is, whatever it is relative to.
fn absolute(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| format!("{}: {error}", path.display()))
}
