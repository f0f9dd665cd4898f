//! The engine: it starts what is due, and writes down what comes of it.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use gatepost_dns::Resolver;
use gatepost_smtp::{Class, Status};
use gatepost_syntax::Domain;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::deliver::Mail;
use super::index::{Index, Job};
use super::live::{Live, blocking};
use super::retry::after;
use super::route::Destination;
use super::{Relay, Sender};
use crate::delivery::Shared;
use crate::front::Site;
use crate::queue::{Draft, Entry, Lock, Queue, Ready, Recipient, Said, State};
use crate::server::Error;

/// How often the queue is looked at although nothing is due: somebody else may have changed it, or the clock.
const GLANCE: Duration = Duration::from_secs(5);

/// The queue with all that empties it.
pub(crate) struct Engine {
    pub(super) queue: Queue,
    sender: ArcSwap<Sender>,
    /// Two servers would deliver twice.
    _lock: Lock,
    index: Mutex<Index>,
    noticing: tokio::sync::Mutex<()>,
    wake: Notify,
    ended: Notify,
}

/// The queue of a server that runs.
#[derive(Clone)]
pub struct Outbound {
    engine: Arc<Engine>,
}

impl std::fmt::Debug for Outbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outbound").field("queue", &self.engine.queue).field("len", &self.len()).finish()
    }
}

impl Outbound {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Outbound { engine }
    }

    pub(crate) fn engine(&self) -> Arc<Engine> {
        Arc::clone(&self.engine)
    }

    /// How many messages are in the queue.
    pub fn len(&self) -> usize {
        self.engine.index().len()
    }

    /// Whether the queue is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The folder, to look into.
    pub fn queue(&self) -> &Queue {
        &self.engine.queue
    }

    /// Looks at the clock and at what others changed, and returns once nothing is due and nothing is running.
    pub async fn flush(&self) {
        Arc::clone(&self.engine).notice().await;
        self.engine.wake.notify_one();
        loop {
            let ended = self.engine.ended.notified();
            if self.engine.index().is_idle(self.engine.now()) {
                return;
            }
            ended.await;
        }
    }
}

