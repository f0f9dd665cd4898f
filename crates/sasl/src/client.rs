//! The client's side of an exchange.

/// One exchange of one mechanism, the client's side.
pub trait ClientMechanism: Send {
    /// The registered name.
    fn name(&self) -> &'static str;
    /// The initial response; `None` where the server speaks first.
    fn first(&mut self) -> Option<Vec<u8>>;
    /// The response to a challenge; `None` cancels the exchange.
    fn step(&mut self, challenge: &[u8]) -> Option<Vec<u8>>;
    /// Whether the server's success may be believed: with SCRAM only after its signature was right.
    fn may_succeed(&self) -> bool;
}
