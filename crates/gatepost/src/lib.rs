#![forbid(unsafe_code)]
//! A working mail server from the gatepost crates: listeners, TLS, judgement of arriving mail, signing, stores
