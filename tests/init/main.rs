//! `wingmate -c DIR [-- COMMAND]` through the real binary, a file for each promise: as process 1 of a pid namespace,
//! and as an ordinary process beside others. Needs `unshare`, and root or user namespaces.
//!
//! Where a program waits to be signalled it is a shell that sleeps in short pieces: a signal that comes just before a
//! `read` or between a `fork` and its exec would else be waited over, or miss who it was for.

#[path = "../world/lines.rs"]
mod lines;
#[path = "../world/rest.rs"]
mod rest;
#[path = "../world/terminal.rs"]
mod terminal;
#[path = "../world/wingmate.rs"]
mod world;

mod bare;
mod children;
mod cron;
mod daemon_ends;
mod daemons;
mod jobs;
mod log;
mod main_command;
mod oom;
mod order;
mod orphans;
mod plain;
mod process;
mod ready;
mod refusals;
mod reload;
mod services;
mod shutdown;
mod signals;
mod termination;
