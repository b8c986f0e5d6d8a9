//! Redis in a cluster: contracts on several masters, a master that dies, a slot that moves. // G-6

use crate::support::redis::{Redis, command};
use crate::support::*;
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Three masters, and the nodes of the server that use them.
struct Cluster {
    masters: Vec<Redis>,
}

impl Cluster {
    fn start() -> Cluster {
        let masters: Vec<Redis> = (0..3).map(|_| Redis::of_cluster(&[])).collect();
        for (at, node) in masters.iter().enumerate() {
            let (from, to) = (at * 16384 / 3, if at == 2 { 16383 } else { (at + 1) * 16384 / 3 - 1 });
            command(node.port, &format!("cluster addslotsrange {from} {to}"));
            command(node.port, &format!("cluster set-config-epoch {}", at + 1));
        }
        let cluster = Cluster { masters };
        for node in &cluster.masters[1..] {
            cluster.meet(node);
        }
        for node in &cluster.masters {
            node.until("cluster info", "cluster_state:ok");
            node.until("cluster info", "cluster_known_nodes:3");
        }
        cluster
    }

    fn meet(&self, node: &Redis) {
        command(self.masters[0].port, &format!("cluster meet 127.0.0.1 {} {}", node.port, node.bus_port));
    }

    /// A replica of one of the masters, which has all that it has.
    fn replica(&self, of: usize, arguments: &[&str]) -> Redis {
        let replica = Redis::of_cluster(arguments);
        self.meet(&replica);
        for node in self.masters.iter().chain([&replica]) {
            node.until("cluster info", "cluster_known_nodes:4");
        }
        replica.until(&format!("cluster replicate {}", id(&self.masters[of])), "OK");
        replica.until("info replication", "master_link_status:up");
        for node in &self.masters {
            node.until("cluster nodes", "slave");
        }
        replica
    }

    /// Which master has a key.
    fn owner(&self, key: &str) -> usize {
        slot(self.masters[0].port, key) * 3 / 16384
    }

