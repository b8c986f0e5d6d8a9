//! An echo server on the WebSocket codec, for Autobahn: `echo 127.0.0.1:9002`. Not part of the product.

use std::{
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
};
use tidewire_wire::websocket::{self, Bounds, Decoder, Opcode};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9002".into());
    let listener = TcpListener::bind(&address)?;
    println!("listening on ws://{}", listener.local_addr()?);
    for stream in listener.incoming() {
        let stream = stream?;
        // A client that breaks off is no concern of the others.
        std::thread::spawn(move || serve(stream));
    }
    Ok(())
}

fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let header =
        |name: &str| head.lines().find_map(|l| l.split_once(':').filter(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()));
    let (agreed, extensions) = websocket::negotiate(header("sec-websocket-extensions").unwrap_or_default());
    let extensions = extensions.map(|e| format!("Sec-WebSocket-Extensions: {e}\r\n")).unwrap_or_default();
    let accept = websocket::accept(header("sec-websocket-key").unwrap_or_default());
    write!(
        stream,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n{extensions}\r\n"
    )?;
    let mut decoder = Decoder::new(agreed, Bounds { message: 32 << 20 });
    let mut buffer = vec![0; 64 * 1024];
    let mut out = Vec::new();
    loop {
        let n = stream.read(&mut buffer)?;
        if n == 0 {
            return Ok(());
        }
        let mut input = &mut buffer[..n];
        let mut goodbye = false;
        loop {
            match decoder.next(&mut input) {
                Ok(None) => break,
                Ok(Some(message)) => match message.opcode {
                    Opcode::Text if agreed.deflate => websocket::frame_deflated(&message.payload, &mut out),
                    Opcode::Text | Opcode::Binary => websocket::frame(message.opcode, &message.payload, &mut out),
                    Opcode::Ping => websocket::frame(Opcode::Pong, &message.payload, &mut out),
                    Opcode::Pong => {}
                    Opcode::Close => {
                        let code = message.payload.get(..2).map_or(1000, |c| u16::from_be_bytes([c[0], c[1]]));
                        websocket::close(code, "", &mut out);
                        goodbye = true;
                    }
                },
                Err(violation) => {
                    websocket::close(violation.code, violation.reason, &mut out);
                    goodbye = true;
                }
            }
            if goodbye {
                break;
            }
        }
        stream.write_all(&out)?;
        out.clear();
        if goodbye {
            stream.shutdown(std::net::Shutdown::Write)?;
            while stream.read(&mut buffer)? > 0 {}
            return Ok(());
        }
    }
}
