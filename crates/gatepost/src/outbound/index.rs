//! What the queue holds, in memory: who is due when, and what is running.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use super::Limits;
use super::live::Live;
use super::route::Destination;
use crate::queue::{Entry, State};

/// A message for a destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Job {
    pub(crate) id: String,
    pub(crate) destination: Destination,
}

#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Octets by message.
    held: HashMap<String, u64>,
    /// The sum of it.
    octets: u64,
    due: HashMap<Destination, BTreeSet<(SystemTime, String)>>,
    /// When the first message of each destination is due.
    first: BTreeSet<(SystemTime, Destination)>,
    running: HashMap<Destination, BTreeSet<String>>,
    /// Envelopes that are worked on, and by how many.
    live: HashMap<String, (Arc<Live>, usize)>,
}

impl Index {
    /// Knows of a message, or what became of it. What runs is left alone: it is known again when it ends.
    pub(crate) fn learn(&mut self, entry: &Entry, smarthost: bool) {
        let before = self.held.insert(entry.id.clone(), entry.size).unwrap_or(0);
        self.octets = self.octets.saturating_sub(before).saturating_add(entry.size);
        let mut due: HashMap<Destination, SystemTime> = HashMap::new();
        for recipient in &entry.recipients {
            let destination = match recipient.state {
                State::Pending => Destination::of(&recipient.to, smarthost),
                _ if entry.owes(recipient) => Destination::Nowhere, // a crash came before the report
                _ => continue,
            };
            let next = due.entry(destination).or_insert(recipient.next);
            *next = recipient.next.min(*next);
        }
        for (destination, next) in due {
            if !self.running(&destination).contains(&entry.id) {
                self.change(destination, |due| due.insert((next, entry.id.clone())));
            }
        }
    }

    /// Changes what is due for a destination, and with it when the first is.
    fn change(&mut self, destination: Destination, change: impl FnOnce(&mut BTreeSet<(SystemTime, String)>) -> bool) {
        let due = self.due.entry(destination.clone()).or_default();
        let before = due.first().map(|(next, _)| *next);
        change(due);
        let after = due.first().map(|(next, _)| *next);
        if after.is_none() {
            self.due.remove(&destination);
        }
        if let Some(before) = before.filter(|_| before != after) {
            self.first.remove(&(before, destination.clone()));
        }
        if let Some(after) = after {
            self.first.insert((after, destination));
        }
    }

    fn running(&self, destination: &Destination) -> &BTreeSet<String> {
        const NONE: &BTreeSet<String> = &BTreeSet::new();
        self.running.get(destination).unwrap_or(NONE)
    }

    /// Forgets what is due, but not what runs.
    pub(crate) fn clear(&mut self) {
        self.due.clear();
        self.first.clear();
        self.held.retain(|id, _| self.live.contains_key(id));
        self.octets = self.held.values().sum();
    }

    /// A job that may run now, which counts as running from here on.
    pub(crate) fn start(&mut self, now: SystemTime, limits: &Limits) -> Option<Job> {
        if self.running.values().map(BTreeSet::len).sum::<usize>() >= limits.deliveries {
            return None;
        }
        // whoever has waited longest; no more destinations are passed over than have deliveries running
        let waiting = self.first.iter().take_while(|(next, _)| *next <= now).map(|(_, destination)| destination);
        let mut free = waiting.filter(|destination| self.running(destination).len() < limits.per_destination);
        let (first, destination) = free.find_map(|destination| {
            let mut due = self.due.get(destination)?.iter().take_while(|(next, _)| *next <= now);
            let first = due.find(|(_, id)| !self.is_sent_another_way(destination, id))?;
            Some((first.clone(), destination.clone()))
        })?;
        self.change(destination.clone(), |due| due.remove(&first));
        self.running.entry(destination.clone()).or_default().insert(first.1.clone());
        Some(Job { id: first.1, destination })
    }

    /// Whether the message is being sent as it was before a reload, to a smarthost or without it: its recipients are the same.
    fn is_sent_another_way(&self, destination: &Destination, id: &str) -> bool {
        let is_smarthost = |destination: &Destination| *destination == Destination::Smarthost;
        let mut others = self.running.iter().filter(|(other, _)| is_smarthost(other) != is_smarthost(destination));
        others.any(|(_, ids)| ids.contains(id))
    }

    /// A job has ended.
    pub(crate) fn end(&mut self, job: &Job) {
        if let Some(running) = self.running.get_mut(&job.destination) {
            running.remove(&job.id);
            if running.is_empty() {
                self.running.remove(&job.destination);
            }
        }
    }

    /// A job that could not be done is due again later.
    pub(crate) fn put_off(&mut self, job: Job, next: SystemTime) {
        self.change(job.destination, |due| due.insert((next, job.id)));
    }

    /// When the next job is due, whether or not it may run then.
    pub(crate) fn next(&self) -> Option<SystemTime> {
        self.first.first().map(|(next, _)| *next)
    }

    /// Whether something is due for a destination.
    pub(crate) fn is_due(&self, destination: &Destination, now: SystemTime) -> bool {
        self.due.get(destination).and_then(BTreeSet::first).is_some_and(|(next, _)| *next <= now)
    }

    pub(crate) fn is_idle(&self, now: SystemTime) -> bool {
        self.running.is_empty() && self.next().is_none_or(|next| next > now)
    }

    /// The envelope that other tasks work on already, or this one.
    pub(crate) fn share(&mut self, id: &str, fresh: Arc<Live>) -> Arc<Live> {
        let (live, users) = self.live.entry(id.to_owned()).or_insert((fresh, 0));
        *users += 1;
        Arc::clone(live)
    }

    /// One task less works on it.
    pub(crate) fn unshare(&mut self, id: &str) {
        if let Some((_, users)) = self.live.get_mut(id) {
            *users = users.saturating_sub(1);
            if *users == 0 {
                self.live.remove(id);
            }
        }
    }

    /// The message is not in the queue any more.
    pub(crate) fn forget(&mut self, id: &str) {
        self.octets = self.octets.saturating_sub(self.held.remove(id).unwrap_or(0));
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn has_room(&self, limits: &Limits) -> bool {
        self.held.len() < limits.messages && self.octets < limits.octets
    }
}
