//! The generator against the floor: every frame that the floor writes is counted once, in order, with a latency.

use clap::Parser;
use std::process::{Command, ExitCode};

/// What the program would be: the generator starts its floor from the program it runs in.
#[derive(Parser)]
enum Program {
    Bench(tidewire_bench::Args),
}

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some("bench") {
        let Program::Bench(args) = Program::parse();
        return tidewire_bench::main(args);
    }
    let program = std::env::current_exe().expect("this program");
    let run = Command::new(program).args(["bench", "--quick", "--json", "--only", "floor"]).output().expect("it runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let figure: serde_json::Value = serde_json::from_slice(&run.stdout).expect("one figure");
    let value = |name: &str| figure["values"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {figure}"));
    for fault in ["lost", "repeated", "out of order", "connections ended"] {
        assert_eq!(value(fault), 0.0, "{fault}");
    }
    assert!(value("deliveries/s") > 0.0 && value("p50 ms") > 0.0 && value("cpu s per million, median") > 0.0, "{figure}");
    ExitCode::SUCCESS
}
