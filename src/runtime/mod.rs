//! The loops: descriptors become events, actions become calls.
//!
//! `boot` reads what is to be run and makes the `supervisor` loop, which gathers events (`gather`) and performs
//! actions (`perform`, starts with `launcher`). What units give signs by is in `signs`: `probes`, `notify`, `mains`.
//! `proxy` is wmpidproxy's own, smaller loop.

mod adoption;
pub mod boot;
pub mod configuration;
mod daemon;
mod gather;
mod last_due;
mod launcher;
mod mains;
mod notify;
pub mod outputs;
mod perform;
mod pidfile;
mod probes;
pub mod proxy;
pub mod rehearsal;
mod reload;
pub mod resolve;
mod rest;
mod signs;
mod strays;
mod supervisor;
pub mod zones;
