//! Wingmate: the init, service supervisor and cron of a container.
//!
//! THE MAP. An arrow may only point down; `tests/layers.rs` reads the `use` lines and keeps it so.
//!
//! ```text
//!  5 doors     applets/                     argv → one call into the library; prints; exit status
//!  4 loops     runtime                      descriptors → events → supervisor → actions → sys
//!  3 hands     sys                          the only unsafe, the only system calls beyond std's
//!  ─────────── below this line: pure. No files, processes, sockets, threads, environment, clock ───────────
//!  2 deciders  supervise launch logs        words + events → actions, plans
//!  1 readers   config schedule wire         text and bytes ↔ words
//!  0 words     model text                   types, positions; know nothing
//! ```
//!
//! Reading order: `model::service`, `supervise::service` (one service's machine), `supervise`
//! (all of them together), `runtime::supervisor` (the loop that performs it), `runtime::perform`.

pub mod config;
pub mod launch;
mod logs;
pub mod model;
pub mod runtime;
pub mod schedule;
mod supervise;
pub mod sys;
pub mod text;
mod wire;
