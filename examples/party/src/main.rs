//! Runs the engine by itself; its configuration is in the environment (see the README beside it).

use tidewire_example_backend::Config as Common;
use tidewire_example_party::{Config, run, run_on_redis};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let running = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--redis", url] => {
            let key = std::env::var("TIDEWIRE_BACKEND_KEY").unwrap_or_default();
            let common = Common { backend_key: key, listen: Common::listen_from_env()?, ..Common::default() };
            run_on_redis(Config { common, ..Config::default() }, url).await?
        }
        [] => {
            let secret = std::env::var("HANDOVER_SECRET").map_err(|_| "HANDOVER_SECRET is not set")?;
            run(Config { common: Common::from_env()?, secret, ..Config::default() }).await?
        }
        _ => return Err("there is only --redis redis://HOST:PORT".into()),
    };
    println!("listening on http://{}", running.address);
    std::future::pending::<()>().await;
    Ok(())
}
