//! Sessions of users who fetch their mail.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use gatepost_pop3::server::{Event, OpenError, Server as Pop3};
use gatepost_pop3::top;

use crate::delivery::Shared;
use crate::drive::Handler;
use crate::store::Maildrop;

/// One session's work.
pub(crate) struct Pop {
    shared: Arc<Shared>,
    maildrop: Option<Arc<Mutex<Box<dyn Maildrop>>>>,
}

impl Pop {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Pop { shared, maildrop: None }
    }

    /// Does something with the maildrop where blocking is fine.
    async fn with<T: Send + 'static>(&self, work: impl FnOnce(&mut dyn Maildrop) -> T + Send + 'static) -> Option<T> {
        let maildrop = Arc::clone(self.maildrop.as_ref()?);
        let task =
            tokio::task::spawn_blocking(move || work(&mut **maildrop.lock().unwrap_or_else(PoisonError::into_inner)));
        task.await.ok()
    }

    async fn send(&self, endpoint: &mut Pop3, index: usize, lines: Option<u64>) {
        match self.with(move |maildrop| maildrop.read(index)).await {
            Some(Ok(message)) => {
                endpoint.message(match lines {
                    Some(lines) => top(&message, lines),
                    None => &message,
                });
                endpoint.end();
            }
            Some(Err(error)) => {
                tracing::error!(%error, "a message can not be read");
                endpoint.unreadable();
            }
            None => endpoint.unreadable(),
        }
    }
}

impl Handler<Pop3> for Pop {
    async fn on(&mut self, endpoint: &mut Pop3, event: Event) -> io::Result<()> {
        match event {
            Event::Auth(question) => {
                let answer = self.shared.authenticate(&question).await;
                endpoint.answer(answer);
            }
            Event::Open(identity) => {
                let store = Arc::clone(&self.shared.store);
                let opened = tokio::task::spawn_blocking(move || store.open(&identity)).await;
                match opened.unwrap_or(Err(OpenError::Temporary)) {
                    Ok(maildrop) => {
                        endpoint.opened(Ok(maildrop.entries().to_vec()));
                        self.maildrop = Some(Arc::new(Mutex::new(maildrop)));
                    }
                    Err(error) => endpoint.opened(Err(error)),
                }
            }
            Event::Retrieve(index) => self.send(endpoint, index, None).await,
            Event::Top(index, lines) => self.send(endpoint, index, Some(lines)).await,
            Event::Commit(deleted) => {
                let all = self.with(move |maildrop| maildrop.commit(&deleted)).await;
                self.maildrop = None;
                endpoint.committed(all.unwrap_or(false));
            }
            _ => endpoint.unreadable(),
        }
        Ok(())
    }
}
