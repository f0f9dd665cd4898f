//! Against a small DNS server on loopback that answers from a zone, by UDP and TCP.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test may

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gatepost_dns::{Family, Found, LookupError, Name, Question, Record, RecordType, Resolver, Zone};
use gatepost_resolver::{Options, SystemResolver};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, MX, PTR, SOA, TXT};
use hickory_proto::rr::{self, RData};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

const ZONE: &str = "a.example A 192.0.2.1\na.example MX 10 mx.example\na.example TXT \"v=spf1 -all\"\n\
    1.2.0.192.in-addr.arpa PTR a.example\nservfail.example * !SERVFAIL\nsilent.example * !TIMEOUT\n_odd!name.example TXT odd";

fn reply(query: &[u8], zone: &Zone, udp: bool) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).unwrap();
    let asked = query.queries[0].clone();
    let labels: Vec<&str> = asked.name().iter().map(|label| std::str::from_utf8(label).unwrap()).collect();
    let name = Name::parse(&labels.join(".")).unwrap();
    let kind = RecordType::from_mnemonic(&asked.query_type().to_string())?;
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.add_query(asked.clone());
    reply.metadata.recursion_desired = true;
    reply.metadata.recursion_available = true;
    if name.as_str() == "refused.example" {
        reply.metadata.response_code = ResponseCode::Refused;
        return Some(reply.to_vec().unwrap());
    }
    if name.as_str() == "large.example" {
        if udp {
            reply.metadata.truncation = true;
            return Some(reply.to_vec().unwrap());
        }
        let text = "x".repeat(2000);
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(255).collect();
        reply.add_answer(rr::Record::from_rdata(asked.name().clone(), 60, RData::TXT(TXT::from_bytes(pieces))));
        return Some(reply.to_vec().unwrap());
    }
    let answer = gatepost_dns::block_on(zone.lookup(&Question::new(name, kind)));
    let wire = |name: &Name| rr::Name::from_ascii(format!("{name}.")).unwrap();
    let soa = || {
        let root = rr::Name::from_ascii("example.").unwrap();
        rr::Record::from_rdata(root.clone(), 30, RData::SOA(SOA::new(root.clone(), root, 1, 1, 1, 1, 30)))
    };
    match answer {
        Err(LookupError::Timeout) => return None,
        Err(_) => reply.metadata.response_code = ResponseCode::ServFail,
        Ok(answer) => match answer.found {
            Found::NxDomain => {
                reply.metadata.response_code = ResponseCode::NXDomain;
                reply.add_authority(soa());
            }
            Found::NoData => drop(reply.add_authority(soa())),
            Found::Records(records) => {
                for record in records.iter() {
                    let data = match record {
                        Record::A(address) => RData::A(A(*address)),
                        Record::Mx(mx) => RData::MX(MX::new(mx.preference, wire(&mx.exchange))),
                        Record::Ptr(name) => RData::PTR(PTR(wire(name))),
                        Record::Txt(txt) => RData::TXT(TXT::from_bytes(vec![txt.as_bytes()])),
                        other => panic!("{other:?}"),
                    };
                    reply.add_answer(rr::Record::from_rdata(asked.name().clone(), 60, data));
                }
            }
        },
    }
    Some(reply.to_vec().unwrap())
}

/// A server on one free port of both protocols, and how often it was asked.
async fn serve() -> (SocketAddr, Arc<AtomicUsize>) {
    let zone = Arc::new(Zone::parse(ZONE).unwrap());
    let asked = Arc::new(AtomicUsize::new(0));
    let (tcp, udp) = loop {
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        if let Ok(udp) = UdpSocket::bind(tcp.local_addr().unwrap()).await {
            break (tcp, udp);
        }
    };
    let address = tcp.local_addr().unwrap();
    let (of_udp, counter) = (Arc::clone(&zone), Arc::clone(&asked));
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok((length, peer)) = udp.recv_from(&mut buffer).await {
            counter.fetch_add(1, Ordering::Relaxed);
            if let Some(reply) = reply(&buffer[..length], &of_udp, true) {
                udp.send_to(&reply, peer).await.unwrap();
            }
        }
    });
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = tcp.accept().await {
            let zone = Arc::clone(&zone);
            tokio::spawn(async move {
                while let Ok(length) = stream.read_u16().await {
                    let mut query = vec![0; length.into()];
                    stream.read_exact(&mut query).await.unwrap();
                    if let Some(reply) = reply(&query, &zone, false) {
                        stream.write_u16(u16::try_from(reply.len()).unwrap()).await.unwrap();
                        stream.write_all(&reply).await.unwrap();
                    }
                }
            });
        }
    });
    (address, asked)
}

async fn resolver() -> (SystemResolver, Arc<AtomicUsize>) {
    let (address, asked) = serve().await;
    let mut options = Options::default();
    options.timeout = Duration::from_millis(300);
    options.attempts = 0;
    (SystemResolver::with_options(address, options).unwrap(), asked)
}

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn is_send<T: Send>(value: T) -> T {
    value
}

#[tokio::test]
async fn answers_and_failures_are_told_apart() {
    let (resolver, _) = resolver().await;
    let dns: &dyn Resolver = &resolver;
    let txt = async |text: &str| is_send(dns.txt(&name(text))).await;
    assert_eq!(txt("a.example").await.unwrap().records[0].as_str(), Some("v=spf1 -all"));
    assert_eq!(txt("_odd!name.example").await.unwrap().records.len(), 1);
    assert_eq!(txt("large.example").await.unwrap().records[0].as_bytes().len(), 2000);
    assert!(txt("none.example").await.unwrap().nxdomain);
    assert_eq!(txt("servfail.example").await, Err(LookupError::ServerFailure));
    assert_eq!(txt("refused.example").await, Err(LookupError::Refused));
    assert_eq!(txt("silent.example").await, Err(LookupError::Timeout));
    let none = dns.addresses(&name("a.example"), Family::V6).await.unwrap();
    assert!(none.records.is_empty() && !none.nxdomain);
    assert_eq!(dns.mx(&name("a.example")).await.unwrap().records[0].exchange, name("mx.example"));
    assert_eq!(dns.ptr("192.0.2.1".parse().unwrap()).await.unwrap().records, [name("a.example")]);
}

#[tokio::test]
async fn answers_are_kept_for_their_time() {
    let (resolver, asked) = resolver().await;
    let dns: &dyn Resolver = &resolver;
    for _ in 0..3 {
        dns.txt(&name("a.example")).await.unwrap();
        dns.txt(&name("none.example")).await.unwrap();
    }
    assert_eq!(asked.load(Ordering::Relaxed), 2);
}
