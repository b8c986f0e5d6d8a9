//! A WebSocket, message by message on the way to the client; what the client says goes through as it is.

use super::{
    Plan,
    imp::{Act, HELD, Imp},
};
use std::{io, sync::Arc, time::Duration};
use tidewire_wire::websocket::{self, Opcode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

/// How long a client that is being closed may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// Relays between two ends that have agreed already. `first`: what the server has sent behind its answer.
pub async fn relay(plan: Arc<Plan>, mut client: TcpStream, mut server: TcpStream, first: Vec<u8>) -> io::Result<()> {
    let mut imp = Imp::new(plan);
    let (mut said, mut told) = (Vec::new(), first);
    let mut until = Instant::now();
    loop {
        while let Some(frame) = take(&mut told) {
            let acts = match frame.text().map(str::to_owned) {
                Some(text) => imp.meet(&text, frame.bytes).await,
                // Whatever was held back comes before the end.
                None if frame.opcode == CLOSE => imp.release().into_iter().chain([Act::Tell(frame.bytes)]).collect(),
                None => vec![Act::Tell(frame.bytes)],
            };
            if imp.holds() {
                until = Instant::now() + HELD;
            }
            if !act(&mut client, acts).await? {
                return Ok(());
            }
        }
        tokio::select! {
            read = client.read_buf(&mut said) => {
                if read? == 0 {
                    return Ok(());
                }
                server.write_all(&said).await?;
                said.clear();
            }
            read = server.read_buf(&mut told) => {
                if read? == 0 {
                    act(&mut client, imp.release()).await?;
                    return Ok(());
                }
            }
            () = tokio::time::sleep_until(until), if imp.holds() => {
                act(&mut client, imp.release()).await?;
            }
        }
    }
}

const CLOSE: u8 = 8;

/// A frame of the server: whole, not masked, not compressed (RFC 6455, section 5.2).
struct Frame {
    opcode: u8,
    payload: usize,
    bytes: Vec<u8>,
}

impl Frame {
    fn text(&self) -> Option<&str> {
        (self.opcode == 1).then(|| std::str::from_utf8(&self.bytes[self.payload..]).ok())?
    }
}

/// The first frame of what has come, if all of it has.
fn take(bytes: &mut Vec<u8>) -> Option<Frame> {
    let length = usize::from(*bytes.get(1)? & 0x7f);
    let (payload, length): (usize, usize) = match length {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, short),
    };
    if bytes.len() < payload.checked_add(length)? {
        return None;
    }
    let rest = bytes.split_off(payload + length);
    let frame = std::mem::replace(bytes, rest);
    Some(Frame { opcode: frame[0] & 0x0f, payload, bytes: frame })
}

/// False: that was the end.
async fn act(client: &mut TcpStream, acts: Vec<Act>) -> io::Result<bool> {
    for act in acts {
        match act {
            Act::Tell(bytes) => client.write_all(&bytes).await?,
            Act::Gap(json) => {
                let mut bytes = Vec::new();
                websocket::frame(Opcode::Text, json.as_bytes(), &mut bytes);
                client.write_all(&bytes).await?;
            }
            Act::Close(code) => {
                let mut bytes = Vec::new();
                websocket::close(code, "the mock ends it", &mut bytes);
                client.write_all(&bytes).await?;
                let mut rest = [0; 1024];
                let goodbye = async { while matches!(client.read(&mut rest).await, Ok(n) if n > 0) {} };
                let _ = tokio::time::timeout(GOODBYE, goodbye).await;
                return Ok(false);
            }
            Act::Cut => {
                client.shutdown().await?;
                return Ok(false);
            }
        }
    }
    Ok(true)
}