impl Engine {
    /// Reads the queue's folder.
    pub(crate) fn open(relay: Relay, hostname: Domain, dns: Arc<dyn Resolver>) -> Result<Self, Error> {
        let folder = relay.folder.clone();
        let failed = |error| Error::Queue { folder: folder.display().to_string(), error };
        let queue = Queue::open(&folder).map_err(failed)?;
        let lock = queue.lock().map_err(failed)?;
        queue.recover().map_err(failed)?;
        let sender = Sender::new(relay, hostname, dns).map_err(|error| failed(io::Error::other(error)))?;
        let engine = Engine {
            queue,
            sender: ArcSwap::from_pointee(sender),
            _lock: lock,
            index: Mutex::default(),
            noticing: tokio::sync::Mutex::default(),
            wake: Notify::new(),
            ended: Notify::new(),
        };
        engine.read().map_err(failed)?;
        Ok(engine)
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends another way from here on; the folder stays. Deliveries that run end as they began.
    pub(crate) fn adopt(&self, relay: Relay, hostname: Domain, dns: Arc<dyn Resolver>) -> Result<(), Error> {
        let failed = |error| Error::Queue { folder: self.queue.folder().display().to_string(), error };
        let sender = Sender::new(relay, hostname, dns).map_err(|error| failed(io::Error::other(error)))?;
        self.sender.store(Arc::new(sender));
        self.read().map_err(failed)?; // who waits for which destination may have changed
        self.wake.notify_one();
        Ok(())
    }

    pub(super) fn sender(&self) -> Arc<Sender> {
        self.sender.load_full()
    }

    /// Learns all that lies in the folder.
    fn read(&self) -> io::Result<()> {
        let mut index = self.index(); // held meanwhile: what is accepted now is learned after this
        let entries = self.queue.entries()?;
        index.clear();
        for entry in entries {
            match entry {
                Ok(entry) => index.learn(&entry, self.sender().is_smarthost()),
                Err(error) => tracing::error!(%error, "an envelope can not be read"),
            }
        }
        Ok(())
    }

    /// Learns what somebody else changed.
    async fn notice(self: Arc<Self>) {
        let _alone = self.noticing.lock().await;
        let engine = Arc::clone(&self);
        let read = tokio::task::spawn_blocking(move || match engine.queue.was_changed() {
            true => engine.read(),
            false => Ok(()),
        });
        if let Err(error) = read.await.map_err(io::Error::other).and_then(|read| read) {
            tracing::error!(%error, "the queue can not be read");
        }
    }

    /// The time by the engine's clock.
    pub(crate) fn now(&self) -> SystemTime {
        self.sender().now()
    }

    /// Begins a message; `None` when the queue is full.
    pub(crate) fn begin(&self) -> io::Result<Option<Draft>> {
        if self.index().has_room(&self.sender().relay.limits) { self.queue.begin().map(Some) } else { Ok(None) }
    }

    /// Accepts a message: it is in the queue, for good, when this returns.
    pub(crate) fn accept(&self, ready: Ready) -> io::Result<()> {
        let entry = ready.commit()?;
        tracing::info!(id = entry.id, from = %entry.from, recipients = entry.recipients.len(), "queued");
        self.index().learn(&entry, self.sender().is_smarthost());
        self.wake.notify_one();
        Ok(())
    }

    /// Works until the server stops, and then for as long as sessions may on what is in flight. What is cut off stays queued.
    pub(crate) async fn run(self: Arc<Self>, site: Arc<ArcSwap<Site>>, mut stopping: watch::Receiver<bool>) {
        let (mut jobs, mut glanced) = (JoinSet::new(), None::<Instant>);
        while !*stopping.borrow() {
            if glanced.is_none_or(|at| at.elapsed() >= GLANCE) {
                Arc::clone(&self).notice().await;
                glanced = Some(Instant::now());
            }
            while jobs.try_join_next().is_some() {} // one round for all that ended meanwhile
            let now = self.now();
            while let Some(job) = self.start(now) {
                jobs.spawn(Arc::clone(&self).job(Arc::clone(&site.load().shared), job));
            }
            self.ended.notify_waiters();
            let next = self.index().next().and_then(|next| next.duration_since(now).ok()).unwrap_or(GLANCE);
            // what is due and may not run yet waits for the end of a job
            let pause = if next.is_zero() { GLANCE } else { next.min(GLANCE) };
            tokio::select! {
                _ = stopping.changed() => break,
                () = self.wake.notified() => {}
                _ = jobs.join_next(), if !jobs.is_empty() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        let grace = site.load().shared.limits.grace;
        let finished = async { while jobs.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, finished).await.is_err() {
            tracing::warn!(left = jobs.len(), "deliveries are cut off; their messages stay queued");
        }
        self.sender().kept.end().await;
    }

    fn start(&self, now: SystemTime) -> Option<Job> {
        self.index().start(now, &self.sender().relay.limits)
    }

    async fn job(self: Arc<Self>, shared: Arc<Shared>, job: Job) {
        match self.work(&shared, &job).await {
            Ok(Some(entry)) => {
                let mut index = self.index();
                index.end(&job);
                index.learn(&entry, self.sender().is_smarthost());
            }
            Ok(None) => {
                let mut index = self.index();
                index.end(&job);
                index.forget(&job.id);
            }
            Err(error) => {
                tracing::error!(id = job.id, %error, "the queue can not be written; the message is tried again later");
                let mut index = self.index();
                index.end(&job);
                index.put_off(job.clone(), after(self.now(), self.sender().relay.retry.first));
            }
        }
        self.index().unshare(&job.id);
    }

    /// One attempt; the envelope as it is now, or `None` when nothing is left of it.
    async fn work(&self, shared: &Arc<Shared>, job: &Job) -> io::Result<Option<Entry>> {
        let Some(live) = self.live(&job.id).await? else {
            return Ok(None);
        };
        let (entry, sender, now) = (live.entry(), self.sender(), self.now());
        let is_due = |recipient: &Recipient| {
            let here = Destination::of(&recipient.to, sender.is_smarthost()) == job.destination;
            here && recipient.state == State::Pending && recipient.next <= now
        };
        let due = entry.recipients.iter().enumerate().filter(|(_, recipient)| is_due(recipient));
        let due: Vec<usize> = due.map(|(index, _)| index).collect();
        if !due.is_empty() {
            let is_more_due = || self.index().is_due(&job.destination, self.now());
            let mail = Mail { live: &live, is_more_due: &is_more_due };
            let attempt = sender.attempt(&mail, &job.destination, due.clone());
            let said = match tokio::time::timeout(sender.relay.limits.attempt, attempt).await {
                Ok(said) => said,
                Err(_) => due.iter().map(|index| (*index, too_long(now))).collect(),
            };
            self.settle(&live, &due, said).await?;
        }
        self.report(shared, &live).await?;
        let entry = live.entry();
        if entry.is_finished() {
            blocking(&live, Live::sync).await?;
            return Ok(None);
        }
        Ok(Some(entry))
    }

    async fn live(&self, id: &str) -> io::Result<Option<Arc<Live>>> {
        let (queue, name) = (self.queue.clone(), id.to_owned());
        let read = tokio::task::spawn_blocking(move || {
            let entry = queue.read(&name)?;
            let there = queue.message(&name).is_ok();
            if entry.is_some() && !there {
                tracing::error!(id = name, "an envelope without its message is removed");
                queue.forget(&name)?;
            }
            Ok::<_, io::Error>(entry.filter(|_| there).map(|entry| Arc::new(Live::new(queue, entry))))
        });
        let fresh = read.await.map_err(io::Error::other)??;
        Ok(fresh.map(|fresh| self.index().share(id, fresh)))
    }

    /// Writes down what was said. Whoever was tried, and of whom nothing is said, has the message.
    async fn settle(&self, live: &Arc<Live>, due: &[usize], said: BTreeMap<usize, Said>) -> io::Result<()> {
        let (now, retry) = (self.now(), self.sender().relay.retry.clone());
        let id = live.entry().id;
        for (index, answer) in &said {
            tracing::info!(id, recipient = index, %answer, "not delivered");
        }
        let due = due.to_vec();
        let change = move |entry: &mut Entry| {
            for index in &due {
                let Some(recipient) = entry.recipients.get_mut(*index) else {
                    continue;
                };
                recipient.attempts = recipient.attempts.saturating_add(1);
                let Some(answer) = said.get(index).filter(|_| recipient.state == State::Pending) else {
                    recipient.state = State::Delivered;
                    continue;
                };
                recipient.last = Some(answer.clone());
                match retry.next(entry.arrived, recipient.attempts, now) {
                    Some(next) if !answer.status.is_permanent() => recipient.next = next,
                    _ => recipient.state = State::Failed,
                }
            }
        };
        blocking(live, move |live| live.change(change)).await
    }
}

fn too_long(now: SystemTime) -> Said {
    let reason = Some("the attempt took too long".to_owned());
    Said { at: now, status: Status::new(Class::Transient, 4, 2), host: None, reply: None, reason }
}
