//! From what is asked for to what is executed: accounts, environment, plan, and the ordered steps with their
//! spoken names.

pub mod accounts;
pub mod environment;
pub mod plan;
pub mod step;
pub mod strings;
