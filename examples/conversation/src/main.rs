//! Runs the backend by itself; its configuration is in the environment (see the README beside it).

use tidewire_example_conversation::{Config, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let running = run(Config::from_env()?).await?;
    println!("listening on http://{}", running.address);
    std::future::pending::<()>().await;
    Ok(())
}
