//! The deciders: events in, actions out. No clock, no descriptor, no process in here.

pub mod adoption;
pub mod proxy;
pub mod sweep;