    fn node(&self, more: Vec<(&'static str, String)>) -> Server {
        let seeds: Vec<String> = self.masters.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        let mut environment = vec![("TIDEWIRE_STORE_REDIS", format!("redis+cluster://{}", seeds.join(",")))];
        environment.extend(more);
        Server::with_environment(environment)
    }
}

fn id(node: &Redis) -> String {
    command(node.port, "cluster myid").trim().to_owned()
}

fn slot(port: u16, key: &str) -> usize {
    command(port, &format!("cluster keyslot {key}")).trim().parse().unwrap()
}

async fn names(server: &Server) -> Vec<String> {
    server.events("world", "world:w1").await.iter().map(|event| event["data"]["name"].as_str().unwrap().to_owned()).collect()
}

fn path(after: &str) -> String {
    format!("/ws?world_id=w1&token={}&after={after}", gamemaster())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_of_three() {
    let cluster = Cluster::start();
    let (one, two) = (cluster.node(vec![]), cluster.node(vec![]));
    insist(&one, &keyed("first")).await;
    insist(&two, &keyed("second")).await;
    let mut socket = two.websocket(&path("0"), &[]).await.unwrap();
    for name in ["first", "second"] {
        assert_eq!(socket.next().await["data"]["name"], name);
    }
    for i in 0..30 {
        let key = format!("k{i}");
        let (a, b) = tokio::join!(one.must("world", keyed(&key)), two.must("world", keyed(&key)));
        assert_eq!((&a["id"], &a["seq"]), (&b["id"], &b["seq"]));
        assert_eq!(socket.next().await["data"]["name"], key);
    }
    // Contracts lie on different nodes of the cluster, and the values that devices are kept as on another.
    let board = json!({ "channel": "board:zoo", "type": "task.removed", "data": { "ticketId": "t1" } });
    one.must("board", board.clone()).await;
    let events = two.events("board", "board:zoo").await;
    assert_eq!(events[0]["payload"]["ticketId"], "t1", "{events:?}");
    let used = cluster.masters.iter().filter(|node| command(node.port, "dbsize").trim() != "0").count();
    assert!(used > 1, "everything is on one node");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_master_of_a_cluster_that_dies_is_replaced_and_nothing_acknowledged_is_lost() {
    let mut cluster = Cluster::start();
    let master = cluster.owner("tidewire:{world}");
    let replica = cluster.replica(master, &[]);
    let node = || cluster.node(vec![("TIDEWIRE_STORE_REDIS_REPLICAS", "1".into())]);
    let (one, two) = (node(), node());
    let mut socket = two.websocket(&path("0"), &[]).await.unwrap();
    let key = |i: usize| format!("k{i}");
    for i in 0..80 {
        if i == 40 {
            cluster.masters[master].kill();
            replica.until("role", "master");
            // Now it is the other's replica.
            cluster.masters[master].restart();
        }
        insist(if i % 2 == 0 { &one } else { &two }, &keyed(&key(i))).await;
    }
    assert_eq!(names(&one).await, (0..80).map(key).collect::<Vec<_>>(), "each once");
    for i in 0..80 {
        assert_eq!(socket.next().await["data"]["name"], key(i));
    }
}

// G-3: what the replica had not got is lost, and everybody who saw it is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_failover_lost_is_told() {
    let mut cluster = Cluster::start();
    let master = cluster.owner("tidewire:{world}");
    // A user of its own, which can be taken away: then the replica gets nothing more.
    command(cluster.masters[master].port, "acl setuser copies on >copied +psync +replconf +ping");
    let user = ["--masteruser", "copies", "--masterauth", "copied", "--cluster-replica-validity-factor", "0"];
    let replica = cluster.replica(master, &user);
    let (one, two) = (cluster.node(vec![]), cluster.node(vec![]));
    insist(&one, &keyed("before")).await;
    replica.until("xlen tidewire:{world}:e:world/world:w1", "1");
    command(cluster.masters[master].port, "acl deluser copies");
    replica.until("info replication", "master_link_status:down");
    let lost = insist(&two, &keyed("lost")).await;
    let mut sockets = [one.websocket(&path("0"), &[]).await.unwrap(), two.websocket(&path("0"), &[]).await.unwrap()];
    for socket in &mut sockets {
        for name in ["before", "lost"] {
            assert_eq!(socket.next().await["data"]["name"], name);
        }
    }
    cluster.masters[master].kill();
    insist(&one, &keyed("anew")).await;
    for socket in &mut sockets {
        let gap = socket.next_within(Duration::from_secs(60)).await;
        assert_eq!((&gap["type"], &gap["data"]["reason"]), (&json!("gap"), &json!("reset")), "{gap}");
        // It is another log: what was there before is told again, and known by its id.
        let mut told = socket.next().await;
        if told["data"]["name"] == "before" {
            told = socket.next().await;
        }
        assert_eq!(told["data"]["name"], "anew");
    }
    let mut late = two.websocket(&path(lost["id"].as_str().unwrap()), &[]).await.unwrap();
    let gap = late.next().await;
    assert_eq!((&gap["type"], &gap["data"]["reason"]), (&json!("gap"), &json!("reset")), "{gap}");
}

/// Key by key, as `redis-cli --cluster reshard` does it, but so slowly that much is published between them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slot_moves_while_events_are_published() {
    let cluster = Cluster::start();
    let servers = [cluster.node(vec![]), cluster.node(vec![])];
    let slot = slot(cluster.masters[0].port, "tidewire:{world}");
    let mut socket = servers[1].websocket(&path("0"), &[]).await.unwrap();
    insist(&servers[0], &keyed("k0")).await;
    let done = Arc::new(AtomicBool::new(false));
    let moved = done.clone();
    let ports: Vec<u16> = cluster.masters.iter().map(|node| node.port).collect();
    let ids: Vec<String> = cluster.masters.iter().map(id).collect();
    let from = cluster.owner("tidewire:{world}");
    let moving = tokio::task::spawn_blocking(move || {
        for (from, to) in [(from, (from + 1) % 3), ((from + 1) % 3, (from + 2) % 3)] {
            command(ports[to], &format!("cluster setslot {slot} importing {}", ids[from]));
            command(ports[from], &format!("cluster setslot {slot} migrating {}", ids[to]));
            loop {
                std::thread::sleep(Duration::from_millis(60));
                let keys = command(ports[from], &format!("cluster getkeysinslot {slot} 1"));
                if keys.trim().is_empty() {
                    break;
                }
                let said = command(ports[from], &format!("migrate 127.0.0.1 {} {} 0 5000", ports[to], keys.trim()));
                assert!(said.contains("OK") || said.contains("NOKEY"), "{keys}: {said}");
            }
            for port in [ports[to], ports[from]].iter().chain(&ports) {
                command(*port, &format!("cluster setslot {slot} node {}", ids[to]));
            }
            std::thread::sleep(Duration::from_millis(500));
        }
        moved.store(true, Ordering::SeqCst);
    });
    let mut count = 1;
    while !done.load(Ordering::SeqCst) && !moving.is_finished() {
        insist(&servers[count % 2], &keyed(&format!("k{count}"))).await;
        count += 1;
    }
    moving.await.unwrap();
    insist(&servers[0], &keyed(&format!("k{count}"))).await;
    count += 1;
    assert!(count > 10, "hardly anything was published: {count}");
    for server in &servers {
        assert_eq!(names(server).await, (0..count).map(|i| format!("k{i}")).collect::<Vec<_>>(), "each once, in order");
    }
    for i in 0..count {
        assert_eq!(socket.next().await["data"]["name"], format!("k{i}"));
    }
}
