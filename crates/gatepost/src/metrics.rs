//! What happened, counted, in the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A family of counts; each has one label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Count {
    Open,
    Sessions,
    Refused,
    Broken,
    LogIns,
    Messages,
    Spf,
    Dkim,
    Dmarc,
}

impl Count {
    const ALL: [Count; 9] = [
        Count::Open,
        Count::Sessions,
        Count::Refused,
        Count::Broken,
        Count::LogIns,
        Count::Messages,
        Count::Spf,
        Count::Dkim,
        Count::Dmarc,
    ];

    /// Name, type, label, help.
    fn head(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Count::Open => ("gatepost_sessions_open", "gauge", "service", "Sessions at this moment."),
            Count::Sessions => ("gatepost_sessions_total", "counter", "service", "Sessions that began."),
            Count::Refused => ("gatepost_refused_total", "counter", "reason", "Connections and messages over a limit."),
            Count::Broken => {
                ("gatepost_broken_total", "counter", "reason", "Sessions that did not end by the protocol.")
            }
            Count::LogIns => ("gatepost_logins_total", "counter", "result", "Log-ins."),
            Count::Messages => {
                ("gatepost_messages_total", "counter", "result", "Messages that came to the end of their data.")
            }
            Count::Spf => ("gatepost_spf_total", "counter", "result", "SPF results of the reverse-path."),
            Count::Dkim => ("gatepost_dkim_total", "counter", "result", "Best DKIM result of each message."),
            Count::Dmarc => ("gatepost_dmarc_total", "counter", "result", "DMARC results."),
        }
    }
}

/// A value that is asked for when somebody reads the metrics.
pub(crate) struct Gauge {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) read: Box<dyn Fn() -> f64 + Send + Sync>,
}

/// All counts of a server.
#[derive(Default)]
pub(crate) struct Metrics {
    counts: Mutex<BTreeMap<(Count, &'static str), u64>>,
    /// Octets of all sessions, TLS aside.
    pub(crate) received: AtomicU64,
    pub(crate) sent: AtomicU64,
    gauges: Vec<Gauge>,
}

impl Metrics {
    pub(crate) fn new(gauges: Vec<Gauge>) -> Self {
        Metrics { gauges, ..Metrics::default() }
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<(Count, &'static str), u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more.
    pub(crate) fn add(&self, count: Count, label: &'static str) {
        *self.counts().entry((count, label)).or_default() += 1;
    }

    /// One more session, until the guard is dropped.
    pub(crate) fn open(self: &Arc<Self>, service: &'static str) -> OpenSession {
        self.add(Count::Sessions, service);
        self.add(Count::Open, service);
        OpenSession { metrics: Arc::clone(self), service }
    }

    /// The text exposition, version 0.0.4.
    pub(crate) fn to_text(&self) -> String {
        let (counts, mut out) = (self.counts().clone(), String::new());
        // writing to a String can not fail
        for count in Count::ALL {
            let (name, kind, label, help) = count.head();
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
            for ((_, value), number) in counts.iter().filter(|((family, _), _)| *family == count) {
                let _ = writeln!(out, "{name}{{{label}=\"{value}\"}} {number}");
            }
        }
        let _ = writeln!(out, "# HELP gatepost_octets_total Octets of sessions.\n# TYPE gatepost_octets_total counter");
        for (direction, number) in [("received", &self.received), ("sent", &self.sent)] {
            let _ =
                writeln!(out, "gatepost_octets_total{{direction=\"{direction}\"}} {}", number.load(Ordering::Relaxed));
        }
        for Gauge { name, help, read } in &self.gauges {
            let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {}", read());
        }
        out
    }
}

/// Counts a session as open.
pub(crate) struct OpenSession {
    metrics: Arc<Metrics>,
    service: &'static str,
}

impl Drop for OpenSession {
    fn drop(&mut self) {
        if let Some(open) = self.metrics.counts().get_mut(&(Count::Open, self.service)) {
            *open = open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_told() {
        let queue = Gauge { name: "queue_length", help: "Messages.", read: Box::new(|| 2.0) };
        let metrics = Arc::new(Metrics::new(vec![queue]));
        let open = metrics.open("mx");
        drop(metrics.open("mx"));
        metrics.add(Count::Dmarc, "pass");
        let text = metrics.to_text();
        for line in [
            "# TYPE gatepost_sessions_open gauge\ngatepost_sessions_open{service=\"mx\"} 1\n",
            "\ngatepost_sessions_total{service=\"mx\"} 2\n",
            "\ngatepost_dmarc_total{result=\"pass\"} 1\n",
            "\ngatepost_octets_total{direction=\"sent\"} 0\n",
            "\n# HELP queue_length Messages.\n# TYPE queue_length gauge\nqueue_length 2\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
        drop(open);
        assert!(metrics.to_text().contains("gatepost_sessions_open{service=\"mx\"} 0\n"));
    }
}
