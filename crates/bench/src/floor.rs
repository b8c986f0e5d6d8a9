//! The floor as the generator sees it: a process that only writes prepared bytes.

use crate::floor_loop::{COUNT, Command, PREPARE, WRITE};
use std::{
    io::{self, BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    process::{Child, Stdio},
    time::{Duration, Instant},
};

/// How long the floor may take to take in its clients.
const PATIENCE: Duration = Duration::from_secs(30);

/// The floor's process, and the connection that tells it what to write.
pub struct Floor {
    child: Child,
    pub address: SocketAddr,
    control: TcpStream,
}

impl Floor {
    pub fn start() -> io::Result<Floor> {
        let program = std::env::current_exe()?;
        // It ends when its standard input does: with this process.
        let mut child =
            std::process::Command::new(program).args(["bench", "--floor-server"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line)?;
        }
        let address: SocketAddr = line.trim().parse().map_err(io::Error::other)?;
        let mut control = TcpStream::connect(address)?;
        control.set_nodelay(true)?;
        control.write_all(&[Command::WORD])?;
        Ok(Floor { child, address, control })
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has taken in so many clients that listen.
    pub fn await_clients(&mut self, count: u64) -> io::Result<()> {
        let started = Instant::now();
        self.control.set_read_timeout(Some(PATIENCE))?;
        loop {
            self.control.write_all(&Command::bytes(COUNT, &[]))?;
            let mut there = [0; 4];
            self.control.read_exact(&mut there)?;
            if u64::from(u32::from_le_bytes(there)) >= count {
                return Ok(());
            }
            if started.elapsed() > PATIENCE {
                return Err(ErrorKind::TimedOut.into());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Has these bytes written to everybody.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.control.write_all(&Command::bytes(WRITE, bytes))
    }

    /// Has these bytes written to everybody who comes and wants to catch up.
    pub fn prepare(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.control.write_all(&Command::bytes(PREPARE, bytes))?;
        // Its answer comes once it has read all of them.
        self.await_clients(0)
    }

    /// A handle of its own for a thread that writes on schedule.
    pub fn writer(&self) -> io::Result<impl FnMut(&[u8]) -> io::Result<()> + Send + use<>> {
        let mut control = self.control.try_clone()?;
        Ok(move |bytes: &[u8]| control.write_all(&Command::bytes(WRITE, bytes)))
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
