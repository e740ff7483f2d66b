//! The words that all rooms share. They know nothing of files, processes or clocks.

pub mod address;
pub mod capability;
pub mod command;
pub mod exit;
pub mod job;
pub mod limits;
pub mod moment;
pub mod note;
pub mod number;
pub mod process;
pub mod service;
pub mod settings;
pub mod signal;
pub mod size;
pub mod table;
pub mod unit;
pub mod variable;

use job::JobSpec;
use service::ServiceSpec;
use settings::Settings;

/// Everything that a configuration asks for, checked and resolved.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub settings: Settings,
    /// In the order in which they are to be started and shown.
    pub services: Vec<ServiceSpec>,
    pub jobs: Vec<JobSpec>,
}
