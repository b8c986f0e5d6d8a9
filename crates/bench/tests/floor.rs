//! The generator against the floor: every frame that the floor writes is counted once, in order, with a latency.

use clap::Parser;
use std::{
    path::Path,
    process::{Command, ExitCode},
};

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
    let run = Command::new(&program).args(["bench", "--quick", "--json", "--only", "floor"]).output().expect("it runs");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let figure: serde_json::Value = serde_json::from_slice(&run.stdout).expect("one figure");
    let value = |name: &str| figure["values"][name].as_f64().unwrap_or_else(|| panic!("no {name} in {figure}"));
    for fault in ["lost", "repeated", "out of order", "connections ended"] {
        assert_eq!(value(fault), 0.0, "{fault}");
    }
    assert!(value("deliveries/s") > 0.0 && value("p50 ms") > 0.0 && value("cpu s per million, median") > 0.0, "{figure}");
    nobody_is_there(&program);
    a_server_can_be_prepared(&program);
    ExitCode::SUCCESS
}

fn nobody_is_there(program: &Path) {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    for (url, expected) in
        [(format!("http://{address}"), "no server listens at http://127.0.0.1:"), ("nonsense".into(), "give http://HOST:PORT")]
    {
        let run = Command::new(program).args(["bench", "--url", &url, "--quick"]).output().expect("it runs");
        let said = String::from_utf8_lossy(&run.stderr);
        assert!(!run.status.success() && said.contains(expected), "{said}");
    }
}

fn a_server_can_be_prepared(program: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let run = Command::new(program).args(["bench", "--prepare"]).arg(folder.path()).output().expect("it runs");
    assert!(run.status.success() && run.stdout.starts_with(b"tidewire serve --config "), "{run:?}");
    assert!(folder.path().join("tidewire.toml").is_file() && folder.path().join("contracts/bench/contract.yaml").is_file());
}
