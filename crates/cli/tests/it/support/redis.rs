//! Redis for a test, and a line to it that can be cut.
#[path = "../../../../redis/tests/support/mod.rs"]
mod started;

pub use started::{Redis, command, free_port};

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Passes connections on to a port of this machine.
pub struct Line {
    pub port: u16,
    cuts: watch::Sender<u64>,
    stalls: watch::Sender<u64>,
    open: Arc<AtomicBool>,
    losing: Losing,
}

/// What the next request has in it whose answer gets lost.
type Losing = Arc<Mutex<Option<String>>>;

impl Line {
    pub async fn to(target: u16) -> Line {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (cuts, cut) = watch::channel(0);
        let (stalls, stall) = watch::channel(0);
        let (open, losing) = (Arc::new(AtomicBool::new(true)), Losing::default());
        let (is_open, is_losing) = (open.clone(), losing.clone());
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                if !is_open.load(Ordering::SeqCst) {
                    continue;
                }
                let (mut cut, mut stall, losing) = (cut.clone(), stall.clone(), is_losing.clone());
                cut.mark_unchanged();
                stall.mark_unchanged();
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(("127.0.0.1", target)).await else { return };
                    let (mut near, mut far) = (near, far);
                    tokio::select! {
                        () = pass(&mut near, &mut far, &losing) => return,
                        _ = cut.changed() => return,
                        _ = stall.changed() => {}
                    }
                    // Both are there still, and hear nothing of each other.
                    let _ = cut.changed().await;
                });
            }
        });
        Line { port, cuts, stalls, open, losing }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    /// All that is connected is not any more.
    pub fn cut(&self) {
        self.cuts.send_modify(|n| *n += 1);
    }

    /// All that is connected stays so, but nothing goes over it any more.
    pub fn stall(&self) {
        self.stalls.send_modify(|n| *n += 1);
    }

    /// The answer to the next request that has this in it gets lost, with the connection.
    pub fn lose_answer_to(&self, text: &str) {
        *self.losing.lock().unwrap() = Some(text.to_owned());
    }

    /// Whether such a request came.
    pub fn has_lost(&self) -> bool {
        self.losing.lock().unwrap().is_none()
    }

    /// Nothing gets through until it is mended.
    pub fn close(&self) {
        self.open.store(false, Ordering::SeqCst);
        self.cut();
    }

    pub fn mend(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

/// Until either side ends.
async fn pass(near: &mut TcpStream, far: &mut TcpStream, losing: &Losing) {
    let (mut near_in, mut near_out) = near.split();
    let (mut far_in, mut far_out) = far.split();
    let asked = async {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let length = near_in.read(&mut bytes).await.unwrap_or(0);
            let is_lost = losing.lock().unwrap().take_if(|text| has(&bytes[..length], text.as_bytes())).is_some();
            if length == 0 || far_out.write_all(&bytes[..length]).await.is_err() {
                return false;
            }
            if is_lost {
                return true;
            }
        }
    };
    let is_lost = tokio::select! {
        is_lost = asked => is_lost,
        _ = copy(&mut far_in, &mut near_out) => false,
    };
    if is_lost {
        let _ = far_in.read(&mut [0; 1024]).await;
    }
}

fn has(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
