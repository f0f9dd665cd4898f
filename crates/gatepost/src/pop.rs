//! Sessions of users who fetch their mail.

mod ahead;
mod logins;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use gatepost_pop3::server::{Event, OpenError, Server as Pop3};
use gatepost_sasl::Identity;

use crate::delivery::Shared;
use crate::drive::Handler;
use crate::login::LogIn;
use crate::store::{MailStore, Maildrop};
use ahead::Ahead;
pub(crate) use logins::Logins;

/// One session's work.
pub(crate) struct Pop {
    shared: Arc<Shared>,
    login: LogIn,
    maildrop: Option<Ahead>,
}

impl Pop {
    pub(crate) fn new(shared: Arc<Shared>, peer: IpAddr) -> Self {
        Pop { login: LogIn::new(Arc::clone(&shared), peer), shared, maildrop: None }
    }
}

impl Handler<Pop3> for Pop {
    async fn on(&mut self, endpoint: &mut Pop3, event: Event) -> io::Result<()> {
        match event {
            Event::Auth(question) => {
                let answer = Box::pin(self.login.answer(&question, endpoint.auth_failures())).await;
                endpoint.answer(answer);
            }
            Event::Open(identity) if !self.login.enter(&identity.user) => endpoint.opened(Err(OpenError::Temporary)),
            Event::Open(identity) if !self.shared.logins.may(&identity.user, self.shared.pop3.login_delay) => {
                endpoint.opened(Err(OpenError::TooSoon));
            }
            Event::Open(identity) => match open(Arc::clone(&self.shared.store), identity).await {
                Ok(maildrop) => {
                    endpoint.opened(Ok(maildrop.entries().to_vec()));
                    self.maildrop = Some(Ahead::new(maildrop));
                }
                Err(error) => endpoint.opened(Err(error)),
            },
            Event::Retrieve(index) => match &mut self.maildrop {
                Some(maildrop) => maildrop.give(endpoint, index).await,
                None => endpoint.unreadable(),
            },
            Event::Commit(deleted) => {
                let all = match self.maildrop.take() {
                    Some(maildrop) => maildrop.commit(deleted).await, // and unlocked
                    None => false,
                };
                endpoint.committed(all);
            }
            _ => endpoint.unreadable(),
        }
        Ok(())
    }

    fn ended(&mut self, endpoint: &Pop3) {
        self.login.count(endpoint.auth_failures());
    }
}

async fn open(store: Arc<dyn MailStore>, identity: Identity) -> Result<Arc<dyn Maildrop>, OpenError> {
    let opened = tokio::task::spawn_blocking(move || store.open(&identity)).await;
    opened.unwrap_or(Err(OpenError::Temporary)).map(Arc::from)
}
