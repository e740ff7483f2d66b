//! The loops: descriptors become events, actions become calls.

pub mod outputs;
