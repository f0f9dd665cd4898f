//! What no server can be faster than: a thread that answers from memory, one write a batch.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::{Target, roots};

pub(crate) fn start(message: &[u8], messages: usize, (certificate, key): &(PathBuf, PathBuf)) -> Target {
    let mut retr = format!("+OK {} octets\r\n", message.len()).into_bytes();
    retr.extend_from_slice(message);
    retr.extend_from_slice(b".\r\n");
    let uidl: String = (1..=messages).map(|number| format!("{number} {number:010}\r\n")).collect();
    let answers = Arc::new(Answers {
        retr,
        uidl: format!("+OK\r\n{uidl}.\r\n"),
        stat: format!("+OK {messages} {}\r\n", messages * message.len()),
    });
    let chain = CertificateDer::pem_file_iter(certificate).unwrap().map(Result::unwrap).collect();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let private = PrivateKeyDer::from_pem_file(key).unwrap();
    let config = Arc::new(builder.with_no_client_auth().with_single_cert(chain, private).unwrap());
    let plain = listen(Arc::clone(&answers), |tcp, answers| answers.serve(tcp));
    let tls = listen(answers, move |tcp, answers| {
        let connection = ServerConnection::new(Arc::clone(&config)).unwrap();
        answers.serve(StreamOwned::new(connection, tcp));
    });
    Target { name: "floor".into(), plain, tls, user: "u".into(), password: "p".into(), config: roots(certificate) }
}

fn listen(answers: Arc<Answers>, serve: impl Fn(TcpStream, &Answers) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for tcp in listener.incoming() {
            let tcp = tcp.unwrap();
            tcp.set_nodelay(true).unwrap();
            serve(tcp, &answers);
        }
    });
    port
}

struct Answers {
    retr: Vec<u8>,
    uidl: String,
    stat: String,
}

impl Answers {
    fn serve(&self, mut stream: impl Read + Write) {
        let (mut input, mut buffer, mut out) = (Vec::new(), vec![0; 16 << 10], b"+OK\r\n".to_vec());
        loop {
            stream.write_all(&out).unwrap();
            stream.flush().unwrap();
            out.clear();
            match stream.read(&mut buffer) {
                Ok(length @ 1..) => input.extend_from_slice(&buffer[..length]),
                _ => return,
            }
            while let Some(end) = memchr::memmem::find(&input, b"\r\n") {
                match &input[..4] {
                    b"RETR" => out.extend_from_slice(&self.retr),
                    b"UIDL" => out.extend_from_slice(self.uidl.as_bytes()),
                    b"STAT" => out.extend_from_slice(self.stat.as_bytes()),
                    _ => out.extend_from_slice(b"+OK\r\n"),
                }
                input.drain(..end + 2);
            }
        }
    }
}
