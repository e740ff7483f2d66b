//! The loops: descriptors become events, actions become calls.

pub mod daemon;
pub mod pidfile;
pub mod proxy;
