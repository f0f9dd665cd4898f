//! What a server can do at a port.

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Mail from other servers, STARTTLS offered (port 25).
    Mx,
    /// Mail from users after STARTTLS and AUTH (port 587).
    Submission,
    /// The same over implicit TLS (port 465, RFC 8314 §3.3).
    Submissions,
    /// POP3 with STLS (port 110).
    Pop3,
    /// POP3 over implicit TLS (port 995).
    Pop3s,
}

impl Service {
    /// A short name for logs.
    pub fn name(self) -> &'static str {
        match self {
            Service::Mx => "mx",
            Service::Submission => "submission",
            Service::Submissions => "submissions",
            Service::Pop3 => "pop3",
            Service::Pop3s => "pop3s",
        }
    }

    /// The service of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Service::ALL.into_iter().find(|service| service.name() == name)
    }

    /// All services.
    pub const ALL: [Service; 5] =
        [Service::Mx, Service::Submission, Service::Submissions, Service::Pop3, Service::Pop3s];

    /// What a client is told that can not be served now; nothing where only TLS can be spoken.
    pub(crate) fn busy(self) -> &'static [u8] {
        match self {
            Service::Mx | Service::Submission => b"421 4.7.0 too many connections, try again later\r\n",
            Service::Pop3 => b"-ERR [SYS/TEMP] too many connections, try again later\r\n",
            Service::Submissions | Service::Pop3s => b"",
        }
    }

    /// SMTP has no name in that registry.
    pub(crate) fn alpn(self) -> Option<&'static str> {
        (self == Service::Pop3s).then_some("pop3")
    }

    /// Other servers do not log in.
    pub(crate) fn has_log_ins(self) -> bool {
        self != Service::Mx
    }

    pub(crate) fn is_implicit_tls(self) -> bool {
        matches!(self, Service::Submissions | Service::Pop3s)
    }
}
