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
    due: HashMap<Destination, BTreeSet<(SystemTime, String)>>,
    running: HashMap<Destination, BTreeSet<String>>,
    /// Envelopes that are worked on, and by how many.
    live: HashMap<String, (Arc<Live>, usize)>,
}

impl Index {
    /// Knows of a message, or what became of it. What runs is left alone: it is known again when it ends.
    pub(crate) fn learn(&mut self, entry: &Entry, smarthost: bool) {
        self.held.insert(entry.id.clone(), entry.size);
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
                self.due.entry(destination).or_default().insert((next, entry.id.clone()));
            }
        }
    }

    fn running(&self, destination: &Destination) -> &BTreeSet<String> {
        const NONE: &BTreeSet<String> = &BTreeSet::new();
        self.running.get(destination).unwrap_or(NONE)
    }

    /// Forgets what is due, but not what runs.
    pub(crate) fn clear(&mut self) {
        self.due.clear();
        self.held.retain(|id, _| self.live.contains_key(id));
    }

    /// A job that may run now, which counts as running from here on.
    pub(crate) fn start(&mut self, now: SystemTime, limits: &Limits) -> Option<Job> {
        if self.running.values().map(BTreeSet::len).sum::<usize>() >= limits.deliveries {
            return None;
        }
        let due = self.due.iter().filter_map(|(destination, set)| {
            let first = set.iter().find(|(_, id)| !self.is_sent_another_way(destination, id))?;
            Some((first, destination))
        });
        let free = |destination: &Destination| self.running(destination).len() < limits.per_destination;
        let ready = due.filter(|((next, _), destination)| *next <= now && free(destination));
        // whoever has waited longest
        let (first, destination) = ready.min().map(|(first, destination)| (first.clone(), destination.clone()))?;
        if let Some(set) = self.due.get_mut(&destination) {
            set.remove(&first);
            if set.is_empty() {
                self.due.remove(&destination);
            }
        }
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
        self.due.entry(job.destination).or_default().insert((next, job.id));
    }

    /// When the next job is due, whether or not it may run then.
    pub(crate) fn next(&self) -> Option<SystemTime> {
        self.due.values().filter_map(|set| set.first()).map(|(next, _)| *next).min()
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
        self.held.remove(id);
    }

    pub(crate) fn len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn has_room(&self, limits: &Limits) -> bool {
        self.held.len() < limits.messages && self.held.values().sum::<u64>() < limits.octets
    }
}
