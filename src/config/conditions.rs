//! Values of the keys that say what a service waits for and is watched by: dependencies, readiness, health.

use super::keys;
use super::reading::Field;
use super::schema::{self, Unit};
use super::yaml::Value;
use crate::model::service::{Address, Condition, Health, Probe, READY_INTERVAL, READY_TIMEOUT, Ready, ReadyKind, Url};
use crate::text::diagnostic::Span;
use std::path::PathBuf;
use std::time::Duration;

/// No shorter interval makes sense: a probe takes about as long, and wingmate must not spin.
const SHORTEST: Duration = Duration::from_millis(10);

/// A dependency as it is written: what it means is known when all units are.
#[derive(Clone)]
pub struct Need {
    pub name: String,
    pub condition: Option<Condition>,
    pub span: Span,
}

/// `ready:` or `health:` before it is whole.
#[derive(Clone, Default)]
pub struct Sign {
    /// What it shows in, and where that stands; more than one is an error.
    pub kinds: Vec<(&'static str, Span, ReadyKind)>,
    pub interval: Option<Duration>,
    pub timeout: Option<Duration>,
    pub retries: Option<u32>,
    pub start_period: Option<Duration>,
}

impl Sign {
    fn add(&mut self, field: &Field<'_, '_>, kind: Option<ReadyKind>) {
        self.kinds.extend(kind.map(|kind| (field.name, field.span, kind)));
    }

    /// What `ready:` asks for; `None`: only how long a daemon may take.
    pub fn ready(mut self, with_pidfile: Option<Duration>) -> Option<Ready> {
        let (_, _, kind) = self.kinds.pop()?;
        let interval = self.interval.unwrap_or(READY_INTERVAL);
        Some(Ready { kind, interval, timeout: self.timeout.or(with_pidfile).unwrap_or(READY_TIMEOUT) })
    }

