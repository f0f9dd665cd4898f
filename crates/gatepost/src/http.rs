//! Whom operators' programs ask: `/metrics`, `/health` and `/ready`, by a minimum of HTTP/1.1 (RFC 9112).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use gatepost_wire::{Input, Line};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use crate::metrics::Metrics;

/// Requests at a time; others wait.
const REQUESTS: usize = 16;
/// How long a request may take with its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Octets of a line, and of all of a request.
const LINE: usize = 2048;
const REQUEST: usize = 16 << 10;

/// Answers until it is dropped; while the server is stopping, too.
pub(crate) async fn serve(listener: TcpListener, metrics: Arc<Metrics>, stopping: watch::Receiver<bool>) {
    let places = Arc::new(Semaphore::new(REQUESTS));
    loop {
        let place = Arc::clone(&places).acquire_owned().await;
        match listener.accept().await {
            Ok((tcp, _)) => {
                let (metrics, is_stopping) = (Arc::clone(&metrics), *stopping.borrow());
                tokio::spawn(async move {
                    // who does not want his answer does not get it
                    let _ = timeout(PATIENCE, converse(tcp, &metrics, is_stopping)).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::error!(%error, "the metrics listener");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(mut tcp: TcpStream, metrics: &Metrics, is_stopping: bool) -> io::Result<()> {
    let answer = match request(&mut tcp).await? {
        Some(line) => answer(&line, metrics, is_stopping),
        None => respond("400 Bad Request", "this is no HTTP request\n", true),
    };
    tcp.write_all(answer.as_bytes()).await?;
    tcp.shutdown().await
}

/// The request line, once the header section has ended.
async fn request(tcp: &mut TcpStream) -> io::Result<Option<String>> {
    let (mut input, mut first, mut read, mut buffer) = (Input::new(), None, 0, [0; 1024]);
    loop {
        match input.line(LINE) {
            Line::Whole(line) if line.is_empty() => return Ok(first),
            Line::Whole(line) => drop(first.get_or_insert_with(|| String::from_utf8_lossy(&line).into_owned())),
            Line::Partial if read <= REQUEST => match tcp.read(&mut buffer).await? {
                0 => return Ok(None),
                length => {
                    read += length;
                    input.feed(buffer.get(..length).unwrap_or_default());
                }
            },
            _ => return Ok(None),
        }
    }
}

fn answer(line: &str, metrics: &Metrics, is_stopping: bool) -> String {
    let mut words = line.split(' ');
    let (method, path, version) = (words.next(), words.next(), words.next());
    let body = match method {
        _ if !version.is_some_and(|version| version.starts_with("HTTP/1.")) => {
            return respond("400 Bad Request", "this is no HTTP/1 request\n", true);
        }
        Some("GET") => true,
        Some("HEAD") => false,
        _ => return respond("405 Method Not Allowed\r\nAllow: GET, HEAD", "only GET and HEAD\n", true),
    };
    match path.and_then(|path| path.split('?').next()) {
        Some("/metrics") => respond("200 OK", &metrics.to_text(), body),
        Some("/health") => respond("200 OK", "ok\n", body),
        Some("/ready") if is_stopping => respond("503 Service Unavailable", "stopping\n", body),
        Some("/ready") => respond("200 OK", "ready\n", body),
        _ => respond("404 Not Found", "there are /metrics, /health and /ready\n", body),
    }
}

fn respond(status: &str, text: &str, body: bool) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}",
        text.len(),
        if body { text } else { "" }
    )
}
