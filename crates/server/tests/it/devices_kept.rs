//! The registry of devices in its store: what survives, and what is refused to be read.

use std::{net::IpAddr, path::Path, sync::Arc};
use tidewire_engine::log::{Log, LogError, memory::MemoryLog};
use tidewire_server::devices::{Change, Denied, Devices, New, Refused};
use tidewire_store::{Options, Store};

fn open(folder: &Path) -> (Arc<Store>, Arc<Devices>) {
    let store = Arc::new(Store::open(folder, Options::default()).unwrap());
    let devices = Arc::new(Devices::open(store.clone(), "store").unwrap());
    (store, devices)
}

fn till() -> New {
    New { device_type: "POS".into(), store: "s1".into(), abilities: vec!["order.read".into()], ..New::default() }
}

fn here() -> IpAddr {
    "127.0.0.1".parse().unwrap()
}

// K-3
#[tokio::test]
async fn all_of_it_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (store, devices) = open(folder.path());
    let (first, token) = devices.create(till()).await.unwrap();
    let (second, blocked) = devices.create(till()).await.unwrap();
    devices.change(second.id, Change { blocked: Some(true), ..Change::default() }).await.unwrap();
    let (third, old) = devices.create(New { allow: vec!["10.0.0.0/8".parse().unwrap()], ..till() }).await.unwrap();
    let (_, new) = devices.rotate(third.id).await.unwrap();
    let (fourth, removed) = devices.create(till()).await.unwrap();
    devices.remove(fourth.id).await.unwrap();
    let before = devices.list();
    drop(devices);
    store.close().unwrap();
    drop(store);
    let (_store, devices) = open(folder.path());
    assert_eq!(devices.list(), before);
    assert_eq!(devices.verify(&token, here()).unwrap().id, first.id);
    assert_eq!(devices.verify(&blocked, here()), Err(Denied::Blocked(second.id)));
    assert_eq!(devices.verify(&new, here()), Err(Denied::Address(third.id, here())));
    assert_eq!(devices.verify(&new, "10.1.2.3".parse().unwrap()).unwrap().id, third.id);
    for gone in [&old, &removed] {
        assert_eq!(devices.verify(gone, here()), Err(Denied::Token));
    }
    // The greatest id is that of a device which is no more: it is not given again.
    assert_eq!(devices.create(till()).await.unwrap().0.id, fourth.id + 1);
}

#[tokio::test]
async fn an_id_is_not_given_twice_by_itself() {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let open = || Arc::new(Devices::open(log.clone(), "store").unwrap());
    let devices = open();
    let id = async |devices: &Arc<Devices>, id: Option<u64>| devices.create(New { id, ..till() }).await.map(|(device, _)| device.id);
    assert_eq!(id(&devices, Some(42)).await, Ok(42));
    assert_eq!(id(&devices, Some(42)).await, Err(Refused::Taken(42)));
    assert_eq!(id(&devices, Some(7)).await, Ok(7));
    assert_eq!(id(&devices, None).await, Ok(43));
    for gone in [7, 42, 43] {
        devices.remove(gone).await.unwrap();
    }
    let devices = open();
    assert_eq!(id(&devices, None).await, Ok(44));
    // Whoever has numbers of its own may bring one back; the old token stays dead.
    assert_eq!(id(&devices, Some(42)).await, Ok(42));
    assert_eq!(id(&devices, None).await, Ok(45));
    for bad in [0, 1 << 52] {
        assert_eq!(id(&devices, Some(bad)).await, Err(Refused::BadId(bad)));
    }
}

/// What a change began is done, also when nobody waits for it any more: memory and store say the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_nobody_waits_for_is_done_whole() {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let devices = Arc::new(Devices::open(log.clone(), "store").unwrap());
    for _ in 0..50 {
        let task = {
            let devices = devices.clone();
            tokio::spawn(async move { devices.create(till()).await })
        };
        tokio::task::yield_now().await;
        task.abort();
        let _ = task.await;
    }
    let in_store = Devices::open(log, "store").unwrap().list();
    // One change at a time: those that the store had are done when this one is.
    devices.create(till()).await.unwrap();
    let in_memory = devices.list();
    assert!(in_store.iter().all(|device| in_memory.contains(device)));
}

#[tokio::test]
async fn contracts_do_not_see_each_others_devices() {
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    let open = |contract| Arc::new(Devices::open(log.clone(), contract).unwrap());
    let (_, token) = open("store").create(till()).await.unwrap();
    for other in ["stor", "store2", "yard"] {
        assert!(open(other).list().is_empty());
        assert_eq!(open(other).verify(&token, here()), Err(Denied::Token));
    }
    assert_eq!(open("store").list().len(), 1);
}

/// A registry that cannot be read whole is not served in part: a device that was blocked might be among what is missing.
#[tokio::test]
async fn what_cannot_be_read_stops_the_start_and_is_named() {
    let key = b"device/store/00000000000000000001";
    for (value, why) in [
        (&b"{"[..], "EOF"),
        (b"{}", "missing field"),
        (br#"{"version":2,"id":1,"name":"","type":"POS","store":"","abilities":[],"allow":[],"blocked":false,"created_at":0,"token_at":0,"token":"0000000000000000000000000000000000000000000000000000000000000000"}"#, "version 2"),
        (br#"{"version":1,"id":1,"name":"","type":"POS","store":"","abilities":[],"allow":[],"blocked":false,"created_at":0,"token_at":0,"token":"12"}"#, "64 hexadecimal digits"),
    ] {
        let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
        log.put(key, Some(value)).unwrap();
        let Err(LogError::Damaged(told)) = Devices::open(log, "store").map(|_| ()) else { panic!("{why}") };
        assert!(told.contains("device/store/") && told.contains(why), "{told}");
    }
    let log: Arc<dyn Log> = Arc::new(MemoryLog::default());
    log.put(b"devices/store/last", Some(b"many")).unwrap();
    assert!(matches!(Devices::open(log, "store").map(|_| ()), Err(LogError::Damaged(told)) if told.contains("devices/store/last")));
}

#[test]
fn networks_hold_the_addresses_that_they_say() {
    let network = |text: &str| text.parse::<tidewire_server::devices::Network>();
    let has = |text: &str, address: &str| network(text).unwrap().has(address.parse().unwrap());
    for (text, inside, outside) in [
        ("192.168.1.20", "192.168.1.20", "192.168.1.21"),
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
        ("10.1.2.3/31", "10.1.2.2", "10.1.2.4"),
        ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ("::1", "::1", "::2"),
        // IPv4 within IPv6, either way round.
        ("10.0.0.0/8", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
        ("::ffff:10.0.0.0/104", "10.1.1.1", "11.1.1.1"),
        ("0.0.0.0/0", "203.0.113.9", "2001:db8::1"),
        ("::/0", "2001:db8::1", "203.0.113.9"),
    ] {
        assert!(has(text, inside), "{text} has {inside}");
        assert!(!has(text, outside), "{text} has not {outside}");
    }
    for bad in ["", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "2001:db8::/129", "10.0.0", "office", "10.0.0.0/8/8"] {
        assert!(network(bad).is_err(), "{bad}");
    }
    assert_eq!(network("10.0.0.0/8").unwrap().to_string(), "10.0.0.0/8");
    assert_eq!(network("10.0.0.1/32").unwrap().to_string(), "10.0.0.1");
    assert_eq!(network("::1").unwrap().to_string(), "::1");
}
