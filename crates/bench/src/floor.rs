//! The floor: accepts sockets, and writes prepared bytes to all of them, one write each. Nothing can be cheaper that uses `write`.

use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

/// The floor's process, and the connection that tells it what to write.
pub struct Floor {
    child: Child,
    pub address: SocketAddr,
    control: Option<TcpStream>,
}

impl Floor {
    pub fn start() -> io::Result<Floor> {
        let mut child = Command::new(std::env::current_exe()?).args(["bench", "--floor-server"]).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address = line.trim().parse().map_err(io::Error::other)?;
        Ok(Floor { child, address, control: None })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// All clients are there: the next connection is the one that commands.
    pub fn begin(&mut self) -> io::Result<()> {
        let mut control = TcpStream::connect(self.address)?;
        control.set_nodelay(true)?;
        control.write_all(b"C")?;
        self.control = Some(control);
        Ok(())
    }

    /// Has these bytes written to everybody.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let Some(control) = &mut self.control else { return Err(ErrorKind::NotConnected.into()) };
        control.write_all(&[&(bytes.len() as u32).to_le_bytes(), bytes].concat())
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process itself: clients say `S`, the commanding connection `C`.
pub fn serve() -> io::Result<()> {
    super::raise_open_files();
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("{}", listener.local_addr()?);
    let mut clients = Vec::new();
    let mut control = loop {
        let (mut stream, _) = listener.accept()?;
        stream.set_nodelay(true)?;
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        if kind == *b"C" {
            break stream;
        }
        stream.set_nonblocking(true)?;
        clients.push(stream);
    };
    let mut bytes = Vec::new();
    loop {
        let mut length = [0; 4];
        if control.read_exact(&mut length).is_err() {
            return Ok(());
        }
        bytes.resize(u32::from_le_bytes(length) as usize, 0);
        control.read_exact(&mut bytes)?;
        for client in &mut clients {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                match client.write(rest) {
                    Ok(n) => rest = &rest[n..],
                    Err(e) if e.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                    Err(_) => break,
                }
            }
        }
    }
}
