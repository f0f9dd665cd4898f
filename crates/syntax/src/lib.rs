#![forbid(unsafe_code)]
#![doc = include_str!("../README.md")]

pub mod author;
pub mod base64;
pub mod cfws;
mod date;
mod domain;
mod escape;
pub mod header;
mod mailbox;
mod path;
pub mod taglist;

pub use author::{AuthorError, AuthorLimits, Authors};
pub use date::date_time;
pub use domain::{Domain, DomainError, DomainRef};
pub use escape::escape;
pub use header::{Defect, Fed, Field, HeaderBlock, HeaderError, HeaderLimits, NameKey, Splitter};
pub use mailbox::{Host, Mailbox, MailboxError};
pub use path::{ForwardPath, ReversePath};
pub use taglist::{Tag, TagList, TagListError};
