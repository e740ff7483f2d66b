//! What others say: an HTTP server's first lines, `/etc/hosts`, and what a service tells by sd_notify(3). Bytes in,
//! words out; `runtime::probes`, `runtime::resolve` and `runtime::notify` move the bytes.

pub mod hosts;
pub mod http;
pub mod notice;
