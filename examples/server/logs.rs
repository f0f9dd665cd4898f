//! Logs to stderr, as text or as a JSON object a line.
//!
//! A thread of its own writes them: who does not read the other end of a pipe keeps no session waiting. What does not fit in
//! between is lost, and how much is told when it goes on.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use crate::config::{Config, Level, LogFormat};

/// Lines that wait for being written.
const WAITING: usize = 4096;

/// How long the last lines may take at the end.
const FAREWELL: Duration = Duration::from_secs(1);

/// Keep it while there is something to log; its end waits for what was logged.
pub(crate) struct Logs(SyncSender<Item>);

enum Item {
    Line(Vec<u8>),
    /// Answered when all before it is written.
    End(SyncSender<()>),
}

/// Where lines are put; each [`Write::write`] is a whole one.
#[derive(Clone)]
struct Queue {
    lines: SyncSender<Item>,
    lost: Arc<AtomicU64>,
}

pub(crate) fn begin(config: &Config) -> Logs {
    let level = match config.log_level {
        Level::Error => LevelFilter::ERROR,
        Level::Warn => LevelFilter::WARN,
        Level::Info => LevelFilter::INFO,
        Level::Debug => LevelFilter::DEBUG,
        Level::Trace => LevelFilter::TRACE,
    };
    let (queue, items) = queue();
    let (end, lost) = (Logs(queue.lines.clone()), Arc::clone(&queue.lost));
    std::thread::spawn(move || write_all(&items, &lost, io::stderr()));
    let logs = tracing_subscriber::fmt().with_writer(move || queue.clone()).with_target(false).with_max_level(level);
    match config.log_format {
        LogFormat::Text => logs.init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
    end
}

fn queue() -> (Queue, Receiver<Item>) {
    let (lines, items) = sync_channel(WAITING);
    (Queue { lines, lost: Arc::default() }, items)
}

fn write_all(items: &Receiver<Item>, lost: &AtomicU64, mut out: impl Write) {
    for item in items {
        // nobody is left to be told when it fails
        let _ = match item {
            Item::Line(line) => out.write_all(&line),
            Item::End(done) => done.try_send(()).map_err(io::Error::other),
        };
        match lost.swap(0, Ordering::Relaxed) {
            0 => {}
            lost => drop(writeln!(out, "{lost} lines of the log were lost: nobody read them in time")),
        }
    }
}

impl Write for Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Item::Line(line.to_vec())) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        let (done, ended) = sync_channel(1);
        if self.0.try_send(Item::End(done)).is_ok() {
            let _ = ended.recv_timeout(FAREWELL); // who has not read until then is not going to
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A pipe that nobody reads, until somebody does.
    struct Stuck(Receiver<()>, SyncSender<Vec<u8>>);

    impl Write for Stuck {
        fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            self.1.send(octets.to_vec()).map_err(io::Error::other)?;
            Ok(octets.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_is_stuck_keeps_nobody_waiting_and_learns_what_it_missed() {
        let ((mut queue, items), (read, reading)) = (queue(), sync_channel(0));
        let ((written, seen), lost) = (sync_channel(2 * WAITING), Arc::clone(&queue.lost));
        let end = Logs(queue.lines.clone());
        let writer = std::thread::spawn(move || write_all(&items, &lost, Stuck(reading, written)));
        (0..WAITING + 100).for_each(|_| queue.write_all(b"line\n").unwrap()); // does not wait
        let lost = queue.lost.load(Ordering::Relaxed);
        assert!((99..=100).contains(&lost));
        drop(read); // it is read from now on
        while !seen.recv().unwrap().ends_with(b"in time\n") {}
        queue.write_all(b"last\n").unwrap();
        drop((end, queue));
        writer.join().unwrap();
        assert_eq!(seen.iter().last().unwrap(), b"last\n");
    }
}
