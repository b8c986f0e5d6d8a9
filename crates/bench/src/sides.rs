//! What is measured side by side: the floor with its clients, and a server's channel with its subscribers.

use crate::{
    crowd::Crowd,
    floor::Floor,
    floor_clients::FloorClients,
    publisher::{Publisher, To, frame},
    seen::{now, since},
    server::{Meter, Server},
};
use std::{io, time::Instant};

/// The floor and its clients.
pub struct Bottom {
    pub floor: Floor,
    pub clients: FloorClients,
    pub seq: u64,
    pub count: u64,
    meter: Meter,
}

impl Bottom {
    pub async fn new(count: usize) -> io::Result<Bottom> {
        let mut floor = Floor::start()?;
        let mut clients = FloorClients::start(floor.address)?;
        clients.connect(count).await?;
        floor.await_clients(count as u64)?;
        let meter = Meter::new(Some(floor.pid()))?;
        Ok(Bottom { floor, clients, seq: 0, count: count as u64, meter })
    }

    /// So many turns, each of so many events in one write; the processor time in nanoseconds.
    pub async fn turns(&mut self, turns: usize, together: usize) -> io::Result<f64> {
        self.spent()?;
        for _ in 0..turns {
            let mut bytes = Vec::new();
            for _ in 0..together {
                self.seq += 1;
                bytes.extend(frame(self.seq, now()));
            }
            self.floor.write(&bytes)?;
            self.clients.until(self.seq * self.count).await?;
        }
        self.spent()
    }

    /// The processor time since the last question, in nanoseconds.
    pub fn spent(&mut self) -> io::Result<f64> {
        Ok(self.meter.spent()?.unwrap_or_default())
    }
}

/// A channel, its subscribers and its publisher.
pub struct Side {
    pub crowd: Crowd,
    pub channel: String,
    publisher: Publisher,
}

impl Side {
    /// On the JSON wire of the contract.
    pub async fn json(server: &Server, subscribers: usize) -> io::Result<Side> {
        let (name, mut crowd) = (server.fresh(), Crowd::new()?);
        for _ in 0..subscribers {
            crowd.json(server.address, &format!("/ws/process/{name}?token={}", server.token), 0).await?;
        }
        let publisher = Publisher::new(server.address, To::Contract).await?;
        Ok(Side { crowd, channel: format!("process:{name}"), publisher })
    }

    /// On the wire of the Pusher app.
    pub async fn pusher(server: &Server, subscribers: usize) -> io::Result<Side> {
        let (channel, mut crowd) = (server.fresh(), Crowd::new()?);
        for _ in 0..subscribers {
            crowd.pusher(server, &channel).await?;
        }
        let publisher = Publisher::new(server.address, To::App).await?;
        Ok(Side { crowd, channel, publisher })
    }

    /// The next events are published when everybody has the last ones.
    async fn turns(&mut self, turns: usize, together: usize) -> io::Result<()> {
        for _ in 0..turns {
            let target = self.crowd.seen.delivered.get() + self.crowd.len() * together as u64;
            self.publisher.publish(&self.channel, together).await?;
            self.crowd.seen.until(target, &self.channel).await?;
        }
        Ok(())
    }
}

/// What a side came to.
#[derive(Default)]
pub struct Measured {
    /// CPU time as a ratio to the floor's, for each round; nothing where the server's is not known.
    pub ratios: Vec<f64>,
    /// Nanoseconds of CPU time for each delivery, for each round.
    pub costs: Vec<f64>,
    pub per_second: f64,
}

/// Rounds of the floor and of each side in turn, so that what disturbs one disturbs the others; the first round warms up.
pub async fn compare(
    server: &Server,
    bottom: &mut Bottom,
    sides: &mut [Side],
    rounds: usize,
    turns: usize,
    together: usize,
) -> io::Result<Vec<Measured>> {
    let mut meter = Meter::new(server.pid)?;
    let mut measured: Vec<Measured> = sides.iter().map(|_| Measured::default()).collect();
    let mut walls = vec![0.0; sides.len()];
    for round in 0..=rounds {
        let floor = bottom.turns(turns, together).await?;
        for (i, side) in sides.iter_mut().enumerate() {
            meter.spent()?;
            let started = Instant::now();
            side.turns(turns, together).await?;
            if round == 0 {
                side.crowd.seen.latency.borrow_mut().reset();
                continue;
            }
            walls[i] += since(started);
            if let Some(spent) = meter.spent()? {
                measured[i].ratios.push(spent / floor);
                measured[i].costs.push(spent / (turns * together) as f64 / side.crowd.len() as f64);
            }
        }
    }
    for ((measured, side), wall) in measured.iter_mut().zip(sides).zip(walls) {
        measured.per_second = (rounds * turns * together) as f64 * side.crowd.len() as f64 / wall;
    }
    Ok(measured)
}
