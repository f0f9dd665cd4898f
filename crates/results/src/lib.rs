#![forbid(unsafe_code)]
//! How e-mail authentication results are said: Authentication-Results, Received-SPF and explanation outlines