    /// What `health:` asks for.
    pub fn health(mut self) -> Option<Health> {
        let (_, _, ReadyKind::Probe(probe)) = self.kinds.pop()? else { return None };
        Some(Health {
            probe,
            interval: self.interval.unwrap_or(Duration::from_secs(10)),
            timeout: self.timeout.unwrap_or(Duration::from_secs(3)),
            retries: self.retries.unwrap_or(3),
            start_period: self.start_period.unwrap_or_default(),
        })
    }
}

/// A list of names, or a map of names to `{condition}`.
pub fn depends_on(field: &mut Field<'_, '_>, unit: &mut Unit) {
    let must = "a list of names, or a map of names to {condition: started|ready|completed}";
    let mut needs: Vec<Need> = Vec::new();
    match &field.node.value {
        Value::Map(entries) => {
            for entry in entries.iter() {
                let mut condition = None;
                let mut value =
                    Field { reading: field.reading, name: "depends_on", span: entry.span, node: &entry.node };
                match &entry.node.value {
                    Value::Map(_) => drop(value.map(keys::DEPENDENCY, &mut condition)),
                    Value::Null => {}
                    Value::Text(_) | Value::List(_) => value.wrong_kind(must),
                }
                needs.push(Need { name: entry.key.to_string(), condition, span: entry.span });
            }
        }
        _ => drop(field.items(must, |item| {
            if let Some(name) = item.word("a service's name") {
                needs.push(Need { name: name.to_owned(), condition: None, span: item.node.span });
            }
        })),
    }
    for (number, need) in needs.iter().enumerate() {
        if needs.iter().take(number).any(|earlier| earlier.name == need.name) {
            field.reading.error(need.span, format!("'{}' is named twice", need.name));
        }
    }
    unit.needs = needs;
}

/// A duration that something is done at again and again, or that something must not take longer than.
pub fn interval(field: &mut Field<'_, '_>) -> Option<Duration> {
    let interval = field.duration()?;
    if interval < SHORTEST {
        field.error(format!("'{}' must be at least 10ms", field.name));
        return None;
    }
    Some(interval)
}

/// `retries`.
pub fn retries(field: &mut Field<'_, '_>) -> Option<u32> {
    let retries = field.number(u32::MAX)?;
    if retries == 0 {
        field.error("'retries' must be at least 1: so many failures in a row are one too many");
        return None;
    }
    Some(retries)
}

/// `HOST:PORT`.
pub fn tcp(field: &mut Field<'_, '_>, draft: &mut Sign) {
    let Some(text) = field.word("HOST:PORT") else { return };
    match address(text, None) {
        Some(address) => draft.add(field, Some(ReadyKind::Probe(Probe::Tcp(address)))),
        None => field
            .error(format!("'{text}' is not HOST:PORT (127.0.0.1:80, [::1]:80, localhost:80; a port from 1 to 65535)")),
    }
}

/// A socket's path.
pub fn unix(field: &mut Field<'_, '_>, draft: &mut Sign) {
    let Some(path) = field.word("a socket's path") else { return };
    // sun_path of unix(7), its final NUL included.
    if path.len() > 107 {
        return field.error(format!("a socket's path has at most 107 bytes, this has {}", path.len()));
    }
    draft.add(field, Some(ReadyKind::Probe(Probe::Unix(path.into()))));
}

/// `http://HOST[:PORT][/PATH]`.
pub fn http(field: &mut Field<'_, '_>, draft: &mut Sign) {
    let Some(text) = field.word("http://HOST[:PORT][/PATH]") else { return };
    if text.starts_with("https:") {
        return field.error("only http:// is probed; for https use exec with a client of your own, or tcp");
    }
    let url = text.strip_prefix("http://").and_then(|rest| {
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at_checked(end)?;
        let path = path.split('#').next().unwrap_or_default();
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let clean = path.bytes().all(|b| b.is_ascii_graphic());
        let address = address(host, Some(80)).filter(|_| clean && !host.contains('@'))?;
        Some(Url { address, path })
    });
    match url {
        Some(url) => draft.add(field, Some(ReadyKind::Probe(Probe::Http(url)))),
        None => field.error(format!("'{text}' is not http://HOST[:PORT][/PATH]")),
    }
}

/// A command.
pub fn exec(field: &mut Field<'_, '_>, draft: &mut Sign) {
    let command = schema::command(field);
    draft.add(field, (!command.is_empty()).then_some(ReadyKind::Probe(Probe::Exec(command))));
}

/// A file's path.
pub fn file(field: &mut Field<'_, '_>, draft: &mut Sign) {
    let path = field.word("a path").map(PathBuf::from);
    draft.add(field, path.map(|path| ReadyKind::Probe(Probe::File(path))));
}

/// Text in a line of output.
pub fn log(field: &mut Field<'_, '_>, draft: &mut Sign) {
    let Some(text) = field.word("some text of a line") else { return };
    if text.contains('\n') {
        return field.error("'log' is looked for in single lines: it can't have a line's end in it");
    }
    draft.add(field, Some(ReadyKind::Log(text.to_owned())));
}

/// `true`.
pub fn notify(field: &mut Field<'_, '_>, draft: &mut Sign) {
    match field.flag() {
        Some(true) => draft.add(field, Some(ReadyKind::Notify)),
        Some(false) => field.error("'notify' can only be true; leave it out otherwise"),
        None => {}
    }
}

/// A descriptor's number.
pub fn fd(field: &mut Field<'_, '_>, draft: &mut Sign) {
    match field.number(i32::MAX.unsigned_abs()) {
        Some(number @ 0..3) => {
            field.error(format!("'fd' must be 3 or more: {number} is one of the standard streams"));
        }
        Some(number @ 3..=1_023) => draft.add(field, i32::try_from(number).ok().map(ReadyKind::Fd)),
        Some(_) => field.error("'fd' must be below 1024"),
        None => {}
    }
}

/// `HOST:PORT`, `[V6]:PORT`; a bare port is one of this machine's. `default`: the port where none is written.
fn address(text: &str, default: Option<u16>) -> Option<Address> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            host.parse::<core::net::Ipv6Addr>().ok()?;
            (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some(""))?)
        }
        None => text.rsplit_once(':').unwrap_or((text, "")),
    };
    let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    let port = if port.is_empty() { default } else { port.parse().ok().filter(|port| digits && *port > 0) }?;
    let host = if host.is_empty() && default.is_none() { "127.0.0.1" } else { host };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-_:".contains(&b);
    let colons = !text.starts_with('[') && host.contains(':');
    let fits = !host.is_empty() && host.len() <= 253 && host.bytes().all(allowed) && !colons;
    fits.then(|| Address { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let rows = [
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]:5432", "[::1]:5432"),
            ("localhost:65535", "localhost:65535"),
            ("db_1.internal:1", "db_1.internal:1"),
            (":80", "127.0.0.1:80"),
        ];
        for (text, spoken) in rows {
            assert_eq!(address(text, None).map(|address| address.to_string()).as_deref(), Some(spoken), "{text}");
        }
        for text in
            ["", "80", "a", "a:", "a:0", "a:65536", "a:+1", "::1:80", "[::1]", "[::1]80", "[x]:80", "a b:1", "a:b:1"]
        {
            assert_eq!(address(text, None), None, "{text}");
        }
        assert_eq!(address("web", Some(80)).map(|address| address.port), Some(80));
        assert_eq!(address("", Some(80)), None);
    }
}
